"""The ledger of a batch: which records came and went, when, and by whom, as the history has it.

An arrival is an event that put a record into the batch, a departure one that took it out or deleted it. The
stored counts are kept apart from this by the triggers, so that the two can be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from django.db.models.expressions import RawSQL
from django.utils.functional import Promise

from crm.accounts.models import User
from crm.distribution.models import BaseBatch
from crm.distribution.operations import operation_name
from crm.distribution.undo import MOST_UNDONE, undoable_still

# One row for each event of each record that was ever in the batch, beside the state before that event. As arrays the
# keys are looked up in an index; joined, with no statistics yet, each would be compared with every event.
STEPS = """
    SELECT pgh_id, pgh_created_at, pgh_context_id, pgh_label, batch_id, status,
           lag(batch_id) OVER history AS batch_before, lag(status) OVER history AS status_before
    FROM "{events}"
    WHERE pgh_obj_id = ANY(ARRAY(SELECT DISTINCT pgh_obj_id FROM "{events}" WHERE batch_id = {batch}))
          -- A repair that was undone, and its undo, have moved nothing.
          AND NOT EXISTS (SELECT 1 FROM pghistory_context x WHERE x.id = pgh_context_id AND x.metadata ? 'undone')
    WINDOW history AS (PARTITION BY pgh_obj_id ORDER BY pgh_id)
"""
ARRIVED = "batch_id = {batch} AND batch_before IS DISTINCT FROM {batch} AND pgh_label <> 'delete'"
LEFT = "batch_before = {batch} AND (batch_id IS DISTINCT FROM {batch} OR pgh_label = 'delete')"
ARCHIVED = "batch_id = {batch} AND status = 'archived' AND status_before IS DISTINCT FROM 'archived'"
RESTORED = "batch_id = {batch} AND status_before = 'archived' AND status <> 'archived'"

LINES = f"""
    SELECT min(pgh_id), min(steps.pgh_created_at),
           context.metadata ->> 'operation', (context.metadata ->> 'user')::bigint,
           count(*) FILTER (WHERE {ARRIVED}),
           count(*) FILTER (WHERE {LEFT}),
           count(*) FILTER (WHERE {ARCHIVED}) - count(*) FILTER (WHERE {RESTORED}),
           pgh_context_id
    FROM ({STEPS}) AS steps LEFT JOIN pghistory_context AS context ON context.id = pgh_context_id
    WHERE ({ARRIVED}) OR ({LEFT}) OR ({ARCHIVED}) OR ({RESTORED})
    GROUP BY 3, 4, pgh_context_id, CASE WHEN pgh_context_id IS NULL THEN steps.pgh_created_at END
    ORDER BY 2 DESC, 1 DESC
    LIMIT {{most}}
"""  # noqa: S608 (constants of this file)

MOST_LINES = 100
"""The newest operations; what is behind an older one is in the lists of arrivals and departures."""


@dataclass(frozen=True)
class Line:
    """What one operation did to the batch. `operation` and `who` are empty for a write from outside the app; `listed`
    is the URL of what came and went by it, but for show=, where the reader may see that.
    """

    pk: str
    at: datetime
    operation: str | Promise
    who: User | None
    arrived: int
    left: int
    archived: int
    listed: str
    undo: UUID | None = None
    """The operation, if the reader can still take it back (crm.distribution.undo)."""


def events_of(batch: BaseBatch) -> Any:
    """The model of the record events in the batch's module."""
    return apps.get_model(batch._meta.app_label, "RecordEvent")


def _sql(text: str, batch: BaseBatch) -> str:
    """The text for this batch. Its key is a whole number, and the table's name is the model's own."""
    return text.format(batch=int(batch.pk), events=events_of(batch)._meta.db_table, most=MOST_LINES)


def _events(batch: BaseBatch, condition: str) -> models.QuerySet:
    steps = f"SELECT steps.pgh_id FROM ({STEPS}) AS steps WHERE {condition}"  # noqa: S608 (constants of this file)
    found = RawSQL(_sql(f"pgh_id = ANY(ARRAY({steps}))", batch), [], output_field=models.BooleanField())  # noqa: S611
    return events_of(batch).objects.filter(found).order_by("-pgh_id")


def arrivals(batch: BaseBatch) -> models.QuerySet:
    """The events that put a record into the batch."""
    return _events(batch, ARRIVED)


def departures(batch: BaseBatch) -> models.QuerySet:
    """The events that took a record out of the batch."""
    return _events(batch, LEFT)


def lines(batch: BaseBatch, reader: User) -> Iterator[Line]:
    """What happened to the batch, newest first; one line for each operation."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(LINES, batch))
        rows = cursor.fetchall()
    people = User.objects.in_bulk({row[3] for row in rows if row[3]})
    can_undo = undoable_still(batch.module, [row[7] for row in rows[:MOST_UNDONE]], reader)
    for first_event, at, operation, who, arrived, left, archived, key in rows:
        yield Line(
            f"{batch.module.key}-{batch.pk}-{first_event}",
            at,
            operation_name(operation or ""),
            people.get(who),
            arrived,
            left,
            archived,
            f"{batch.get_absolute_url()}?operation={key}" if key and reader.is_admin else "",
            key if key in can_undo else None,
        )
