"""Admins enter reservations: one, or many at once."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.exports import csv_lines
from crm.distribution.reserving.actions import grouped, said
from crm.distribution.reserving.forms import AddForm, AddManyForm
from crm.distribution.reserving.pasted import MOST_BYTES
from crm.distribution.reserving.reports import Report, keep_report, kept_report
from crm.distribution.views.attempt import attempt
from crm.pages import ROWS_PER_PAGE, go_to, render_invalid, render_page, takes_files
from crm.reservations.entries import LABELS, Outcome
from crm.reservations.entries import add_reservations as enter
from crm.reservations.services import Effect
from crm.reservations.services import add_reservation as enter_one


@require_http_methods(["GET", "HEAD", "POST"])
@admin_page
def add_reservation(request: SignedInRequest) -> HttpResponse:
    """One, in force at once."""
    form = AddForm(request.POST if request.method == "POST" else None)
    done: list[Effect] = []

    def add() -> str:
        done.append(enter_one(**form.named(), by=request.user))
        [added] = done[0].reservations
        first = _("%(customer)s is reserved for %(name)s.") % {"customer": added, "name": added.staff}
        return said(first, done[0])

    if form.is_valid() and attempt(request, form, add):
        return go_to(reverse("reservation", args=[done[0].reservations[0].pk]) if done else reverse("reservations"))
    if form.is_bound:
        return render_invalid(request, "reservations/add.html", {"form": form}, piece="entry-form")
    return render_page(request, "reservations/add.html", {"form": form})


@takes_files(MOST_BYTES)
@require_http_methods(["GET", "HEAD", "POST"])
@admin_page
def add_reservations(request: SignedInRequest) -> HttpResponse:
    """Many, pasted or in a file. A form that is sent again leads to the report of the first time."""
    sent = request.method == "POST"
    form = AddManyForm(request.POST if sent else None, request.FILES if sent else None)

    def add() -> str:
        asked = form.named()
        entered = enter(**asked, by=request.user)
        token = form.cleaned_data["token"]
        keep_report(token=token, entered=entered, product=asked["product"], staff=asked["staff"], by=request.user)
        added = entered.count(Outcome.ADDED)
        first = ngettext("%(n)s customer reserved for %(name)s.", "%(n)s customers reserved for %(name)s.", added)
        return said(first % {"n": grouped(added), "name": asked["staff"]}, entered.effect)

    if form.is_valid() and attempt(request, form, add):
        return go_to(reverse("entered_reservations", args=[form.cleaned_data["token"]]))
    if form.is_bound:
        return render_invalid(request, "reservations/add_many.html", {"form": form}, piece="entry-form")
    return render_page(request, "reservations/add_many.html", {"form": form})


@require_safe
@admin_page
def entered(request: SignedInRequest, token: UUID) -> HttpResponse:
    """What became of the lines: those that were not added, or those of one outcome."""
    report, shown = kept_report(token=token, by=request.user), request.GET.get("outcome", "")
    if shown and shown not in set(Outcome):
        raise Http404
    context: dict[str, Any] = {
        "report": report,
        "shown": shown,
        "outcomes": [(each.value, LABELS[each]) for each in Outcome],
    }
    if report:
        context["page"] = Paginator(report.of(shown or "left_out"), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return render_page(request, "reservations/entered.html", context, pieces=["list"])


@require_safe
@admin_page
def left_out(request: SignedInRequest, token: UUID) -> StreamingHttpResponse:
    """The lines that were not added, with the reasons, as CSV."""
    report = kept_report(token=token, by=request.user)
    if report is None:
        raise Http404
    header = [_("Line"), _("Customer id"), _("Phone"), _("Result"), _("Reason")]
    response = StreamingHttpResponse(csv_lines(header, _rows(report)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="reservations-not-added.csv"'
    return response


def _rows(report: Report) -> Iterator[list[str | int]]:
    for line in report.left_out:
        yield [line.line, line.customer_id, line.phone, str(line.label), line.detail]
