"""What reservations do to records: the flags and statuses that crm.distribution.coverage sets, and their log."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.coverage import AGAINST, REASON
from crm.distribution.models import Conflict
from crm.registry import Module, modules
from crm.reservations.covering import covers
from crm.reservations.models import Reservation
from integrity.check import Check, Look, RowRule, everywhere, literal, names_of

CHECKS = [
    Check(
        "missing_reserved",
        _("Reserved and still available"),
        _("A record in the pool whose customer is reserved is kept out of it."),
        {"": _("Reservation %(expected)s covers %(object)s, which is available.")},
    ),
    Check(
        "stale_reserved",
        _("Reserved by nothing"),
        _("A reserved record names an active reservation that covers it."),
        {
            "": _("%(object)s names reservation %(actual)s, which does not cover it."),
            "none": _("%(object)s is reserved, and names no reservation."),
            "odd": _("%(object)s names reservation %(actual)s, and is neither reserved nor in conflict."),
        },
    ),
    Check(
        "missing_conflict",
        _("A conflict that is not flagged"),
        _("A record of one staff member whose customer somebody else has reserved is flagged."),
        {"": _("Reservation %(expected)s is somebody else's and covers %(object)s, which is not flagged.")},
    ),
    Check(
        "stale_conflict",
        _("Flagged without a conflict"),
        _("A flagged record is covered by the active reservation of somebody else that it names."),
        {
            "": _("%(object)s names reservation %(actual)s, which is no conflict."),
            "left": _("%(object)s is in no conflict, and has the reason “%(actual)s”."),
        },
    ),
    Check(
        "conflict_reason_stale",
        _("A conflict that names the wrong person"),
        _("The reason of a flagged record names the reservation's owner as they are called today."),
        {"": _("%(object)s says “%(actual)s”, and should say “%(expected)s”.")},
    ),
    Check(
        "kept_despite_broken",
        _("Kept in spite of what is no conflict"),
        _("What a record is kept in spite of are active reservations of others that cover it, and a note says why."),
        {
            "": _("%(object)s is kept in spite of reservations that are no conflict: %(actual)s."),
            "odd": _("%(object)s is %(actual)s: only assigned records are kept, with a note and the reservations."),
        },
    ),
    Check(
        "conflict_log_mismatch",
        _("The log of conflicts is wrong"),
        _("A flagged record has exactly one open entry in the log, of the reservation that it names; an open entry has"
          " its flagged record."),
        {
            "missing": _("%(object)s is in conflict with reservation %(expected)s, and the log does not have it."),
            "stale": _("The log has a conflict of %(object)s with reservation %(actual)s as open, and there is none."),
            "module": _("%(object)s is of “%(actual)s”, which is no module."),
            "different": _("The log has the %(field)s of the conflict of %(object)s as “%(actual)s”, and it is"
                           " “%(expected)s”."),
        },
        applies=everywhere,
        decisions=("module",),
    ),
]  # fmt: skip

COVERED = """
    WITH cover AS MATERIALIZED ({covers})
    SELECT 'missing_reserved', {record}, r.id, 'status', min(c.reservation_id)::text, r.status, ''
    FROM cover c JOIN {records} r ON r.id = c.record_id AND r.status = 'available' GROUP BY r.id
    UNION ALL
    SELECT 'missing_conflict', {record}, r.id, 'is_reservation_conflict', min(c.reservation_id)::text, 'false', ''
    FROM cover c JOIN {records} r ON r.id = c.record_id
    WHERE r.status = 'assigned' AND NOT r.is_reservation_conflict AND {against} GROUP BY r.id
    UNION ALL
    SELECT 'stale_reserved', {record}, r.id, 'reservation_id', '', r.reservation_id::text, ''
    FROM {records} r
    WHERE r.status = 'reserved' AND r.reservation_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM cover c WHERE c.record_id = r.id AND c.reservation_id = r.reservation_id)
    UNION ALL
    SELECT 'stale_conflict', {record}, r.id, 'reservation_id', '', coalesce(r.reservation_id::text, ''), ''
    FROM {records} r
    WHERE r.is_reservation_conflict AND NOT EXISTS (
        SELECT 1 FROM cover c WHERE c.record_id = r.id AND c.reservation_id = r.reservation_id AND {against}
    )
    UNION ALL
    SELECT 'conflict_reason_stale', {record}, r.id, 'invalid_reason', {reason}, r.invalid_reason, ''
    FROM {records} r JOIN "{reservations}" v ON v.id = r.reservation_id JOIN "{users}" u ON u.id = v.staff_id
    WHERE r.is_reservation_conflict AND r.invalid_reason IS DISTINCT FROM {reason}
          -- Whoever is renamed is so a moment before their name is in the reasons.
          AND NOT EXISTS (SELECT 1 FROM accounts_userevent e WHERE e.pgh_obj_id = u.id AND e.pgh_label = 'update'
                          AND e.pgh_created_at > now() - interval '1 minute')
    UNION ALL
    SELECT 'kept_despite_broken', {record}, r.id, 'kept_despite', '', string_agg(k.reservation_id::text, ', '), ''
    FROM {records} r CROSS JOIN LATERAL unnest(r.kept_despite) AS k (reservation_id)
    WHERE r.status = 'assigned' AND r.kept_despite <> '{{}}' AND NOT EXISTS (
        SELECT 1 FROM cover c
        WHERE c.record_id = r.id AND c.reservation_id = k.reservation_id AND c.staff_id <> r.assignee_id
    )
    GROUP BY r.id
"""

# What is open in the log beside what is flagged.
LOG = """
    WITH flagged AS (
        SELECT f.*, v.staff_id AS owner_id, d.product_id
        FROM {records} f
        LEFT JOIN "{reservations}" v ON v.id = f.reservation_id
        LEFT JOIN {databases} d ON d.id = f.database_id
        WHERE f.is_reservation_conflict
    ), opened AS (
        SELECT * FROM "{conflicts}" WHERE module = {module} AND closed_at IS NULL
    )
    SELECT 'conflict_log_mismatch', {record}, coalesce(f.id, c.record_id), 'is_reservation_conflict',
           coalesce(f.reservation_id::text, ''), coalesce(c.reservation_id::text, ''),
           CASE WHEN c.id IS NULL THEN 'missing' ELSE 'stale' END
    FROM flagged f FULL JOIN opened c ON c.record_id = f.id
    WHERE f.id IS NULL OR c.id IS NULL
    UNION ALL
    SELECT 'conflict_log_mismatch', {conflict}, c.id, x.field, coalesce(x.expected, ''), coalesce(x.actual, ''),
           'different'
    FROM flagged f JOIN opened c ON c.record_id = f.id
    CROSS JOIN LATERAL (VALUES
        ('reservation_id', f.reservation_id::text, c.reservation_id::text),
        ('staff_id', f.assignee_id::text, c.staff_id::text),
        ('reserved_by_id', f.owner_id::text, c.reserved_by_id::text),
        ('database_id', f.database_id::text, c.database_id::text),
        ('product_id', f.product_id::text, c.product_id::text),
        ('customer_id', f.customer_id, c.customer_id)
    ) AS x (field, expected, actual)
    WHERE x.expected IS DISTINCT FROM x.actual
"""


# Of a module that there is not, nothing can be flagged.
STRANGE = """
    SELECT 'conflict_log_mismatch', '{conflict}', c.id, 'module', '', c.module, 'module'
    FROM "{conflicts}" c WHERE c.module NOT IN ({known})
"""


def record_rules(module: Module) -> list[RowRule]:
    return [
        RowRule("stale_reserved", "reservation_id", "r.status = 'reserved' AND r.reservation_id IS NULL", "''",
                hint="none"),
        RowRule("stale_reserved", "reservation_id",
                "r.reservation_id IS NOT NULL AND r.status IN ('assigned', 'archived', 'invalid')"
                " AND NOT r.is_reservation_conflict", "r.reservation_id", hint="odd"),
        RowRule("stale_conflict", "invalid_reason",
                "r.invalid_reason <> '' AND NOT r.is_reservation_conflict AND r.status = 'assigned'",
                "r.invalid_reason", hint="left"),
        RowRule("kept_despite_broken", "kept_note",
                "(r.kept_despite <> '{}') <> (r.kept_note <> '')"
                " OR r.kept_despite <> '{}' AND r.status IN ('archived', 'invalid')", "r.status", hint="odd"),
    ]  # fmt: skip


def _sql(text: str, module: Module) -> str:
    return text.format(
        covers=covers(module.Record),
        against=AGAINST,
        reason=REASON,
        reservations=Reservation._meta.db_table,
        users=User._meta.db_table,
        conflicts=Conflict._meta.db_table,
        conflict=f"'{Conflict._meta.label_lower}'",
        **names_of(module),
    )


def looks() -> Iterator[Look]:
    of_cover = ("missing_reserved", "missing_conflict", "stale_reserved", "stale_conflict", "conflict_reason_stale",
                "kept_despite_broken")  # fmt: skip
    for module in modules():
        yield Look(of_cover, module, _sql(COVERED, module))
        yield Look(("conflict_log_mismatch",), module, _sql(LOG, module))
    known = ", ".join(literal(module.key) for module in modules())
    names = {"conflict": Conflict._meta.label_lower, "conflicts": Conflict._meta.db_table, "known": known}
    yield Look(("conflict_log_mismatch",), None, STRANGE.format(**names))
