"""Taking an operation on records back, from the history of what they were before it.

Whoever the records were with has them again; what came out of a pool goes back to it. Staff take back what they did
themselves, admins what any of them did. A record that anything has changed since stays as it is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.accounts.services import lock_working, not_working
from crm.distribution.alerts import settle_invalid_alerts
from crm.distribution.bell import Some, of_each
from crm.distribution.coverage import back_to_pool
from crm.distribution.outcomes import take_back_lines
from crm.distribution.states import IMPORTED_COLUMNS
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify_each
from crm.registry import Module, modules
from crm.reservations.telling import tell_taken

OF_STAFF = ("records.work", "records.validate")
ARCHIVING = ("records.replace", "records.archive")
DRAWING = ("records.assign", "records.replace")
OF_ADMINS = ("records.recall", "records.transfer", "conflict.hand_over", "conflict.keep", *{*ARCHIVING, *DRAWING})
"""The operations that can be taken back. What a mark of staff has replaced at once stays so: whoever could take that
back could look at one customer of the pool after the other.
"""

# Of each record that the operation changed: its newest event of the operation, and the one before the operation.
# PostgreSQL cannot know how many there are of an operation that has just been, takes them for one, and would compare
# every pair; looked up one by one, they cost their number.
CHANGED = """
    WITH after AS (
        SELECT DISTINCT ON (e.pgh_obj_id) e.*, c.metadata ->> 'operation' AS operation
        FROM "{events}" e JOIN pghistory_context c ON c.id = e.pgh_context_id
        WHERE e.pgh_context_id = %(key)s AND c.metadata ->> 'operation' = ANY(%(undoable)s::text[])
              AND (%(anybody)s OR (c.metadata ->> 'user')::bigint = %(user)s)
        ORDER BY e.pgh_obj_id, e.pgh_id DESC
    )
"""
BOTH = """
    after LEFT JOIN LATERAL (
        SELECT e.* FROM "{events}" e
        WHERE e.pgh_obj_id = after.pgh_obj_id AND e.pgh_context_id IS DISTINCT FROM %(key)s AND e.pgh_id < after.pgh_id
        ORDER BY e.pgh_id DESC LIMIT 1
    ) AS before ON true
"""

# An import is no event: what nothing happened to before was in the pool.
GOES_TO_HOLDER = f"before.status = 'assigned' AND (after.status <> 'archived' OR after.operation IN {ARCHIVING})"
GOES_TO_POOL = f"""after.status = 'assigned' AND after.operation IN {DRAWING}
                AND coalesce(before.status, 'available') IN ('available', 'reserved')"""

HOLDERS = f"""
    SELECT CASE WHEN before.status = 'assigned' THEN before.assignee_id END, count(*) FROM {BOTH}
    WHERE before.status = 'assigned' OR ({GOES_TO_POOL}) GROUP BY 1
"""  # noqa: S608 (constants of this file)
LOCK = f"""
    SELECT r.id FROM "{{records}}" r
    WHERE r.id IN (SELECT pgh_obj_id FROM after UNION ALL SELECT before.replaces_id FROM {BOTH})
    ORDER BY r.id FOR NO KEY UPDATE OF r
"""  # noqa: S608 (a constant of this file)

# Nothing has changed the record since, with or without a trace.
IS_AS_LEFT = """
    r.id = after.pgh_obj_id
    AND NOT EXISTS (SELECT 1 FROM "{events}" e WHERE e.pgh_obj_id = r.id AND e.pgh_id > after.pgh_id)
    AND ({of_record}) IS NOT DISTINCT FROM ({of_after})
"""
DRAWN = f"""
    SELECT r.id, after.assignee_id FROM "{{records}}" r, {BOTH} WHERE {IS_AS_LEFT} AND {GOES_TO_POOL}
"""  # noqa: S608 (constants of this file)

# What was replaced comes back if what came in its place goes back too, whatever has become of that.
COMES_BACK = f"""
    {IS_AS_LEFT} AND {GOES_TO_HOLDER}
    AND NOT EXISTS (SELECT 1 FROM after a WHERE a.replaces_id = r.id AND a.pgh_obj_id <> ALL(%(drawn)s::bigint[]))
"""  # noqa: S608 (constants of this file)
PUT_BACK = f"""
    UPDATE "{{records}}" r SET {{assignments}}
    FROM {BOTH} WHERE {COMES_BACK}
    RETURNING r.id, before.assignee_id, after.assignee_id, after.status
"""  # noqa: S608 (constants of this file)
COULD_BE_PUT_BACK = f"""SELECT count(*) FROM "{{records}}" r, {BOTH} WHERE {COMES_BACK}"""  # noqa: S608 (the same)

# What a record took the place of may be gone by now, or another may have its place.
STILL_REPLACED = """
    replaces_id = (SELECT o.id FROM "{records}" o
                   WHERE o.id = before.replaces_id AND o.status = 'archived' AND o.batch_id = before.batch_id
                         AND NOT EXISTS (SELECT 1 FROM "{records}" x WHERE x.replaces_id = o.id AND x.id <> r.id))
"""

# Of these operations, those that have left something as it is now: but for what a mark of staff has replaced at once,
# both the old one and the new, and for what was replaced by something that has been changed since.
STANDING = f"""
    SELECT c.id FROM pghistory_context c
    WHERE c.id = ANY(%(keys)s::uuid[]) AND c.metadata ->> 'operation' = ANY(%(undoable)s::text[])
          AND (%(anybody)s OR (c.metadata ->> 'user')::bigint = %(user)s)
          AND EXISTS (
              SELECT 1 FROM "{{events}}" e
              WHERE e.pgh_context_id = c.id AND (%(record)s::bigint IS NULL OR e.pgh_obj_id = %(record)s)
                    AND NOT EXISTS (
                        SELECT 1 FROM "{{events}}" n WHERE n.pgh_obj_id = e.pgh_obj_id AND n.pgh_id > e.pgh_id
                    )
                    AND (e.status <> 'archived' OR c.metadata ->> 'operation' IN {ARCHIVING})
                    AND (c.metadata ->> 'operation' IN {DRAWING} OR NOT EXISTS (
                        SELECT 1 FROM "{{events}}" o
                        WHERE o.pgh_context_id = c.id AND o.pgh_obj_id = e.replaces_id AND o.status = 'archived'
                    ))
                    AND NOT EXISTS (
                        SELECT 1 FROM "{{events}}" a JOIN "{{events}}" n ON n.pgh_obj_id = a.pgh_obj_id
                        WHERE a.pgh_context_id = c.id AND a.replaces_id = e.pgh_obj_id AND n.pgh_id > a.pgh_id
                    )
          )
"""  # noqa: S608 (constants of this file)


# What reservations do to a record is as they are now; one in the pool names none of those that cover it any more.
SETTLED_AFTER = ("reservation_id", "is_reservation_conflict", "invalid_reason")
RESERVATION = "reservation_id = CASE WHEN r.status = 'assigned' THEN r.reservation_id END"


MOST_UNDONE = 10
"""Of so many of the newest operations a page looks whether they can be taken back."""

NOTHING_TO_UNDO = _("The records have been changed since, so this cannot be undone. Nothing was changed.")


@dataclass(frozen=True)
class Undone:
    """`count` records are as they were; `skipped` have been changed since, and stay as they are."""

    count: int
    skipped: int


def undo(*, key: UUID, by: User) -> Undone:
    """Puts back what the operation `key` changed, in all modules, where nothing has changed it since.

    Raises Refused when there is nothing to put back, or somebody who had the records is not working any more.
    """
    with operation("records.undo", by=by):
        return _undo(key, by)


def outlook(*, key: UUID, by: User) -> Undone:
    """What an undo would do now. Raises Refused when somebody who had the records is not working any more."""
    held = _candidates(key, by)
    people = {pk for counts in held.values() for pk in counts if pk}
    for gone in User.objects.filter(pk__in=people).exclude(pk__in=User.objects.working()).order_by("pk"):
        raise not_working(gone)
    candidates = count = 0
    for module, counts in held.items():
        drawn = [pk for pk, _holder in _ask(DRAWN, module, key, by)]
        [(back,)] = _ask(COULD_BE_PUT_BACK, module, key, by, drawn=drawn)
        candidates += counts.total()
        count += len(drawn) + back
    return Undone(count, candidates - count)


def undoable_still(module: Module, keys: Iterable[UUID | None], by: User, *, record: int | None = None) -> set[UUID]:
    """Of these operations, those of which `by` can still take something back in the module, or of that record, as far
    as the history tells; in one query.
    """
    wanted = [key for key in keys if key]
    return {pk for (pk,) in _ask(STANDING, module, None, by, keys=wanted, record=record)} if wanted else set()


def _undo(key: UUID, by: User) -> Undone:
    """All people are locked before the first record, and all records before the first count changes."""
    candidates = _candidates(key, by)
    people = User.objects.in_bulk({pk for counts in candidates.values() for pk in counts if pk})
    for pk in sorted(people):
        lock_working(people[pk])
    locked = {module: [pk for (pk,) in _ask(LOCK, module, key, by)] for module in candidates}
    for module, ids in locked.items():
        if None in candidates[module]:  # what goes to a pool and what comes back are two statements
            module.Record.objects.lock_counts(ids)
    back, gone = dict[int, Some](), dict[int, Some]()
    taken, count = {}, 0
    for module in candidates:
        drawn = _ask(DRAWN, module, key, by)
        back_to_pool(module.Record, [pk for pk, _holder in drawn])
        put_back = _ask(PUT_BACK, module, key, by, drawn=[pk for pk, _holder in drawn])
        ids = [pk for pk, *_rest in put_back]
        take_back_lines(module, key, ids)
        taken[module] = module.Record.objects.settle(ids).taken
        settle_invalid_alerts(module, *people.values())
        _add(back, module, {pk: who for pk, who, now, status in put_back if who != now or status == "archived"})
        _add(gone, module, dict(drawn) | {pk: now for pk, who, now, _status in put_back if now and who != now})
        count += len(drawn) + len(ids)
    if not count:
        raise Refused(str(NOTHING_TO_UNDO))
    tell_taken(taken)
    _tell(back, gone, by)
    return Undone(count, sum(counts.total() for counts in candidates.values()) - count)


def _add(told: dict[int, Some], module: Module, whose: dict[int, int]) -> None:
    for person, some in of_each(module.Record, whose).items():
        told[person] = told[person] + some if person in told else some


def _candidates(key: UUID, by: User) -> dict[Module, Counter[int | None]]:
    """In each module where there are some: who had how many of the records before the operation; None, the pool."""
    found = {module: Counter(dict(_ask(HOLDERS, module, key, by))) for module in modules()}
    return {module: counts for module, counts in found.items() if counts}


def _ask(text: str, module: Module, key: UUID | None, by: User, **values: Any) -> list[Any]:
    """The answer to one of the queries above; but for STANDING, about the operation `key`."""
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
    undoable = OF_ADMINS if by.is_admin else OF_STAFF
    values |= {"key": key, "user": by.pk, "anybody": by.is_admin, "undoable": list(undoable)}
    with connection.cursor() as cursor:
        cursor.execute(((CHANGED if key else "") + text).format(**names), values)
        return cursor.fetchall()


def _tell(back: Mapping[int, Some], gone: Mapping[int, Some], by: User) -> None:
    """To whom records came back, and whom they left."""
    people = User.objects.in_bulk({*back, *gone})
    for kind, told, text in (
        (Kind.RECORDS_RECEIVED, back, _("%(by)s gave back to you: %(some)s.")),
        (Kind.RECORDS_TAKEN_BACK, gone, _("%(by)s took back %(some)s.")),
    ):
        lines = [(people[pk], str(text) % {"by": by, "some": some}, "") for pk, some in told.items()]
        notify_each(kind=kind, lines=lines)


def _columns(events: type[Model]) -> list[str]:
    """What the history keeps of a record, but for what never changes."""
    names = [str(field.column) for field in events._meta.concrete_fields]
    return [name for name in names if not name.startswith("pgh_") and name not in IMPORTED_COLUMNS]
