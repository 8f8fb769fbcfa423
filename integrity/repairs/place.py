"""Whose a record is: what the history says, or else its own links; with neither it is in the pool.

Broken and sound are what the checks say of a record, asked of its events as well.
"""

from collections.abc import Iterable, Iterator

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.coverage import back_to_pool
from crm.distribution.states import NO_VALIDATION, NO_WORK, Status
from crm.registry import Module, modules
from integrity.check import RowRule, literal, names_of
from integrity.checks import life, links, requests
from integrity.ground import Ground, Step

CODES = (
    "unknown_status",
    "legacy_invalid_status",
    "orphaned_assignment",
    "unassigned_leftovers",
    "batch_owner_mismatch",
    "replacement_broken",
    "conflict_on_unassigned",
    "stuck_request",
    "missing_reference",
    "rule_broken",
    "validation_leftover",
)

COLUMNS = (
    "status",
    "assignee_id",
    "assigned_at",
    "assigned_by_id",
    "batch_id",
    "replaces_id",
    "archived_at",
    "archived_by_id",
    "archive_reason",
)
"""Together they say where a record is."""

# Which reservation a record names is settled later; how it was marked, and what came of it, can be put right alone.
NOT_OF_PLACE = ("is_reservation_conflict", "invalid_reason", "kept_despite", "kept_note", "reservation_id")
ABOUT_THE_PLACE = {"unknown_status", "orphaned_assignment", "unassigned_leftovers", "batch_owner_mismatch"}
ABOUT_THE_PLACE |= {"replacement_broken", "stuck_request"}

KNOWN = ", ".join(literal(status) for status in Status.values)

# The old status says whose a record is by itself: with nobody it goes to the pool.
OLD = "r.status = 'invalid'"


def rules(module: Module) -> list[RowRule]:
    """What a record breaks whose place is wrong."""
    declared = [
        rule
        for rule in life.declared_rules(module.Record)
        if '"status"' in rule.condition and "kept" not in rule.field and not rule.hint
    ]
    every = [
        *life.record_rules(module.Record),
        *links.record_rules(module),
        *links.references(module.Record),
        *requests.record_rules(module),
    ]
    about = [rule for rule in every if rule.code in ABOUT_THE_PLACE and rule.field not in NOT_OF_PLACE]
    columns = columns_of(module)
    references = [rule for rule in every if rule.code == "missing_reference" and rule.field in columns]
    # Of two that took the same place, the one that came first has taken it.
    taken = "SELECT 1 FROM {records} o WHERE o.replaces_id = r.replaces_id AND o.id < r.id".format(**names_of(module))
    twice = RowRule("replacement_broken", "replaces_id", f"r.replaces_id IS NOT NULL AND EXISTS ({taken})", "''")
    return [*about, *references, *declared, twice]


def broken(some: Iterable[RowRule]) -> str:
    """In SQL: the row `r` breaks one of them. For a query that has values."""
    return " OR ".join(f"(({rule.when}) AND ({rule.condition}))" for rule in some).replace("%", "%%")


def columns_of(module: Module) -> tuple[str, ...]:
    return (*COLUMNS, "request_id") if module.policy.asking else COLUMNS


FROM_HISTORY = """
    WITH damaged AS MATERIALIZED (
        SELECT r.* FROM {records} r
        WHERE r.id = ANY(%(ids)s::bigint[]) AND ({old} OR {broken}) AND NOT ({old} AND r.assignee_id IS NULL)
    )
    UPDATE {records} r SET {assignments}
    FROM damaged x JOIN LATERAL (
        SELECT r.* FROM {events} r
        WHERE r.pgh_obj_id = x.id AND r.pgh_label <> 'delete' AND r.status <> 'invalid'
              AND (x.status IS DISTINCT FROM 'invalid' OR r.assignee_id = x.assignee_id)
              AND ({broken}) IS NOT TRUE
        ORDER BY r.pgh_id DESC LIMIT 1
    ) e ON true
    WHERE r.id = x.id
"""


def said_of_reservations(status: str) -> dict[str, str]:
    """What a record that gets this status keeps of what reservations said of it: its conflict, if it is assigned."""
    stays = f"{status} = 'assigned' AND r.is_reservation_conflict"
    return {
        "is_reservation_conflict": stays,
        "reservation_id": f"CASE WHEN {stays} THEN r.reservation_id END",
        "invalid_reason": f"CASE WHEN {stays} THEN r.invalid_reason ELSE '' END",
        "kept_despite": f"CASE WHEN {status} = 'assigned' THEN r.kept_despite ELSE '{{}}' END",
        "kept_note": f"CASE WHEN {status} = 'assigned' THEN r.kept_note ELSE '' END",
    }


# The batch that a record is in, if it is one of its list and it or the record says whose; else the newest that its
# staff member has of the list.
BATCH = """
    SELECT x.id, coalesce(own.id, (
        SELECT b.id FROM {batches} b
        WHERE b.staff_id = x.assignee_id AND b.database_id = x.database_id ORDER BY b.id DESC LIMIT 1
    )) AS batch_id
    FROM {records} x LEFT JOIN {batches} own ON own.id = x.batch_id AND own.database_id = x.database_id
    WHERE x.id = ANY(%(ids)s::bigint[])
"""
# Whose status is known to be of the pool is not with anybody, whatever else it says.
HELD = f"(r.status IN ('assigned', 'archived', 'invalid') OR (r.status IN ({KNOWN})) IS NOT TRUE" \
       " AND r.assignee_id IS NOT NULL)"  # fmt: skip
HOMELESS = """
    INSERT INTO {batches} (database_id, staff_id)
    SELECT DISTINCT r.database_id, r.assignee_id FROM {records} r JOIN ({batch}) n ON n.id = r.id
    JOIN "{users}" u ON u.id = r.assignee_id
    WHERE n.batch_id IS NULL AND ({old} OR {broken}) AND {held}
    RETURNING id
"""
FROM_LINKS = """
    UPDATE {records} r SET
        status = CASE WHEN r.status = 'archived' THEN 'archived' ELSE 'assigned' END,
        assignee_id = b.staff_id,
        batch_id = b.id,
        assigned_at = coalesce(r.assigned_at, b.created_at),
        assigned_by_id = coalesce((SELECT u.id FROM "{users}" u WHERE u.id = r.assigned_by_id), b.created_by_id,
                                  b.staff_id),
        replaces_id = CASE WHEN NOT ({unfit}) THEN r.replaces_id END,
        archived_at = CASE WHEN r.status = 'archived' THEN coalesce(r.archived_at, now()) END,
        archived_by_id = CASE WHEN r.status = 'archived' THEN coalesce(
            (SELECT u.id FROM "{users}" u WHERE u.id = r.archived_by_id), b.created_by_id, b.staff_id) END,
        archive_reason = CASE WHEN r.status = 'archived' THEN coalesce(
            nullif(r.archive_reason, ''), nullif(r.validation_reason, ''), 'Unknown') ELSE '' END{no_request}
    FROM ({batch}) n JOIN {batches} b ON b.id = n.batch_id
    WHERE r.id = n.id AND ({old} OR {broken}) AND {held} AND NOT ({old} AND r.assignee_id IS NULL)
"""
STILL_BROKEN = "SELECT r.id FROM {records} r WHERE r.id = ANY(%(ids)s::bigint[]) AND ({old} OR {broken}) ORDER BY 1"


def from_history(ground: Ground) -> None:
    for module, ids, names in _targets(ground):
        assignments = {name: f"e.{name}" for name in columns_of(module)}
        # Whether it is reserved, or in conflict, is settled later.
        assignments["status"] = "CASE WHEN e.status = 'reserved' THEN 'available' ELSE e.status END"
        assignments |= said_of_reservations("e.status")
        # What came of it was with its staff member, and is gone from it in the pool.
        went = "r.status IN ('available', 'reserved', 'requested') AND e.status IN ('assigned', 'archived')"
        outcome = [module.Record._meta.get_field(name).column for name in (*NO_WORK, *NO_VALIDATION)]
        assignments |= {name: f"CASE WHEN {went} THEN e.{name} ELSE r.{name} END" for name in outcome}
        text = ", ".join(f"{name} = {value}" for name, value in assignments.items())
        ground.execute(FROM_HISTORY.format(assignments=text, **names), {"ids": ids})


def from_links(ground: Ground) -> None:
    for module, ids, names in _targets(ground):
        made = ground.execute(HOMELESS.format(**names), {"ids": ids})
        ground.touch(module.Batch, [pk for (pk,) in made])
        ground.execute(FROM_LINKS.format(**names), {"ids": ids})


def into_the_pool(ground: Ground) -> None:
    for module, ids, names in _targets(ground):
        lost = [pk for (pk,) in ground.execute(STILL_BROKEN.format(**names), {"ids": ids})]
        if lost:
            back_to_pool(module.Record, lost)


def _targets(ground: Ground) -> Iterator[tuple[Module, list[int], dict[str, str]]]:
    for module in modules():
        # What the history has put back may be as it was broken before.
        if ids := ground.targets((*CODES, "history_mismatch"), module.Record):
            names = names_of(module)
            of_place = rules(module)
            yield (
                module,
                ids,
                {
                    **names,
                    "users": User._meta.db_table,
                    "broken": f"({broken(of_place)})",
                    "old": OLD,
                    "held": HELD,
                    "batch": BATCH.format(**names),
                    "unfit": broken(rule for rule in of_place if rule.code == "replacement_broken"),
                    "no_request": ", request_id = NULL" if module.policy.asking else "",
                },
            )


def _records() -> list[type[Model]]:
    return [each for module in modules() for each in (module.Record, module.Batch)]


STEPS = [
    Step(CODES, _("So it was when it was last sound, says the history."), from_history, _records),
    Step(CODES, _("So its own links say: its batch, or its staff member."), from_links, _records),
    Step(CODES, _("Neither the history nor its links say whose it is."), into_the_pool, _records),
]
