"""The lists: databases, records, batches; and what one of each shows."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page, staff_page
from crm.distribution import ledger
from crm.distribution.access import batches_for, get_batch_for, get_database_for, get_record_for
from crm.distribution.filters import BatchFilter, DatabaseFilter, search_records
from crm.distribution.forms import RandomForm
from crm.distribution.holdings import holding
from crm.distribution.imports.models import Upload
from crm.distribution.imports.uploads import can_undo_import
from crm.distribution.record_list import BatchList, RecordList
from crm.distribution.timeline import timeline
from crm.pages import page_of, render_page
from crm.registry import Module, modules


@require_safe
@admin_page
def databases(request: SignedInRequest, module: Module) -> HttpResponse:
    rows = module.Database.objects.select_related("product")
    chosen = DatabaseFilter(request.GET, rows)
    context = {"module": module, "filter": chosen, "page": page_of(request, chosen.qs)}
    context["uploads"] = Upload.objects.filter(module=module.key).unfinished().select_related("product", "created_by")
    return render_page(request, "distribution/databases.html", context, pieces=["list"])


@require_safe
@admin_page
def database(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    shown = get_database_for(request.user, module, pk)
    context = {
        "module": module,
        "database": shown,
        "list": RecordList(request, module, database=shown),
        "random_form": RandomForm(database=shown),
        "can_undo_import": can_undo_import(shown),
    }
    return render_page(request, "distribution/database.html", context, pieces=["list"])


@require_safe
@admin_page
def records(request: SignedInRequest, module: Module) -> HttpResponse:
    context = {"module": module, "list": RecordList(request, module)}
    return render_page(request, "distribution/records.html", context, pieces=["list"])


@require_safe
def record(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    shown = get_record_for(request.user, module, pk)
    cells = zip(shown.database.columns, shown.data, strict=False)
    context = {"module": module, "record": shown, "cells": cells, "timeline": timeline(shown)}
    return render_page(request, "distribution/record.html", context)


@require_safe
@admin_page
def batches(request: SignedInRequest, module: Module) -> HttpResponse:
    chosen = BatchFilter(request.GET, batches_for(request.user, module))
    context = {"module": module, "filter": chosen, "page": page_of(request, chosen.qs)}
    return render_page(request, "distribution/batches.html", context, pieces=["list"])


@require_safe
def batch(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """The card, the ledger that explains its counts, and the rows behind each of them."""
    shown = get_batch_for(request.user, module, pk)
    context = {
        "module": module,
        "batch": shown,
        "list": BatchList(request, shown),
        "ledger": ledger.lines(shown),
        "ledger_link": None if request.user.is_admin else "#ledger",
    }
    return render_page(request, "distribution/batch.html", context, pieces=["list"])


@require_safe
@staff_page
def mine(request: SignedInRequest, module: Module) -> HttpResponse:
    """A staff member's own records of a module: the batch cards and the table."""
    own = [holding(other, request.user) for other in modules()]
    shown = next(each for each in own if each.module == module)
    text = request.GET.get("q", "").replace("\0", "").strip()
    rows = search_records(shown.records(), text) if text else shown.records()
    rows = rows.select_related("database", "batch").order_by("-assigned_at", "-pk")
    context = {
        "module": module,
        "own": own,
        "holding": shown,
        "batches": batches_for(request.user, module).holding(),
        "q": text,
        "page": page_of(request, rows, total=None if text else shown.assigned),
    }
    return render_page(request, "distribution/mine.html", context, pieces=["list"])
