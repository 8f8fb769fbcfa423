"""Taking an operation on records back, from the history of what they were before it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.alerts import settle_invalid_alerts
from crm.distribution.outcomes import take_back_lines
from crm.distribution.states import IMPORTED_COLUMNS
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify_each
from crm.registry import Module, modules
from crm.reservations.telling import tell_taken

OF_STAFF = ["records.work", "records.validate"]
OF_ADMINS = ["records.recall", "records.transfer", "conflict.hand_over", "conflict.keep"]
"""The operations that can be taken back. Each begins with records that are with a staff member."""

# Of each record that the operation changed: its newest event of the operation.
CHANGED = """
    WITH after AS (
        SELECT DISTINCT ON (e.pgh_obj_id) e.* FROM "{events}" e JOIN pghistory_context c ON c.id = e.pgh_context_id
        WHERE e.pgh_context_id = %(key)s AND (c.metadata ->> 'user')::bigint = %(user)s
              AND c.metadata ->> 'operation' = ANY(%(undoable)s::text[])
        ORDER BY e.pgh_obj_id, e.pgh_id DESC
    )
"""

# And beside it the one before the operation. PostgreSQL cannot know how many there are of an operation that has just
# been, takes them for one, and would compare every pair; looked up one by one, they cost their number.
BOTH = """
    after JOIN LATERAL (
        SELECT e.* FROM "{events}" e
        WHERE e.pgh_obj_id = after.pgh_obj_id AND e.pgh_context_id IS DISTINCT FROM %(key)s AND e.pgh_id < after.pgh_id
        ORDER BY e.pgh_id DESC LIMIT 1
    ) AS before ON true
"""

# Those that were with somebody: what came in the place of others was in the pool.
HOLDERS = f"SELECT before.assignee_id, count(*) FROM {BOTH} WHERE before.status = 'assigned' GROUP BY 1"  # noqa: S608
LOCK = f"""
    SELECT r.id FROM "{{records}}" r
    WHERE r.id IN (SELECT pgh_obj_id FROM after UNION ALL SELECT before.replaces_id FROM {BOTH})
    ORDER BY r.id FOR NO KEY UPDATE OF r
"""  # noqa: S608 (a constant of this file)

# Nothing has changed the record since, with or without a trace. An archived one stays so: it has been replaced.
PUT_BACK = f"""
    UPDATE "{{records}}" r SET {{assignments}}
    FROM {BOTH}
    WHERE r.id = after.pgh_obj_id AND before.status = 'assigned' AND after.status <> 'archived'
          AND NOT EXISTS (SELECT 1 FROM "{{events}}" e WHERE e.pgh_obj_id = r.id AND e.pgh_id > after.pgh_id)
          AND ({{of_record}}) IS NOT DISTINCT FROM ({{of_after}})
    RETURNING r.id, before.assignee_id, after.assignee_id
"""  # noqa: S608 (a constant of this file)
# What a record took the place of may be gone by now, or another may have its place.
STILL_REPLACED = """
    replaces_id = (SELECT o.id FROM "{records}" o
                   WHERE o.id = before.replaces_id AND o.status = 'archived' AND o.batch_id = before.batch_id
                         AND NOT EXISTS (SELECT 1 FROM "{records}" x WHERE x.replaces_id = o.id AND x.id <> r.id))
"""


# What reservations do to a record is as they are now; one in the pool names none of those that cover it any more.
SETTLED_AFTER = ("reservation_id", "is_reservation_conflict", "invalid_reason")
RESERVATION = "reservation_id = CASE WHEN r.status = 'assigned' THEN r.reservation_id END"


@dataclass(frozen=True)
class Undone:
    """`count` records are as they were; `skipped` have been changed since, and stay as they are."""

    count: int
    skipped: int


def undo(*, module: Module, key: UUID, by: User) -> Undone:
    """Puts back what one's own operation `key` changed, where nothing has changed it since.

    Raises Refused when there is nothing to put back, or somebody who had the records is not working any more.
    """
    with operation("records.undo", by=by):
        return _undo([module], key, by)


def undo_in_modules(*, key: UUID, by: User) -> Undone:
    """The same of an operation on records of several modules, wherever there is something to put back."""
    with operation("records.undo", by=by):
        return _undo(list(modules()), key, by)


def _undo(among: list[Module], key: UUID, by: User) -> Undone:
    """All people are locked before the first record, and all records before the first count changes."""
    held = {module: counts for module in among if (counts := _holders(module, key, by))}
    people = User.objects.in_bulk(set[int]().union(*held.values()))
    for pk in sorted(people):
        lock_working(people[pk])
    for module in held:
        _lock(module, key, by)
    moves: Counter[tuple[int, int | None]] = Counter()
    taken = {}
    for module in held:
        back = _put_back(module, key, by)
        moves += Counter((before, after) for _pk, before, after in back)
        take_back_lines(module, key, [pk for pk, _before, _after in back])
        taken[module] = module.Record.objects.settle([pk for pk, _before, _after in back]).taken
        settle_invalid_alerts(module, *people.values())
    if not moves:
        raise Refused(_("The records have been changed since, so this cannot be undone. Nothing was changed."))
    tell_taken(taken)
    _tell(moves)
    return Undone(moves.total(), sum(sum(counts.values()) for counts in held.values()) - moves.total())


def _put_back(module: Module, key: UUID, by: User) -> list[tuple[int, int, int | None]]:
    """The keys of the records that are as they were again, with who had each, and who had it until now."""
    events, records = apps.get_model(module.key, "RecordEvent"), module.Record
    columns = _columns(events)
    names = {
        "events": events._meta.db_table,
        "records": records._meta.db_table,
        "of_record": ", ".join(f"r.{name}" for name in columns),
        "of_after": ", ".join(f"after.{name}" for name in columns),
    }
    plain = [f"{name} = before.{name}" for name in columns if name not in ("replaces_id", *SETTLED_AFTER)]
    names["assignments"] = ", ".join([*plain, RESERVATION, STILL_REPLACED.format(**names)])
    with connection.cursor() as cursor:
        cursor.execute((CHANGED + PUT_BACK).format(**names), _values(key, by))
        return cursor.fetchall()


def _values(key: UUID, by: User) -> dict[str, Any]:
    return {"key": key, "user": by.pk, "undoable": OF_ADMINS if by.is_admin else OF_STAFF}


def _holders(module: Module, key: UUID, by: User) -> dict[int, int]:
    """Who had how many of the records before the operation."""
    events = apps.get_model(module.key, "RecordEvent")
    with connection.cursor() as cursor:
        cursor.execute((CHANGED + HOLDERS).format(events=events._meta.db_table), _values(key, by))
        return dict(cursor.fetchall())


def _lock(module: Module, key: UUID, by: User) -> None:
    events = apps.get_model(module.key, "RecordEvent")
    text = (CHANGED + LOCK).format(events=events._meta.db_table, records=module.Record._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(text, _values(key, by))


def _tell(moves: Counter[tuple[int, int | None]]) -> None:
    """Whom records came back to, and whom they left."""
    back, gone = Counter[int](), Counter[int]()
    for (before, after), n in moves.items():
        if before != after:
            back[before] += n
        if after and before != after:
            gone[after] += n
    people = User.objects.in_bulk({*back, *gone})
    notify_each(
        kind=Kind.RECORDS_RECEIVED,
        lines=[
            (
                people[pk],
                ngettext("%(n)d record is back with you.", "%(n)d records are back with you.", n) % {"n": n},
                "",
            )
            for pk, n in back.items()
        ],
    )
    notify_each(
        kind=Kind.RECORDS_TAKEN_BACK,
        lines=[
            (people[pk], ngettext("%(n)d record was taken back.", "%(n)d records were taken back.", n) % {"n": n}, "")
            for pk, n in gone.items()
        ],
    )


def _columns(events: type[Model]) -> list[str]:
    """What the history keeps of a record, but for what never changes."""
    names = [str(field.column) for field in events._meta.concrete_fields]
    return [name for name in names if not name.startswith("pgh_") and name not in IMPORTED_COLUMNS]
