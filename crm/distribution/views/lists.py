"""The lists: databases, records, batches; and what one of each shows."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.access import get_database_for, get_record_for
from crm.distribution.customer import reservations_of, same_customer
from crm.distribution.forms import RandomForm
from crm.distribution.holdings import with_some_states
from crm.distribution.imports.models import Upload
from crm.distribution.imports.uploads import can_undo_import
from crm.distribution.lists import batch_list, database_list
from crm.distribution.models import Status
from crm.distribution.record_list import RecordList
from crm.distribution.timeline import timeline
from crm.pages import render_page
from crm.registry import Module


@require_safe
@admin_page
def databases(request: SignedInRequest, module: Module) -> HttpResponse:
    listed = database_list(request, module)
    context = {"module": module, "list": listed, "page": listed.page}
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
    own = [shown] if shown.status == Status.ASSIGNED and shown.assignee_id == request.user.pk else []
    context = {
        "module": module,
        "record": shown,
        "cells": cells,
        "timeline": timeline(shown, request.user),
        "own": own,
        "reservations": reservations_of(shown, request.user),
        "elsewhere": same_customer(shown, request.user),
        "today": timezone.localdate(),
    }
    return render_page(request, "distribution/record.html", context)


@require_safe
@admin_page
def batches(request: SignedInRequest, module: Module) -> HttpResponse:
    listed = batch_list(request, module)
    listed.page.object_list = with_some_states(module, listed.page, ["conflict"])
    context = {"module": module, "list": listed, "page": listed.page}
    return render_page(request, "distribution/batches.html", context, pieces=["list"])
