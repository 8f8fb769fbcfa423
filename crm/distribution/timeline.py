"""The timeline of a record: its import and each later change, with who and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution import words
from crm.distribution.models import NO_VALIDATION, NO_WORK, BaseRecord, Status
from crm.distribution.operations import operation_name
from crm.distribution.outcomes import NOTED

MOST_MOMENTS = 200
"""The newest changes; nobody reads more on one page."""

NOTHING_NOTED = {**NO_WORK, **NO_VALIDATION}


@dataclass(frozen=True)
class Moment:
    """One entry. `who` is None where the write came from outside the app."""

    at: datetime
    what: str | Promise
    who: User | None
    status: Status
    assignee: User | None
    said: str = ""
    """What was noted about the customer, in words."""
    note: str = ""
    """The text of a note that was saved then: it stays here when the record goes back to the pool."""


def timeline(record: BaseRecord, reader: User) -> list[Moment]:
    """Newest first; the last entry is the import. Staff see what has been since the record came to them: who had it
    before, and what they said of the customer, is not theirs.
    """
    events = apps.get_model(record._meta.app_label, "RecordEvent").objects.filter(pgh_obj_id=record.pk)
    if not reader.is_admin:
        events = events.filter(assignee=reader, assigned_at=record.assigned_at)
    events = list(events.select_related("pgh_context").order_by("-pgh_id")[:MOST_MOMENTS])
    contexts = [event.pgh_context.metadata if event.pgh_context else {} for event in events]
    named = {context.get("user") for context in contexts} | {event.assignee_id for event in events}
    people = User.objects.in_bulk(named - {None})
    befores = [*events, None][1:]
    moments = [
        Moment(
            at=event.pgh_created_at,
            what=operation_name(context.get("operation") or "") or _("Changed outside the app"),
            who=people.get(context.get("user")),
            status=Status(event.status),
            assignee=people.get(event.assignee_id),
            said=_said(event, before) if context.get("operation") in NOTED else "",
            note=event.note if context.get("operation") in NOTED and _is_new(event, before, "note") else "",
        )
        for event, before, context in zip(events, befores, contexts, strict=True)
    ]
    # One operation may write a record twice, say put back and then settled: that is one entry.
    told = [(event.pgh_context_id or event.pgh_id, moment) for event, moment in zip(events, moments, strict=True)]
    moments = [each[1] for each, newer in zip(told, [None, *told], strict=False) if each != newer]
    database = record.database
    return [*moments, Moment(database.created_at, _("Imported"), database.created_by, Status.AVAILABLE, None)]


def _said(event: Any, before: Any) -> str:
    """What the event changed of what staff note."""
    fields = (*NO_WORK, "validation", "validation_reason")
    return words.noted({name: getattr(event, name) for name in fields if _is_new(event, before, name)})


def _is_new(event: Any, before: Any, name: str) -> bool:
    """Without an event before it, nothing had been noted."""
    return bool(getattr(event, name) != (getattr(before, name) if before else NOTHING_NOTED[name]))
