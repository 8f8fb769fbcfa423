"""The stored counts, last: what there is, from the rows; what came and went, from the history."""

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.models import DATABASE_COUNTS
from crm.registry import modules
from integrity.check import names_of
from integrity.checks.counts import (
    LEDGER_OF_BATCHES,
    OF_IMPORT,
    PURGED,
    ROWS_OF_BATCHES,
    ROWS_OF_DATABASES,
    STEPS_OF_RECORDS,
)
from integrity.ground import Ground, Step

CODES = ("batch_count_mismatch", "batch_conservation", "database_count_mismatch", "import_conservation")

# Received and left are what the history has, where that agrees with what is there; else what is there is all that is
# known to have come.
BATCHES = """
    WITH steps AS MATERIALIZED ({steps}), ledger AS ({ledger}), there AS ({rows}), wanted AS (
        SELECT b.id, coalesce(t.current_count, 0) AS current_count, coalesce(t.archived_count, 0) AS archived_count,
               coalesce(t.invalid_count, 0) AS invalid_count, coalesce(t.total, 0) AS total,
               coalesce(l.received_count, 0) AS received_count, coalesce(l.left_count, 0) AS left_count,
               (SELECT e.received_count FROM {batch_events} e
                WHERE e.pgh_obj_id = b.id AND e.received_count > 0 ORDER BY e.pgh_id LIMIT 1) AS initial_count
        FROM {batches} b LEFT JOIN there t ON t.id = b.id LEFT JOIN ledger l ON l.id = b.id
        WHERE b.id = ANY(%(ids)s::bigint[])
    ), balanced AS (
        SELECT w.*, CASE WHEN w.received_count - w.left_count = w.total THEN w.received_count
                         ELSE w.total + w.left_count END AS balanced_count
        FROM wanted w
    )
    UPDATE {batches} s SET current_count = w.current_count, archived_count = w.archived_count,
        invalid_count = w.invalid_count, received_count = w.balanced_count, left_count = w.left_count,
        initial_count = coalesce(w.initial_count, w.balanced_count)
    FROM balanced w
    WHERE s.id = w.id AND (s.current_count, s.archived_count, s.invalid_count, s.received_count, s.left_count,
                           s.initial_count)
        IS DISTINCT FROM (w.current_count, w.archived_count, w.invalid_count, w.balanced_count, w.left_count,
                          coalesce(w.initial_count, w.balanced_count))
"""
OF_TOUCHED = " AND pgh_obj_id IN (SELECT o.pgh_obj_id FROM {events} o WHERE o.batch_id = ANY(%(ids)s::bigint[]))"

# What was imported is there or purged, and PostgreSQL holds that. When fewer are there, nobody knows which are gone: an
# admin decides, and until then all counts of the list stay.
SHORT = """
    SELECT d.id FROM {databases} d LEFT JOIN ({rows}) t ON t.id = d.id LEFT JOIN ({purged}) p ON p.id = d.id
    WHERE d.id = ANY(%(ids)s::bigint[])
          AND coalesce(t.record_count, 0) + greatest(d.purged_count, p.n) < d.imported_count
"""
DATABASES = """
    WITH there AS ({rows}), purged AS ({purged}), wanted AS (
        SELECT d.id, {counts}, coalesce(p.n, 0) AS purged_count,
               coalesce(t.record_count, 0) + coalesce(p.n, 0) AS imported_count
        FROM {databases} d LEFT JOIN there t ON t.id = d.id LEFT JOIN purged p ON p.id = d.id
        WHERE d.id = ANY(%(ids)s::bigint[])
              AND coalesce(t.record_count, 0) + greatest(d.purged_count, p.n) >= d.imported_count
    )
    UPDATE {databases} s SET {assignments}
    FROM wanted w WHERE s.id = w.id AND ({of_row}) IS DISTINCT FROM ({of_wanted})
"""


def batches(ground: Ground) -> None:
    for module in modules():
        if ids := ground.touched(module.Batch):
            names = names_of(module)
            rows = ROWS_OF_BATCHES.format(**names).replace(
                "WHERE batch_id IS NOT NULL", "WHERE batch_id = ANY(%(ids)s::bigint[])"
            )
            steps = (STEPS_OF_RECORDS + OF_TOUCHED).format(**names)
            ground.execute(BATCHES.format(steps=steps, ledger=LEDGER_OF_BATCHES, rows=rows, **names), {"ids": ids})


def databases(ground: Ground) -> None:
    for module in modules():
        if ids := ground.touched(module.Database):
            names = names_of(module)
            rows = ROWS_OF_DATABASES.format(**names).replace(
                " GROUP BY", " WHERE database_id = ANY(%(ids)s::bigint[]) GROUP BY"
            )
            purged = PURGED.format(**names)
            short = [pk for (pk,) in ground.execute(SHORT.format(rows=rows, purged=purged, **names), {"ids": ids})]
            ground.leave("database_count_mismatch", module.Database._meta.label_lower, short)
            there = [name for name in DATABASE_COUNTS if name not in OF_IMPORT]
            columns = [*there, *OF_IMPORT]
            text = DATABASES.format(
                rows=rows,
                purged=purged,
                counts=", ".join(f"coalesce(t.{name}, 0) AS {name}" for name in there),
                assignments=", ".join(f"{name} = w.{name}" for name in columns),
                of_row=", ".join(f"s.{name}" for name in columns),
                of_wanted=", ".join(f"w.{name}" for name in columns),
                **names,
            )
            ground.execute(text, {"ids": ids})


def _batches() -> list[type[Model]]:
    return [module.Batch for module in modules()]


def _databases() -> list[type[Model]]:
    return [module.Database for module in modules()]


STEPS = [
    Step(CODES[:2], _("Counted: what is there, and what the history has seen come and go."), batches, _batches, True),
    Step(CODES[2:], _("Counted: what is there."), databases, _databases, True),
]
