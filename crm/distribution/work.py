"""Working records: what a staff member notes about the customers that are with them, and taking it back."""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.models import NO_WORK
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.registry import Module


class Outcome(TypedDict, total=False):
    """What can be noted; what is left out stays as it is. Empty clears it."""

    reach: str
    response: str
    note: str
    follow_up_on: date | None


@dataclass(frozen=True)
class Noted:
    """`count` records have the outcome now; `skipped` are no longer with the person. `undo` takes it back."""

    count: int
    skipped: int
    undo: UUID


def note_outcome(*, records: RecordQuerySet, by: User, **outcome: Unpack[Outcome]) -> Noted:
    """Notes an outcome on those of the records that are with `by`. Raises Refused when none is any more."""
    with operation("records.work", by=by) as key:
        selected = records.count()
        ids = records.held_by(by).locked_ids()
        if not ids:
            raise Refused(_("These records are no longer with you. Nothing was changed."))
        changes: dict[str, Any] = {**outcome, "worked_at": Now()}
        if "response" in outcome:
            changes["responded_at"] = Now() if outcome["response"] else None
        # Rows that say so already are left alone: a second click changes nothing.
        records.model.objects.with_ids(ids).exclude(Q(**outcome)).update(**changes)
        return Noted(count=len(ids), skipped=selected - len(ids), undo=key)


def undo_work(*, module: Module, key: UUID, by: User) -> int:
    """Puts back what one's own operation `key` overwrote. Records changed since, or gone, are left alone.

    Returns how many were put back.
    """
    columns = list(NO_WORK)
    events = apps.get_model(module.key, "RecordEvent")._meta.db_table
    with operation("records.undo_work", by=by), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH after AS (
                SELECT DISTINCT ON (e.pgh_obj_id) e.* FROM "{events}" e
                JOIN pghistory_context c ON c.id = e.pgh_context_id
                WHERE e.pgh_context_id = %(key)s AND (c.metadata ->> 'user')::bigint = %(user)s
                  AND c.metadata ->> 'operation' = 'records.work'
                ORDER BY e.pgh_obj_id, e.pgh_id DESC
            ), before AS (
                SELECT DISTINCT ON (e.pgh_obj_id) e.* FROM "{events}" e JOIN after a ON a.pgh_obj_id = e.pgh_obj_id
                WHERE e.pgh_context_id IS DISTINCT FROM %(key)s AND e.pgh_id < a.pgh_id
                ORDER BY e.pgh_obj_id, e.pgh_id DESC
            ), locked AS (
                SELECT r.id FROM "{module.Record._meta.db_table}" r JOIN after a ON a.pgh_obj_id = r.id
                WHERE r.status = 'assigned' AND r.assignee_id = %(user)s AND {_same("r", "a", columns)}
                ORDER BY r.id FOR NO KEY UPDATE OF r
            )
            UPDATE "{module.Record._meta.db_table}" r SET {", ".join(f"{name} = before.{name}" for name in columns)}
            FROM before JOIN locked ON locked.id = before.pgh_obj_id WHERE r.id = locked.id
            """,  # noqa: S608 (the models' own names)
            {"key": key, "user": by.pk},
        )
        return cursor.rowcount


def _same(one: str, other: str, columns: list[str]) -> str:
    def row(alias: str) -> str:
        return ", ".join(f"{alias}.{name}" for name in columns)

    return f"({row(one)}) IS NOT DISTINCT FROM ({row(other)})"
