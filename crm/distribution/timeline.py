"""The timeline of a record: its import and each later change, with who and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution import words
from crm.distribution.models import NO_VALIDATION, NO_WORK, BaseRecord, Status
from crm.distribution.operations import OF_RESERVATIONS, operation_name
from crm.distribution.outcomes import NOTED, TAKEN_BACK
from crm.distribution.settings import settings_of
from crm.distribution.undo import undoable_still

MOST_MOMENTS = 200
"""The newest changes; nobody reads more on one page."""

NOTHING_NOTED = {**NO_WORK, **NO_VALIDATION}


@dataclass(frozen=True)
class Moment:
    """One entry. `who` is None where the write came from outside the app; `assignee` is whom the record came to."""

    at: datetime
    what: str | Promise
    who: User | None
    status: Status
    assignee: User | None
    said: str = ""
    """What was noted about the customer, in words."""
    note: str = ""
    """The text of a note that was saved then: it stays here when the record goes back to the pool."""
    undo: UUID | None = None
    """The operation, if the reader can still take it back (crm.distribution.undo)."""


def timeline(record: BaseRecord, reader: User) -> list[Moment]:
    """Newest first; the last entry is the import.

    Staff see what has been since the record came to them, and of the time before, where the owner has set it so
    (ModuleSettings.staff_see_earlier), what was said of the customer. Who had it before is not theirs otherwise, nor
    who has reserved the customer.
    """
    events: list[Any] = list(
        apps.get_model(record._meta.app_label, "RecordEvent")
        .objects.filter(pgh_obj_id=record.pk)
        .select_related("pgh_context")
        .order_by("-pgh_id")[: MOST_MOMENTS + 1]  # one more, for what the oldest shown has changed
    )
    # One operation may write a record twice, say put back and then settled: that is one entry.
    steps = [list(step) for _key, step in groupby(events, key=lambda event: event.pgh_context_id or event.pgh_id)]
    newest = [step[0] for step in steps]
    owners = _owners_of(events) if reader.is_admin else {}
    named = {pk for event in newest for pk in (_user(event), event.assignee_id)} | {*owners.values()}
    people = User.objects.in_bulk(named - {None})
    sees_earlier = reader.is_admin or settings_of(record.module).staff_see_earlier
    can_undo = undoable_still(record.module, [event.pgh_context_id for event in newest[:1]], reader, record=record.pk)
    moments = []
    for later, event, before in list(zip([None, *newest], newest, [*newest[1:], None], strict=False))[:MOST_MOMENTS]:
        name = _operation(event)
        said = _said(event, before) if name in NOTED else ""
        is_theirs = event.assignee_id == reader.pk and event.assigned_at == record.assigned_at
        is_earlier = sees_earlier and said and not (later and _operation(later) == TAKEN_BACK)
        if not (reader.is_admin or is_theirs or is_earlier):
            continue
        came = event.assignee_id and not (before and before.assignee_id == event.assignee_id)
        owner, who = owners.get(event.pgh_context_id), people.get(_user(event))
        hides_who = name in OF_RESERVATIONS and not reader.is_admin and who and not who.is_admin
        moments.append(
            Moment(
                at=event.pgh_created_at,
                what=OF_RESERVATIONS[name] % {"name": people[owner]} if owner else _named(name),
                who=None if hides_who else who,
                status=Status(event.status),
                assignee=people.get(event.assignee_id) if came else None,
                said=said,
                note=event.note if said and _is_new(event, before, "note") else "",
                undo=event.pgh_context_id if event.pgh_context_id in can_undo else None,
            )
        )
    database = record.database
    return [*moments, Moment(database.created_at, _("Imported"), database.created_by, Status.AVAILABLE, None)]


def _operation(event: Any) -> str:
    return (event.pgh_context.metadata.get("operation") or "") if event.pgh_context else ""


def _user(event: Any) -> int | None:
    return event.pgh_context.metadata.get("user") if event.pgh_context else None


def _named(operation: str) -> str | Promise:
    return operation_name(operation) or _("Changed outside the app")


def _owners_of(events: Sequence[Any]) -> dict[Any, int]:
    """By the context of each change that a reservation made: whose it was then."""
    contexts = [event.pgh_context_id for event in events if _operation(event) in OF_RESERVATIONS]
    named = {event.reservation_id for event in events} - {None}
    if not contexts or not named:
        return {}
    changes = apps.get_model("reservations", "ReservationEvent").objects.filter(
        pgh_context__in=contexts, pgh_obj_id__in=named
    )
    return dict(changes.order_by("pgh_id").values_list("pgh_context", "staff"))


def _said(event: Any, before: Any) -> str:
    """What the event changed of what staff note."""
    fields = (*NO_WORK, "validation", "validation_reason")
    return words.noted({name: getattr(event, name) for name in fields if _is_new(event, before, name)})


def _is_new(event: Any, before: Any, name: str) -> bool:
    """Without an event before it, nothing had been noted."""
    return bool(getattr(event, name) != (getattr(before, name) if before else NOTHING_NOTED[name]))
