"""The triggers that keep the stored counts, and those that protect them.

The counts are kept by statement-level triggers with transition tables, so that bulk updates, COPY and raw SQL keep
them right too, for one more pass over the rows of the statement. Each statement is first summed up into *moves*
(how many rows came to or went from each database, batch and status), which are few however many the rows; then the
databases and after them the batches are locked in the order of their keys and changed once each.
"""

from collections.abc import Iterable
from typing import Any

import pgtrigger

from crm.constraints import differs, refuse
from crm.distribution.states import IMPORTED_COLUMNS

MOVES_OF_INSERT = """
    SELECT database_id, batch_id, status, is_reservation_conflict AS conflict, count(*) AS n,
           1 AS entered, 0 AS gone, 1 AS imported
    FROM new_rows GROUP BY 1, 2, 3, 4
"""

MOVES_OF_DELETE = """
    SELECT database_id, batch_id, status, is_reservation_conflict AS conflict, -count(*) AS n,
           0 AS entered, 1 AS gone, -1 AS imported
    FROM old_rows GROUP BY 1, 2, 3, 4
"""

# A row whose status, batch and flag stay as they were moves nothing: the work loop's updates end here.
MOVES_OF_UPDATE = """
    WITH changed AS MATERIALIZED (
        SELECT o.database_id AS old_database, o.batch_id AS old_batch, o.status AS old_status,
               o.is_reservation_conflict AS old_conflict,
               n.database_id AS new_database, n.batch_id AS new_batch, n.status AS new_status,
               n.is_reservation_conflict AS new_conflict,
               count(*) AS n
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (o.status, o.batch_id, o.is_reservation_conflict, o.database_id)
              IS DISTINCT FROM (n.status, n.batch_id, n.is_reservation_conflict, n.database_id)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    )
    SELECT new_database AS database_id, new_batch AS batch_id, new_status AS status, new_conflict AS conflict, n,
           (new_batch IS DISTINCT FROM old_batch)::int AS entered, 0 AS gone, 0 AS imported
    FROM changed
    UNION ALL
    SELECT old_database, old_batch, old_status, old_conflict, -n,
           0, (new_batch IS DISTINCT FROM old_batch)::int, 0
    FROM changed
"""

# `n` is signed: rows that came count up, rows that went count down. `entered`, `gone` and `imported` say whether
# the rows of a move changed batch or came into or left the database for good.
# EXECUTE, because a statement that stands here by itself is planned once in a connection: planned for the one row of a
# click, it would compare each old row with each new one when thousands are changed later.
COUNT = """
    EXECUTE $moves$ SELECT jsonb_agg(m) FROM ({moves}) AS m $moves$ INTO moves;
    IF moves IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM 1 FROM "{{database}}" WHERE id IN (
        SELECT database_id FROM jsonb_to_recordset(moves) AS m(database_id bigint)
    ) ORDER BY id FOR NO KEY UPDATE;
    UPDATE "{{database}}" AS d SET
        imported_count = d.imported_count + s.imported,
        purged_count = d.purged_count + s.purged,
        record_count = d.record_count + s.records,
        available_count = d.available_count + s.available,
        reserved_count = d.reserved_count + s.reserved,
        requested_count = d.requested_count + s.requested,
        assigned_count = d.assigned_count + s.assigned,
        archived_count = d.archived_count + s.archived,
        invalid_count = d.invalid_count + s.invalid,
        conflict_count = d.conflict_count + s.conflicts
    FROM (
        SELECT m.database_id,
               coalesce(sum(n) FILTER (WHERE imported > 0), 0) AS imported,
               coalesce(sum(-n) FILTER (WHERE imported < 0), 0) AS purged,
               sum(n) AS records,
               coalesce(sum(n) FILTER (WHERE status = 'available'), 0) AS available,
               coalesce(sum(n) FILTER (WHERE status = 'reserved'), 0) AS reserved,
               coalesce(sum(n) FILTER (WHERE status = 'requested'), 0) AS requested,
               coalesce(sum(n) FILTER (WHERE status = 'assigned'), 0) AS assigned,
               coalesce(sum(n) FILTER (WHERE status = 'archived'), 0) AS archived,
               coalesce(sum(n) FILTER (WHERE status = 'invalid'), 0) AS invalid,
               coalesce(sum(n) FILTER (WHERE conflict), 0) AS conflicts
        FROM jsonb_to_recordset(moves) AS m(database_id bigint, status text, conflict boolean, n int, imported int)
        GROUP BY m.database_id
    ) AS s
    WHERE d.id = s.database_id;

    PERFORM 1 FROM "{{batch}}" WHERE id IN (
        SELECT batch_id FROM jsonb_to_recordset(moves) AS m(batch_id bigint)
    ) ORDER BY id FOR NO KEY UPDATE;
    UPDATE "{{batch}}" AS b SET
        initial_count = CASE WHEN b.received_count = 0 THEN s.received ELSE b.initial_count END,
        received_count = b.received_count + s.received,
        current_count = b.current_count + s.current,
        archived_count = b.archived_count + s.archived,
        left_count = b.left_count + s.gone,
        invalid_count = b.invalid_count + s.invalid
    FROM (
        SELECT m.batch_id,
               coalesce(sum(n) FILTER (WHERE entered = 1), 0) AS received,
               coalesce(sum(n) FILTER (WHERE status = 'assigned'), 0) AS current,
               coalesce(sum(n) FILTER (WHERE status = 'archived'), 0) AS archived,
               coalesce(sum(-n) FILTER (WHERE gone = 1), 0) AS gone,
               coalesce(sum(n) FILTER (WHERE status = 'invalid'), 0) AS invalid
        FROM jsonb_to_recordset(moves)
             AS m(batch_id bigint, status text, n int, entered int, gone int)
        WHERE m.batch_id IS NOT NULL
        GROUP BY m.batch_id
    ) AS s
    WHERE b.id = s.batch_id;
    RETURN NULL;
"""


class _CountTrigger(pgtrigger.Trigger):
    """Keeps the counts of the record's database and batch, whose tables it finds through the foreign keys."""

    when = pgtrigger.After
    level = pgtrigger.Statement
    declare = [("moves", "jsonb")]
    func: str

    def get_func(self, model: Any) -> str:
        tables = {name: model._meta.get_field(name).related_model._meta.db_table for name in ("database", "batch")}
        return self.func.format(**tables)


def _count(name: str, operation: pgtrigger.Operation, moves: str, **transition: str) -> pgtrigger.Trigger:
    return _CountTrigger(
        name=name,
        operation=operation,
        referencing=pgtrigger.Referencing(**transition),
        func=COUNT.format(moves=moves),
    )


def count_inserted() -> pgtrigger.Trigger:
    return _count("count_inserted", pgtrigger.Insert, MOVES_OF_INSERT, new="new_rows")


def count_updated() -> pgtrigger.Trigger:
    return _count("count_updated", pgtrigger.Update, MOVES_OF_UPDATE, old="old_rows", new="new_rows")


def count_deleted() -> pgtrigger.Trigger:
    return _count("count_deleted", pgtrigger.Delete, MOVES_OF_DELETE, old="old_rows")


def counts_are_kept_here(columns: Iterable[str]) -> pgtrigger.Trigger:
    """Only a trigger on the records changes a stored count (at depth 1 or more); no UPDATE of anybody does."""
    columns = tuple(columns)
    return pgtrigger.Trigger(
        name="counts_are_kept_here",
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        operation=pgtrigger.UpdateOf(*columns),
        condition=pgtrigger.Condition(f"pg_trigger_depth() = 0 AND ({differs(columns)})"),
        func=refuse("stored counts are kept by the triggers on the records"),
    )


def counts_start_at_zero(columns: Iterable[str]) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="counts_start_at_zero",
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(" OR ".join(f'NEW."{column}" <> 0' for column in columns)),
        func=refuse("stored counts start at zero"),
    )


def seal_of(row: str) -> str:
    """In SQL: the number that stands for all that an import put into this row.

    PostgreSQL hashes rows so to partition them, and cannot change how without losing rows of whoever upgrades. Twice as
    fast as a digest of the text.
    """
    return f"hash_record_extended(ROW({', '.join(f'{row}.{column}' for column in IMPORTED_COLUMNS)}), 0)"


def seal_imported() -> pgtrigger.Trigger:
    """The second copy of a record that the history does not know yet: whatever is changed past the triggers, later,
    does not fit its seal.
    """
    return pgtrigger.Trigger(
        name="seal_imported",
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        operation=pgtrigger.Insert,
        func=f"NEW.seal := {seal_of('NEW')}; RETURN NEW;",
    )
