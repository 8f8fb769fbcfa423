"""What changed lately: the latest operations on lists and records, with who and when, from the history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.models import BaseDatabase
from crm.figures import Figure, declare
from crm.registry import Module, modules

MOST_CHANGES = 12

# The operation, its name, and the status by which the records that count have come out of it.
OF_RECORDS: dict[str, tuple[Promise, set[str]]] = {
    "records.assign": (_("Assigned"), {"assigned"}),
    "records.recall": (_("Recalled"), {"available", "reserved"}),
    "records.transfer": (_("Transferred"), {"assigned"}),
    "conflict.hand_over": (_("Handed to the owner"), {"assigned"}),
    "records.replace": (_("Replaced"), {"archived"}),
    "records.archive": (_("Archived"), {"archived"}),
    "records.restore": (_("Restored"), {"available", "reserved"}),
    "records.purge": (_("Purged"), {"archived"}),
    "records.undo": (_("Undone"), {"assigned", "available", "reserved"}),
    "request.make": (_("Requested"), {"requested"}),
    "request.approve": (_("Request approved"), {"assigned"}),
    "request.reject": (_("Request rejected"), {"available", "reserved"}),
    "person.leave": (_("Left"), {"available", "reserved", "assigned"}),
}
OF_DATABASES: dict[str, Promise] = {
    "database.import": _("Imported"),
    "database.undo_import": _("Import undone"),
    "database.archive": _("Database archived"),
    "database.restore": _("Database restored"),
}

# The first condition is that of the index home_latest_operations. What staff take back are their own clicks.
LATEST = """
    SELECT id, created_at, metadata ->> 'operation', (metadata ->> 'user')::bigint
    FROM pghistory_context
    WHERE metadata ->> 'operation' NOT IN ('records.work', 'records.validate')
          AND metadata ->> 'operation' = ANY(%(operations)s::text[])
          AND (metadata ->> 'operation' <> 'records.undo' OR (metadata ->> 'user')::bigint = ANY(%(admins)s::bigint[]))
    ORDER BY created_at DESC LIMIT %(most)s
"""
TOUCHED_RECORDS = """
    SELECT pgh_context_id, status, count(DISTINCT pgh_obj_id),
           min(database_id), max(database_id), min(assignee_id), max(assignee_id)
    FROM "{events}" WHERE pgh_context_id = ANY(%s::uuid[]) GROUP BY 1, 2
"""
TOUCHED_DATABASES = """
    SELECT pgh_context_id, pgh_obj_id, max(name), max(imported_count) FROM "{events}"
    WHERE pgh_context_id = ANY(%s::uuid[]) GROUP BY 1, 2
"""


@dataclass
class Change:
    """What one operation did in one module. `count` is None where it is not about records."""

    pk: str
    at: datetime
    what: str | Promise
    who: User | None
    module: Module
    count: int | None = None
    database_id: int | None = None
    database: BaseDatabase | None = None
    """Where it was one, and is still there; `name` is what it was called."""
    name: str = ""
    staff: User | None = None
    """Who has the records since, where it is one person."""


declare(Figure("change.records", _("Records that this operation changed."), stored=lambda change: change.count))


def latest_changes() -> list[Change]:
    """The newest first; the number of queries does not grow with what was changed."""
    people = {user.pk: user for user in User.objects.all()}
    contexts = _ask(
        LATEST,
        {
            "operations": [*OF_RECORDS, *OF_DATABASES],
            "admins": [user.pk for user in people.values() if user.is_admin],
            "most": MOST_CHANGES,
        },
    )
    changes: list[Change] = []
    for module in modules():
        touched = {**_touched_databases(module, contexts), **_touched_records(module, contexts, people)}
        databases = module.Database.objects.in_bulk({each["database_id"] for each in touched.values()} - {None})
        for key, at, operation, who in contexts:
            if key in touched:
                name, _statuses = OF_RECORDS.get(operation) or (OF_DATABASES[operation], None)
                change = Change(f"{key}-{module.key}", at, name, people.get(who), module, **touched[key])
                change.database = databases.get(change.database_id)
                changes.append(change)
    return sorted(changes, key=lambda change: change.at, reverse=True)


def _touched_records(module: Module, contexts: list[Any], people: dict[int, User]) -> dict[UUID, dict[str, Any]]:
    wanted = {key: OF_RECORDS[operation][1] for key, _at, operation, _who in contexts if operation in OF_RECORDS}
    found: dict[UUID, dict[str, Any]] = {}
    for key, status, count, *span in _ask(_of(module, "RecordEvent", TOUCHED_RECORDS), [list(wanted)]):
        if status in wanted[key]:
            first, last, one, other = span
            before = found.get(key, {"count": 0, "database_id": first})
            found[key] = {
                "count": before["count"] + count,
                "database_id": first if first == last == before["database_id"] else None,
                "staff": people.get(one) if one == other and status == "assigned" else None,
            }
    return found


def _touched_databases(module: Module, contexts: list[Any]) -> dict[UUID, dict[str, Any]]:
    wanted = {key: operation for key, _at, operation, _who in contexts if operation in OF_DATABASES}
    return {
        key: {"database_id": database, "name": name, "count": count if wanted[key] == "database.import" else None}
        for key, database, name, count in _ask(_of(module, "DatabaseEvent", TOUCHED_DATABASES), [list(wanted)])
    }


def _of(module: Module, model: str, sql: str) -> str:
    return sql.format(events=apps.get_model(module.key, model)._meta.db_table)


def _ask(sql: str, parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
