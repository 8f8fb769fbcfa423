"""The timeline of a record: its import and each later change, with who and when."""

from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.ledger import OPERATIONS
from crm.distribution.models import BaseRecord, Status

MOST_MOMENTS = 200
"""The newest changes; nobody reads more on one page."""


@dataclass(frozen=True)
class Moment:
    """One entry. `who` is None where the write came from outside the app."""

    at: datetime
    what: str | Promise
    who: User | None
    status: Status
    assignee: User | None


def timeline(record: BaseRecord) -> list[Moment]:
    """Newest first; the last entry is the import."""
    events = list(
        apps.get_model(record._meta.app_label, "RecordEvent")
        .objects.filter(pgh_obj_id=record.pk)
        .select_related("pgh_context")
        .order_by("-pgh_id")[:MOST_MOMENTS]
    )
    contexts = [event.pgh_context.metadata if event.pgh_context else {} for event in events]
    named = {context.get("user") for context in contexts} | {event.assignee_id for event in events}
    people = User.objects.in_bulk(named - {None})
    moments = [
        Moment(
            at=event.pgh_created_at,
            what=OPERATIONS.get(context.get("operation"), context.get("operation") or _("Changed outside the app")),
            who=people.get(context.get("user")),
            status=Status(event.status),
            assignee=people.get(event.assignee_id),
        )
        for event, context in zip(events, contexts, strict=True)
    ]
    database = record.database
    return [*moments, Moment(database.created_at, _("Imported"), database.created_by, Status.AVAILABLE, None)]
