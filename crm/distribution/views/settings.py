"""What the owner sets: for each module, and for reservations."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.accounts.access import SignedInRequest, owner_page
from crm.distribution.forms import SettingsForm
from crm.distribution.reserving.forms import SettingsForm as ReservationSettingsForm
from crm.distribution.settings import change_settings
from crm.pages import go_to, render_invalid, render_page
from crm.registry import modules
from crm.reservations.services import change_reservation_settings, settings_of_reservations


def _cards(sent: str = "", data: Any = None) -> dict[str, Any]:
    """A card for each module and one for reservations; that one is bound which was `sent`."""
    return {
        "forms": [SettingsForm(data if each.key == sent else None, module=each) for each in modules()],
        "reservations": ReservationSettingsForm(
            data if sent == "reservations" else None, instance=settings_of_reservations()
        ),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def module_settings(request: SignedInRequest) -> HttpResponse:
    """Each card is saved by itself."""
    if request.method != "POST":
        return render_page(request, "distribution/settings.html", _cards())
    sent = request.POST.get("module", "")
    context = _cards(sent, request.POST)
    form = next((form for form in context["forms"] if form.module.key == sent), None)
    if form is None:
        raise Http404
    if not form.is_valid():
        return render_invalid(request, "distribution/settings.html", context, piece="cards")
    change_settings(module=form.module, by=request.user, **form.cleaned_data)
    messages.success(request, _("The settings of %(module)s are saved.") % {"module": form.module})
    return go_to(request.path)


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def reservation_settings(request: SignedInRequest) -> HttpResponse:
    """How long reservations last, of all products that do not say so themselves: a card of the settings' page."""
    if request.method != "POST":
        return redirect("module_settings")
    context = _cards("reservations", request.POST)
    form = context["reservations"]
    if not form.is_valid():
        return render_invalid(request, "distribution/settings.html", context, piece="cards")
    change_reservation_settings(by=request.user, **form.cleaned_data)
    messages.success(request, _("The settings of reservations are saved."))
    return go_to(reverse("module_settings"))
