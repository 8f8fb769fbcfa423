"""Reservations, for staff: asking, seeing one's own, taking back what waits."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.accounts.access import SignedInRequest, staff_page
from crm.distribution.reserving.access import get_own_reservation, reservations_for
from crm.distribution.reserving.filters import OwnFilter
from crm.distribution.reserving.forms import AskForm
from crm.distribution.reserving.lists import default_order, tabs
from crm.distribution.views.attempt import attempt
from crm.errors import Refused
from crm.pages import go_to, page_of, render_invalid, render_page
from crm.reservations.services import ask_reservation, withdraw_reservation


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def mine(request: SignedInRequest) -> HttpResponse:
    """Asking for a customer, and what one has asked for and got."""
    form = AskForm(request.POST if request.method == "POST" else None)

    def ask() -> str:
        asked = ask_reservation(**form.named(), by=request.user)
        return _("You have asked for %(customer)s. An admin answers.") % {"customer": asked}

    if form.is_valid() and attempt(request, form, ask):
        return go_to(reverse("my_reservations"))
    chosen = OwnFilter(request.GET, reservations_for(request.user))
    rows: QuerySet = chosen.qs
    context = {
        "form": form,
        "filter": chosen,
        "tabs": tabs(chosen, "mine.reservations", request.user),
        "page": page_of(request, rows.order_by(*default_order(chosen.chosen_status))),
        "today": timezone.localdate(),
    }
    if form.is_bound:
        return render_invalid(request, "reservations/mine.html", context, piece="ask-form")
    return render_page(request, "reservations/mine.html", context, pieces=["list"])


@require_POST
def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    """Takes back what one has asked for; to everybody else it is not there."""
    own = get_own_reservation(request.user, pk)
    try:
        withdraw_reservation(reservation=own, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("You have taken back: %(customer)s.") % {"customer": own})
    return go_to(reverse("my_reservations"))
