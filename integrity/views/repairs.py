"""Repairs: previewed, chosen, carried out, and read."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.views.exports import send_file
from crm.errors import Refused
from crm.pages import came_from, go_to, page_of, render_page
from integrity.access import get_run_for
from integrity.decisions import said_of
from integrity.diff import changed_rows, count_rows_of, rows_of
from integrity.forms import DecisionForms
from integrity.models import Run
from integrity.naming import Named, named, told
from integrity.reports import changed_columns, not_undone
from integrity.runs import start_preview, start_repair, start_undo
from integrity.waiting import waiting_of

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
    keys = [request.POST["module"]] if request.POST.get("module") else []
    back = came_from(request, reverse("integrity"))
    return lead_to(request, lambda: start_preview(by=request.user, keys=keys), back)


@require_POST
@admin_page
def decide(request: SignedInRequest, pk: int) -> HttpResponse:
    """What a repair would do with what the form decides of all that this one, or its preview, has left; leads to the
    page of that. What a preview has decided besides stays so.
    """
    shown = get_run_for(request.user, pk)
    forms = DecisionForms(waiting_of(_waits_in(shown)), request.POST)
    if not forms.is_valid():
        page = render_repair(request, shown, [], forms=forms)
        page.status_code = 422
        return page
    if not (decisions := forms.decisions()):
        messages.error(request, _("Choose how at least one of them is decided."))
        return go_to(shown.get_absolute_url())
    asked = {waiting.check.code for waiting, _form in forms}
    scope = {"keys": shown.modules, "codes": shown.codes}
    start = partial(start_preview, by=request.user, decisions=[*decided_in(shown, but_for=asked), *decisions], **scope)
    return lead_to(request, start, shown.get_absolute_url())


def decided_in(shown: Run, *, but_for: Collection[str] = ()) -> list[dict[str, Any]]:
    """What a preview carries out, but for what was decided of all that these checks leave."""
    decisions = shown.decisions if shown.kind == Run.Kind.PREVIEW else []
    return [each for each in decisions if each["only"] or each["code"] not in but_for]


def _waits_in(shown: Run) -> Run:
    """The run that has found what is left after it."""
    return shown.proof or shown


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
    label, _colon, pk = key.partition(":")
    return label, int(pk)


def render_repair(
    request: SignedInRequest, shown: Run, left_out: list[str], *, forms: DecisionForms | None = None
) -> HttpResponse:
    """A preview with its rows to tick, or a repair with what it has changed and what is left; with `forms`, what was
    decided and cannot be so.
    """
    number = request.POST.get("page")
    page = page_of(request, rows_of(shown), number=int(number) if number and number.isdecimal() else None)
    rows = changed_rows(shown, page.object_list)
    on_page = {row.key for row in rows}
    proof = shown.proof
    waiting = shown.findings.filter(needs_decision=True) if proof is None else proof.findings.all()
    followers = shown.followers.exclude(kind=Run.Kind.CHECK)
    is_shown = shown.kind == Run.Kind.PREVIEW and shown.state == Run.State.FINISHED and not followers
    if forms is None:
        forms = DecisionForms(waiting_of(_waits_in(shown)), decided=shown.decisions)
    context = {
        "run": shown,
        "page": page,
        "rows": rows,
        "left_out": left_out,
        "elsewhere": [key for key in left_out if key not in on_page],
        "proof": proof,
        "counts": changed_rows(shown, count_rows_of(shown)[:MOST_COUNTS]),
        "left": told(waiting.order_by("code", "module", "object", "object_id", "field")[:MOST_COUNTS]),
        "followers": followers,
        "can_carry_out": is_shown and bool(shown.repaired),
        "decided": said_of(shown),
        "forms": [] if shown.kind == Run.Kind.UNDO else forms,
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
