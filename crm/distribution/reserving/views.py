"""Reservations, for admins: the list, what is done with chosen ones, one reservation, and the next nightly run."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.reserving.access import get_reservation_for
from crm.distribution.reserving.actions import ACTIONS, OF_STATUS, offered_for, offered_over, offers
from crm.distribution.reserving.covered import NAMED, matching, naming, records_of
from crm.distribution.reserving.figures import TEAM
from crm.distribution.reserving.history import conflicts_of, history
from crm.distribution.reserving.lists import ReservationList
from crm.distribution.reserving.nights import next_run
from crm.distribution.reserving.selection import Chosen, fingerprint
from crm.distribution.views.attempt import attempt
from crm.distribution.views.exports import export
from crm.pages import go_to, page_of, render_invalid, render_page
from crm.reservations.services import settings_of_reservations

MOST_CONFLICTS = 50
"""The newest of a reservation that its page shows."""

RECORD_TABS = [
    ("", gettext_lazy("All"), "reservation.records"),
    ("reserved", gettext_lazy("Reserved"), "reservation.reserved"),
    ("conflict", gettext_lazy("In conflict"), "reservation.conflict"),
]
RUN_TABS = [
    ("ends", gettext_lazy("Ends"), "expiry.ends"),
    ("warned", gettext_lazy("Warns of the end"), "expiry.warned"),
]


@require_safe
@admin_page
def reservations(request: SignedInRequest) -> HttpResponse:
    listed = ReservationList(request)
    by_status = {status: offers(verbs) for status, verbs in OF_STATUS.items()}
    context = {
        "list": listed,
        "page": listed.page,
        "rows": [(each, by_status[each.status]) for each in listed.page],
        "offers": offered_over(listed.filter.chosen_status),
        "team": TEAM,
        "today": timezone.localdate(),
    }
    return render_page(request, "reservations/list.html", context, pieces=["list"])


@require_safe
@admin_page
def export_reservations(request: SignedInRequest, format: str) -> HttpResponseBase:
    listed = ReservationList(request)
    return export(request, listed.ordered_rows, listed.columns, format, name=listed.name, total=listed.total)


@require_safe
@admin_page
def reservation(request: SignedInRequest, pk: int) -> HttpResponse:
    """One of them: its facts, the records it covers, its conflicts and its history."""
    shown, show = get_reservation_for(request.user, pk), request.GET.get("show", "")
    if show and show not in NAMED:
        raise Http404
    page = page_of(request, naming(shown, show) if show else matching(shown))
    conflicts = list(conflicts_of(shown)[: MOST_CONFLICTS + 1])
    context = {
        "reservation": shown,
        "show": show,
        "tabs": RECORD_TABS,
        "page": page,
        "records": records_of(page),
        "conflicts": conflicts[:MOST_CONFLICTS],
        "has_more_conflicts": len(conflicts) > MOST_CONFLICTS,
        "history": history(shown),
        "offers": offered_for(shown),
        "today": timezone.localdate(),
    }
    return render_page(request, "reservations/reservation.html", context, pieces=["list"])


@require_POST
@admin_page
def act(request: SignedInRequest, verb: str) -> HttpResponse:
    """Both steps of an action on chosen ones."""
    if verb not in ACTIONS:
        raise Http404
    action, confirmed = ACTIONS[verb], "token" in request.POST
    chosen = Chosen(request, action.fits)
    form = action.form(request.POST if confirmed else None, initial={"expected": fingerprint(chosen.reservations)})
    undone: list[str] = []

    def run() -> str:
        reservations = chosen.as_shown(form.cleaned_data["expected"])
        done, undone[:] = action.take(reservations, form.cleaned_data, request.user)
        return done

    if confirmed and form.is_valid() and attempt(request, form, run):
        warn_lines(request, undone)
        return go_to(chosen.next)
    context = {"action": action, "chosen": chosen, "form": form}
    if confirmed:
        # The form comes back about them as they are now; it could not be confirmed otherwise.
        form.data = {**request.POST.dict(), "expected": fingerprint(chosen.reservations)}
        return render_invalid(request, "reservations/action.html", context, piece="action-form")
    return render_page(request, "reservations/action.html", context, pieces=["dialog"])


def warn_lines(request: SignedInRequest, lines: list[str]) -> None:
    """What was not done, one below the other; nothing where all was."""
    if lines:
        messages.warning(request, format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines)))


@require_safe
@admin_page
def expiry(request: SignedInRequest) -> HttpResponse:
    """What the next nightly run will end, and of what it will warn."""
    run, show = next_run(), request.GET.get("show") or "ends"
    if show not in ("ends", "warned"):
        raise Http404
    context = {
        "run": run,
        "show": show,
        "tabs": RUN_TABS,
        "page": page_of(request, run.rows(show)),
        "settings": settings_of_reservations(),
    }
    return render_page(request, "reservations/expiry.html", context, pieces=["list"])
