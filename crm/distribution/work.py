"""Working records: what a staff member notes about the customers that are with them."""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db.models import Case, F, Q, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.models import Reach, Response
from crm.distribution.outcomes import write_lines
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.registry import module_of


class Outcome(TypedDict, total=False):
    """What can be noted; what is left out stays as it is. Empty clears it."""

    reach: Reach | str
    response: Response | str
    note: str
    follow_up_on: date | None


@dataclass(frozen=True)
class Noted:
    """`count` records have the outcome now; `skipped` are no longer with the person.

    `undo` is the key by which `crm.distribution.undo` takes it back.
    """

    count: int
    skipped: int
    undo: UUID


def note_outcome(*, records: RecordQuerySet, by: User, **outcome: Unpack[Outcome]) -> Noted:
    """Notes an outcome on those of the records that are with `by`. Raises Refused when none is any more.

    Records that have the outcome already are left alone: a second click changes nothing.
    """
    with operation("records.work", by=by) as key:
        selected = records.count()
        ids = records.held_by(by).locked_ids()
        if not ids:
            raise Refused(_("These records are no longer with you. Nothing was changed."))
        changes: dict[str, Any] = {**outcome, "worked_at": Now()}
        if "response" in outcome:
            # Who has said it already said it then.
            already = When(response=outcome["response"], then=F("responded_at"))
            changes["responded_at"] = Case(already, default=Now()) if outcome["response"] else None
        records.model.objects.with_ids(ids).exclude(Q(**outcome)).update(**changes)
        write_lines(module_of(records.model), key)
        return Noted(count=len(ids), skipped=selected - len(ids), undo=key)
