"""What reservations do to records: `reserved` and back, the conflict flag and back. One function sets it all.

A record is as the reservations that cover it say (crm.reservations.covering):

- in the pool: `reserved`, naming one of them, or else `available`;
- with a staff member: flagged, naming one that is somebody else's and in spite of which it was not kept.

It goes on naming the one that it names while that counts; else the oldest that does.

Whoever changes who has a record, or puts one into the pool, settles it afterwards, and whoever changes a reservation
settles the records that match it. Both hold the rows of the records meanwhile, so that the one who comes second sees
what the first has done; records that are about to appear are kept apart by `crm.reservations.services.lock_products`.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from crm.registry import module_of
from crm.reservations.covering import covers, matches
from crm.reservations.models import Reservation

# As likely to be drawn next as any record that never left the pool (docs/adr/0004).
FRESH_LOTTERY = """(SELECT lottery_floor FROM "{databases}" d WHERE d.id = r.database_id) - ln(1 - random())"""

REASON = "'Reserved by ' || u.username"
"""What a flagged record says, in SQL, of the owner `u` of the reservation that it names."""

AGAINST = "c.staff_id <> r.assignee_id AND NOT c.reservation_id = ANY(r.kept_despite)"

# One statement: the rows that differ from what the reservations say, and only those.
SETTLE = """
    WITH cover AS MATERIALIZED (
        SELECT record_id, reservation_id, staff_id FROM ({covers}) AS c
        WHERE record_id = ANY(%(ids)s::bigint[]) AND NOT reservation_id = ANY(%(without)s::bigint[])
    ), wanted AS (
        SELECT r.id, r.status AS was, r.is_reservation_conflict AS flagged,
               coalesce(min(c.reservation_id) FILTER (WHERE c.reservation_id = r.reservation_id),
                        min(c.reservation_id)) AS covering,
               coalesce(min(c.reservation_id) FILTER (WHERE {against} AND c.reservation_id = r.reservation_id),
                        min(c.reservation_id) FILTER (WHERE {against})) AS conflicting,
               coalesce(array_agg(c.reservation_id ORDER BY c.reservation_id) FILTER (
                   WHERE c.staff_id <> r.assignee_id AND c.reservation_id = ANY(r.kept_despite)
               ), '{{}}') AS kept
        FROM "{records}" r LEFT JOIN cover c ON c.record_id = r.id
        WHERE r.id = ANY(%(ids)s::bigint[]) AND r.status IN ('available', 'reserved', 'assigned')
        GROUP BY r.id
    ), named AS (
        SELECT w.*, CASE WHEN w.was = 'assigned' THEN w.conflicting ELSE w.covering END AS reservation_id,
               CASE WHEN w.was = 'assigned' THEN 'assigned'
                    WHEN w.covering IS NULL THEN 'available' ELSE 'reserved' END AS status,
               CASE WHEN w.was = 'assigned' AND w.conflicting IS NOT NULL
                    THEN {reason} ELSE '' END AS reason
        FROM wanted w
        LEFT JOIN "{reservations}" v ON v.id = w.conflicting
        LEFT JOIN accounts_user u ON u.id = v.staff_id
    )
    UPDATE "{records}" r SET
        status = n.status,
        reservation_id = n.reservation_id,
        is_reservation_conflict = n.reason <> '',
        invalid_reason = n.reason,
        kept_despite = n.kept,
        kept_note = CASE WHEN n.kept = '{{}}' THEN '' ELSE r.kept_note END,
        lottery = CASE WHEN n.was = 'reserved' AND n.status = 'available' THEN {fresh_lottery} ELSE r.lottery END
    FROM named n
    WHERE r.id = n.id
          AND (r.status, r.reservation_id, r.is_reservation_conflict, r.invalid_reason, r.kept_despite)
              IS DISTINCT FROM (n.status, n.reservation_id, n.reason <> '', n.reason, n.kept)
    RETURNING r.id, r.assignee_id, n.was, r.status, n.flagged, r.is_reservation_conflict
"""

# One statement for covered and for uncovered records alike, however many they are.
BACK_TO_POOL = """
    UPDATE "{records}" r SET
        {cleared},
        status = CASE WHEN c.reservation_id IS NULL THEN 'available' ELSE 'reserved' END,
        reservation_id = c.reservation_id,
        lottery = {fresh_lottery}
    FROM unnest(%(ids)s::bigint[]) AS back (id)
    LEFT JOIN (
        SELECT record_id, min(reservation_id) AS reservation_id FROM ({covers}) AS c
        WHERE record_id = ANY(%(ids)s::bigint[]) GROUP BY record_id
    ) AS c ON c.record_id = back.id
    WHERE r.id = back.id
    RETURNING r.id
"""

# Whose names it writes: they stay what they are until the transaction ends.
NAMED = """
    SELECT 1 FROM accounts_user
    WHERE id IN (SELECT staff_id FROM ({covers}) AS c WHERE record_id = ANY(%(ids)s::bigint[]))
    ORDER BY id FOR KEY SHARE
"""


# The reservations that a record is kept in spite of are all of others that cover it now.
KEEP = """
    UPDATE "{records}" r SET
        kept_despite = o.reservations, kept_note = %(note)s,
        is_reservation_conflict = false, reservation_id = NULL, invalid_reason = ''
    FROM (
        SELECT c.record_id, array_agg(c.reservation_id ORDER BY c.reservation_id) AS reservations
        FROM ({covers}) AS c JOIN "{records}" held ON held.id = c.record_id
        WHERE c.record_id = ANY(%(ids)s::bigint[]) AND c.staff_id <> held.assignee_id
        GROUP BY 1
    ) AS o
    WHERE r.id = o.record_id AND r.is_reservation_conflict
    RETURNING r.id
"""


@dataclass(frozen=True)
class Settled:
    """What reservations have changed: how many records are `reserved` now and were not, and how many are `available`
    the other way round; which are flagged now and were not, each with its staff member, and which are no longer.
    """

    reserved: int = 0
    freed: int = 0
    flagged: dict[int, int] = field(default_factory=dict)
    cleared: frozenset[int] = frozenset()

    @property
    def taken(self) -> Counter[int]:
        """How many records of each staff member are flagged now and were not."""
        return Counter(self.flagged.values())


def settle(model: Any, ids: Collection[int], *, without: Collection[int] = ()) -> Settled:
    """Brings these records in line with the reservations that cover them, but for those `without`.

    The rows must be locked by the caller, in a statement before this one.
    """
    if not ids:
        return Settled()
    _ask(model, NAMED, {"ids": list(ids)})
    rows = _ask(model, SETTLE, {"ids": list(ids), "without": list(without)})
    moves = Counter((was, status) for _pk, _who, was, status, _before, _after in rows)
    return Settled(
        reserved=moves["available", "reserved"],
        freed=moves["reserved", "available"],
        flagged={pk: who for pk, who, _was, _status, before, after in rows if after and not before},
        cleared=frozenset(pk for pk, _who, _was, _status, before, after in rows if before and not after),
    )


def back_to_pool(model: Any, ids: Collection[int]) -> int:
    """The one way back: clears what an assignment left and draws a new lottery number. Returns how many rows.

    Reserved if a reservation covers it, naming the oldest that does, else available. The rows must be locked by the
    caller, in a statement before this one.
    """
    cleared = {
        model._meta.get_field(name).column: value
        for name, value in model.CLEARED_IN_POOL.items()
        if name != "reservation"
    }
    return len(_ask(model, BACK_TO_POOL, {"ids": list(ids), **cleared}, cleared=cleared))


def match_ids(model: Any, reservation_ids: Collection[int]) -> list[int]:
    """The keys of the records that these reservations match, whether they are active or not."""
    found = _ask(
        model,
        "SELECT DISTINCT record_id FROM ({matches}) AS m WHERE reservation_id = ANY(%(ids)s::bigint[])",
        {"ids": list(reservation_ids)},
    )
    return [pk for (pk,) in found]


def matching_ids(model: Any, record_id: int) -> list[int]:
    """The keys of the reservations that match the record, whether they are active or not."""
    found = _ask(
        model, "SELECT DISTINCT reservation_id FROM ({matches}) AS m WHERE record_id = %(pk)s", {"pk": record_id}
    )
    return [pk for (pk,) in found]


def cover_database(database: Any) -> int:
    """Reserves what reservations cover of records that were just added; how many. Nobody else sees the records yet, and
    the product is locked.
    """
    model = module_of(database).Record
    found = _ask(
        model, "SELECT DISTINCT record_id FROM ({covers}) AS c WHERE database_id = %(pk)s", {"pk": database.pk}
    )
    return settle(model, [pk for (pk,) in found]).reserved


def owners(model: Any, ids: Collection[int]) -> dict[int, list[int]]:
    """Those of the records that are covered, each with the staff members who have reserved it."""
    rows = _ask(
        model,
        "SELECT record_id, array_agg(DISTINCT staff_id) FROM ({covers}) AS c"
        " WHERE record_id = ANY(%(ids)s::bigint[]) GROUP BY 1",
        {"ids": list(ids)},
    )
    return dict(rows)


def not_for(model: Any, ids: Collection[int], staff_id: int) -> set[int]:
    """Those of the records whose customer somebody else than this staff member has reserved."""
    rows = _ask(
        model,
        "SELECT DISTINCT record_id FROM ({covers}) AS c"
        " WHERE record_id = ANY(%(ids)s::bigint[]) AND staff_id <> %(staff)s",
        {"ids": list(ids), "staff": staff_id},
    )
    return {pk for (pk,) in rows}


def keep_in_spite(model: Any, ids: Collection[int], note: str) -> int:
    """Clears the flags of these locked records for as long as no other reservation covers them; how many."""
    return len(_ask(model, KEEP, {"ids": list(ids), "note": note}))


def _ask(model: Any, text: str, values: dict[str, Any], *, cleared: Collection[str] = ()) -> list[Any]:
    databases = module_of(model).Database._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            text.format(
                covers=covers(model),
                matches=matches(model),
                records=model._meta.db_table,
                databases=databases,
                against=AGAINST,
                reason=REASON,
                reservations=Reservation._meta.db_table,
                fresh_lottery=FRESH_LOTTERY.format(databases=databases),
                cleared=", ".join(f"{column} = %({column})s" for column in cleared),
            ),
            values,
        )
        return cursor.fetchall()
