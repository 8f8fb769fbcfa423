"""Batches: those that are with somebody as cards, and what one of them shows."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.accounts.access import SignedInRequest, staff_page
from crm.distribution import batches, cards, ledger
from crm.distribution.access import get_batch_for
from crm.distribution.holdings import holding
from crm.distribution.record_list import BatchList
from crm.distribution.work_forms import BatchNameForm
from crm.distribution.work_list import WorkList
from crm.pages import came_from, go_to, render_invalid, render_page, safe_path
from crm.registry import Module, modules


@require_safe
@staff_page
def mine(request: SignedInRequest, module: Module) -> HttpResponse:
    """A staff member's own records of a module: the batch cards and the table."""
    own = [holding(other, request.user) for other in modules()]
    order = request.GET.get("cards", "")
    context = {
        "module": module,
        "own": own,
        "list": WorkList(request, module),
        "cards": cards.cards(module, request.user, order=order),
        "card_orders": cards.ORDERS,
        "order": order if order in cards.ORDERS else "newest",
        "last_worked": cards.last_worked([module], request.user),
    }
    return render_page(request, "distribution/mine.html", context, pieces=["list"])


@require_safe
def batch(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """The records to work, the ledger that explains the counts, and the rows behind each of them."""
    shown = get_batch_for(request.user, module, pk)
    context = {
        "module": module,
        "batch": shown,
        "list": WorkList(request, module, batch=shown),
        "gone": BatchList(request, shown),
        "ledger": ledger.lines(shown, request.user),
        "ledger_link": None if request.user.is_admin else "#ledger",
    }
    return render_page(request, "distribution/batch.html", context, pieces=["list"])


@require_safe
def continue_batch(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """To the first record to do after the one last worked."""
    shown = get_batch_for(request.user, module, pk)
    record = cards.next_to_do(shown)
    return go_to(f"{shown.get_absolute_url()}?at={record.pk}" if record else shown.get_absolute_url())


@require_POST
def pin_batch(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Only whose it is: the cards are arranged for that person."""
    shown = get_batch_for(request.user, module, pk)
    if shown.staff_id != request.user.pk:
        raise Http404
    batches.pin_batch(batch=shown, pinned=bool(request.POST.get("pinned")), by=request.user)
    return go_to(came_from(request, shown.get_absolute_url()))


@require_http_methods(["GET", "HEAD", "POST"])
def rename_batch(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    shown = get_batch_for(request.user, module, pk)
    next_page = came_from(request, shown.get_absolute_url())
    form = BatchNameForm(request.POST or None, initial={"name": shown.name, "next": next_page})
    context = {"module": module, "batch": shown, "form": form}
    if request.method != "POST":
        return render_page(request, "distribution/batch_name.html", context, pieces=["dialog"])
    if not form.is_valid():
        return render_invalid(request, "distribution/batch_name.html", context, piece="batch-name")
    batches.rename_batch(batch=shown, name=form.cleaned_data["name"], by=request.user)
    messages.success(request, _("The batch has its new name."))
    return go_to(safe_path(request, form.cleaned_data["next"], shown.get_absolute_url()))
