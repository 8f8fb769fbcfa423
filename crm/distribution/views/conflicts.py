"""The log of conflicts, and what admins do about those that are open: in the modules together, in two steps."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.accounts.models import User
from crm.distribution.assignment import Returned, recall_records
from crm.distribution.conflict_counts import summary_of
from crm.distribution.conflict_list import ConflictList
from crm.distribution.conflicts import Kept, hand_to_owners, in_each_module, keep_records
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.reserving.figures import TEAM
from crm.distribution.selection import LogSelection, Selection
from crm.distribution.views.actions import ACTIONS, said_handed_over, said_kept, said_recalled, take_two_steps
from crm.distribution.views.attempt import Done
from crm.distribution.views.undo import undo_path
from crm.pages import render_page


@require_safe
@admin_page
def conflicts(request: SignedInRequest) -> HttpResponse:
    """The log, or its counts for each day or staff member, as `?by=` says."""
    listed = ConflictList(request)
    context: dict[str, Any] = {"list": listed, "team": TEAM}
    if listed.by:
        summary = summary_of(listed)
        page = summary.page(request)
        context |= {"headings": summary.headings, "page": page, "lines": summary.lines(page)}
    return render_page(request, "distribution/conflicts.html", context, pieces=["list"])


@require_POST
@admin_page
def act_on_conflicts(request: SignedInRequest, verb: str) -> HttpResponse:
    return take_two_steps(request, None, LOG_ACTIONS[verb], LogSelection(request))


def _hand_over(_module: None, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    def work(records: RecordQuerySet) -> Returned:
        return hand_to_owners(records=records, by=by)

    done = in_each_module(name="conflict.hand_over", selections=selection.parts, work=work, by=by)
    total = _together(done)
    return Done(said_handed_over(total), _undo(total))


def _recall(_module: None, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    def work(records: RecordQuerySet) -> Returned:
        return recall_records(records=records, by=by)

    done = in_each_module(name="records.recall", selections=selection.parts, work=work, by=by)
    total = _together(done)
    return Done(said_recalled(total), _undo(total))


def _keep(_module: None, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    def work(records: RecordQuerySet) -> Kept:
        return keep_records(records=records, note=answers["note"], by=by)

    each = in_each_module(name="conflict.keep", selections=selection.parts, work=work, by=by)
    total = Kept(sum(done.count for done in each), sum(done.skipped for done in each), each[0].undo)
    return Done(said_kept(total), _undo(total))


def _together(each: list[Returned]) -> Returned:
    return Returned(
        sum(done.count for done in each),
        sum(done.skipped for done in each),
        undo=each[0].undo,
        reserved=sum(done.reserved for done in each),
    )


def _undo(done: Returned | Kept) -> str:
    return undo_path(done.undo) if done.count else ""


LOG_ACTIONS = {
    "hand-over": replace(ACTIONS["hand-over"], run=_hand_over),
    "keep": replace(ACTIONS["keep"], run=_keep),
    "recall": replace(ACTIONS["recall"], run=_recall),
}
