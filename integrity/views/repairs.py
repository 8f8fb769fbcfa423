"""Repairs: previewed, chosen, carried out, and read."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.views.exports import send_file
from crm.errors import Refused
from crm.pages import came_from, go_to, page_of, render_page
from integrity.access import get_run_for
from integrity.diff import changed_rows, count_rows_of, rows_of
from integrity.models import Run
from integrity.naming import Named, named, told
from integrity.reports import changed_columns, not_undone
from integrity.runs import start_preview, start_repair, start_undo

MOST_COUNTS = 20
"""So many batches and databases are listed with their counts before and after; the changes have all."""


def lead_to(request: SignedInRequest, start: Callable[[], Run], back: str) -> HttpResponse:
    """To the page of the run that `start` starts, or `back` with why it does not."""
    try:
        return go_to(start().get_absolute_url())
    except Refused as refused:
        messages.error(request, str(refused))
        return go_to(back)


@require_POST
@admin_page
def preview(request: SignedInRequest) -> HttpResponse:
    """What a repair of everything, or of the module that the form names, would do; leads to its page."""
    module = request.POST.get("module", "")
    back = came_from(request, reverse("integrity"))
    return lead_to(request, lambda: start_preview(by=request.user, module=module), back)


@require_POST
@admin_page
def carry_out(request: SignedInRequest, pk: int) -> HttpResponse:
    """Carries out the preview, but for the rows that are not ticked; or shows another page of it, with what was chosen
    on this one.
    """
    shown = get_run_for(request.user, pk)
    left_out = _left_out(request)
    if "page" in request.POST:
        return render_repair(request, shown, left_out)
    places = [_place(key) for key in left_out]
    back = shown.get_absolute_url()
    return lead_to(request, lambda: start_repair(preview=shown, by=request.user, left_out=places), back)


@require_POST
@admin_page
def undo(request: SignedInRequest, pk: int) -> HttpResponse:
    """Takes back what the repair has changed; leads to the page of that."""
    shown = get_run_for(request.user, pk)
    return lead_to(request, lambda: start_undo(repaired=shown, by=request.user), shown.get_absolute_url())


def _left_out(request: SignedInRequest) -> list[str]:
    """What was left out on other pages, and what of this page is not ticked."""
    shown = request.POST.getlist("shown")
    kept = [key for key in request.POST.getlist("left_out") if key not in shown]
    ticked = set(request.POST.getlist("ids"))
    keys = [*kept, *(key for key in shown if key not in ticked)]
    return [key for key in dict.fromkeys(keys) if key.partition(":")[2].isdecimal()]


def _place(key: str) -> tuple[str, int]:
    label, _, pk = key.partition(":")
    return label, int(pk)


def render_repair(request: SignedInRequest, shown: Run, left_out: list[str]) -> HttpResponse:
    """A preview with its rows to tick, or a repair with what it has changed and what is left."""
    number = request.POST.get("page")
    page = page_of(request, rows_of(shown), number=int(number) if number and number.isdecimal() else None)
    rows = changed_rows(shown, page.object_list)
    on_page = {row.key for row in rows}
    proof = shown.proof
    waiting = shown.findings.filter(needs_decision=True) if proof is None else proof.findings.all()
    context = {
        "run": shown,
        "page": page,
        "rows": rows,
        "left_out": left_out,
        "elsewhere": [key for key in left_out if key not in on_page],
        "proof": proof,
        "counts": changed_rows(shown, count_rows_of(shown)[:MOST_COUNTS]),
        "left": told(waiting.order_by("code", "module", "object", "object_id", "field")[:MOST_COUNTS]),
        "followers": shown.followers.exclude(kind=Run.Kind.CHECK),
        "can_undo": shown.kind == Run.Kind.REPAIR and shown.changes.filter(undone_at=None).exists(),
        "stay": _staying(shown),
    }
    return render_page(request, "integrity/repair.html", context, pieces=["list", "run-progress"])


def _staying(shown: Run) -> list[tuple[Named, str]]:
    """What an undo has left as it is, and why."""
    rows = list(not_undone(shown)[:MOST_COUNTS])
    names = named((label, pk) for label, pk, _why in rows)
    return [(names[label, pk], why) for label, pk, why in rows]


@require_safe
@admin_page
def export_changes(request: SignedInRequest, pk: int, format: str) -> HttpResponseBase:
    """Every column that the run changes, as a file."""
    shown = get_run_for(request.user, pk)
    header = ["object", "id", "field", "before", "after", "check", "why"]
    return send_file(request, header, _cells(shown), format, name=f"changes-{shown.pk}")


def _cells(run: Run) -> Iterator[list[Any]]:
    for each in changed_columns(run):
        yield [each[name] for name in ("object", "id", "field", "before", "after", "code", "reason")]
