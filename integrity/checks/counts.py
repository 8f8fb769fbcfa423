"""The stored counts, and the double entry: what came in is there or went out.

What is there is counted from the rows, what came and went from the history of the records: a record that vanished
without a trace is still in the history, and is named there (checks/history.py).
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.distribution.models import BATCH_COUNTS, DATABASE_COUNTS, Status
from crm.registry import modules
from integrity.check import Check, Look, names_of

CHECKS = [
    Check(
        "batch_count_mismatch",
        _("A batch's count is wrong"),
        _("Each count of a batch is the number of its records in that status."),
        {
            "current_count": _("%(object)s says %(actual)s assigned, and %(expected)s assigned records are in it."),
            "archived_count": _("%(object)s says %(actual)s archived, and %(expected)s archived records are in it."),
            "invalid_count": _("%(object)s says %(actual)s of old status, and %(expected)s such records are in it."),
        },
    ),
    Check(
        "batch_conservation",
        _("A batch's records do not add up"),
        _("What a batch received is there, archived, or left it, and the history knows each."),
        {
            "rows": _("%(object)s received %(expected)s, and %(actual)s are there or have left."),
            "ledger": _("%(object)s has %(actual)s as its %(field)s, and the history %(expected)s."),
        },
    ),
    Check(
        "database_count_mismatch",
        _("A database's count is wrong"),
        _("Each count of a database is the number of its records in that status, and they add up to the total."),
        {"": _("%(object)s has %(actual)s as its %(field)s, and there are %(expected)s.")},
    ),
    Check(
        "import_conservation",
        _("A database's import does not add up"),
        _("The rows of a file are imported, duplicates, rejected or blank; what was imported is there or was purged."),
        {
            "gone": _("%(expected)s records of %(object)s were imported and not purged, and %(actual)s are there."),
            "added": _("%(actual)s records of %(object)s are there, and %(expected)s were imported and not purged."),
            "file": _("The file of %(object)s had %(expected)s rows, and %(actual)s are imported, duplicates or"
                      " rejected."),
            "purged": _("%(object)s says %(actual)s purged, and the history has %(expected)s."),
            "left out": _("%(object)s says that %(actual)s rows were left out, and %(expected)s are kept to download."),
        },
        decisions=("gone", "file", "left out"),
    ),
]  # fmt: skip

# What there is of each batch and each database.
ROWS_OF_BATCHES = """
    SELECT batch_id AS id, count(*) AS total,
           count(*) FILTER (WHERE status = 'assigned') AS current_count,
           count(*) FILTER (WHERE status = 'archived') AS archived_count,
           count(*) FILTER (WHERE status = 'invalid') AS invalid_count
    FROM {records} WHERE batch_id IS NOT NULL GROUP BY 1
"""
ROWS_OF_DATABASES = f"""
    SELECT database_id AS id, count(*) AS record_count,
           {", ".join(f"count(*) FILTER (WHERE status = '{status}') AS {status}_count" for status in Status.values)},
           count(*) FILTER (WHERE is_reservation_conflict) AS conflict_count
    FROM {{records}} GROUP BY 1
"""

# What the history has of a batch and of a database; the others are of the rows that are there.
OF_LEDGER = ("initial_count", "received_count", "left_count")
OF_IMPORT = ("imported_count", "purged_count")

# What came into a batch and left it, by the history: an event that put a record in, one that took it out or deleted it.
# A repair that was undone, and its undo, have moved nothing.
STEPS_OF_RECORDS = """
    SELECT pgh_label, batch_id, lag(batch_id) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
    FROM {events} WHERE (pgh_context_id = ANY(ARRAY(
        SELECT x.id FROM pghistory_context x WHERE x.metadata ? 'undone'
    ))) IS NOT TRUE
"""
LEDGER_OF_BATCHES = """
    SELECT id, sum(came) AS received_count, sum(went) AS left_count FROM (
        SELECT batch_id AS id, 1 AS came, 0 AS went FROM steps
        WHERE pgh_label <> 'delete' AND batch_id IS NOT NULL AND batch_id IS DISTINCT FROM before
        UNION ALL
        SELECT before, 0, 1 FROM steps
        WHERE before IS NOT NULL AND (pgh_label = 'delete' OR batch_id IS DISTINCT FROM before)
    ) AS moves GROUP BY 1
"""
LEDGER = """
    WITH steps AS MATERIALIZED ({steps}), ledger AS ({ledger})
    SELECT 'batch_conservation', {batch}, s.id, c.field, c.by_history::text, c.stored::text, 'ledger'
    FROM {batches} s LEFT JOIN ledger l ON l.id = s.id
    CROSS JOIN LATERAL (VALUES
        ('received_count', coalesce(l.received_count, 0), s.received_count),
        ('left_count', coalesce(l.left_count, 0), s.left_count)
    ) AS c (field, by_history, stored)
    WHERE c.by_history IS DISTINCT FROM c.stored
    UNION ALL
    SELECT 'batch_conservation', {batch}, s.id, 'initial_count', f.received_count::text, s.initial_count::text, 'ledger'
    FROM {batches} s JOIN LATERAL (
        SELECT e.received_count FROM {batch_events} e
        WHERE e.pgh_obj_id = s.id AND e.received_count > 0 ORDER BY e.pgh_id LIMIT 1
    ) f ON f.received_count IS DISTINCT FROM s.initial_count
"""

BATCHES = """
    WITH there AS MATERIALIZED ({rows})
    SELECT 'batch_count_mismatch', {batch}, s.id, c.field, c.there::text, c.stored::text, c.field
    FROM {batches} s LEFT JOIN there t ON t.id = s.id
    CROSS JOIN LATERAL (VALUES {counted}) AS c (field, there, stored)
    WHERE c.there IS DISTINCT FROM c.stored
    UNION ALL
    SELECT 'batch_conservation', {batch}, s.id, 'received_count', s.received_count::text,
           (coalesce(t.total, 0) + s.left_count)::text, 'rows'
    FROM {batches} s LEFT JOIN there t ON t.id = s.id
    WHERE s.received_count IS DISTINCT FROM coalesce(t.total, 0) + s.left_count
"""

PURGED = """
    SELECT database_id AS id, count(*) AS n FROM {events}
    WHERE pgh_label = 'delete' AND (pgh_context_id = ANY(ARRAY(
        SELECT x.id FROM pghistory_context x WHERE x.metadata ? 'undone'
    ))) IS NOT TRUE GROUP BY 1
"""

DATABASES = """
    WITH there AS MATERIALIZED ({rows}), purged AS ({purged}), left_out AS (
        SELECT upload_id, count(*) AS n FROM distribution_leftoutrow GROUP BY 1
    )
    SELECT 'database_count_mismatch', {database}, s.id, c.field, c.there::text, c.stored::text, ''
    FROM {databases} s LEFT JOIN there t ON t.id = s.id
    CROSS JOIN LATERAL (VALUES {counted}) AS c (field, there, stored)
    WHERE c.there IS DISTINCT FROM c.stored
    UNION ALL
    SELECT 'import_conservation', {database}, s.id, c.field, c.expected::text, c.actual::text, c.hint
    FROM {databases} s
    LEFT JOIN there t ON t.id = s.id LEFT JOIN purged p ON p.id = s.id
    LEFT JOIN left_out o ON o.upload_id = s.upload_id
    CROSS JOIN LATERAL (VALUES
        ('imported_count', s.imported_count - s.purged_count, coalesce(t.record_count, 0),
         CASE WHEN coalesce(t.record_count, 0) < s.imported_count - s.purged_count THEN 'gone' ELSE 'added' END, true),
        ('purged_count', coalesce(p.n, 0), s.purged_count, 'purged', true),
        ('file_rows', s.file_rows, s.imported_count + s.duplicate_count + s.rejected_count, 'file',
         s.upload_id IS NOT NULL),
        ('duplicate_count', coalesce(o.n, 0), s.duplicate_count + s.rejected_count, 'left out',
         s.upload_id IS NOT NULL)
    ) AS c (field, expected, actual, hint, applies)
    WHERE c.applies AND c.expected IS DISTINCT FROM c.actual
"""


def counted(columns: Iterator[str]) -> str:
    """The stored counts beside what there is, a row each."""
    return ", ".join(f"('{name}', coalesce(t.{name}, 0), s.{name})" for name in columns)


def looks() -> Iterator[Look]:
    for module in modules():
        names = names_of(module)
        of_batch = counted(name for name in BATCH_COUNTS if name not in OF_LEDGER)
        of_database = counted(name for name in DATABASE_COUNTS if name not in OF_IMPORT)
        yield Look(
            ("batch_count_mismatch", "batch_conservation"),
            module,
            BATCHES.format(rows=ROWS_OF_BATCHES.format(**names), counted=of_batch, **names),
        )
        yield Look(
            ("batch_conservation",),
            module,
            LEDGER.format(steps=STEPS_OF_RECORDS.format(**names), ledger=LEDGER_OF_BATCHES, **names),
        )
        yield Look(
            ("database_count_mismatch", "import_conservation"),
            module,
            DATABASES.format(
                rows=ROWS_OF_DATABASES.format(**names), purged=PURGED.format(**names), counted=of_database, **names
            ),
        )
