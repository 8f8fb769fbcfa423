"""The stored counts are the number of the rows that they count."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, modules
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
]

BATCHES = """
    WITH there AS MATERIALIZED (
        SELECT batch_id AS id,
               count(*) FILTER (WHERE status = 'assigned') AS current_count,
               count(*) FILTER (WHERE status = 'archived') AS archived_count,
               count(*) FILTER (WHERE status = 'invalid') AS invalid_count
        FROM {records} WHERE batch_id IS NOT NULL GROUP BY batch_id
    )
    SELECT 'batch_count_mismatch', {batch}, b.id, c.field, c.counted::text, c.stored::text, c.field
    FROM {batches} b LEFT JOIN there t ON t.id = b.id
    CROSS JOIN LATERAL (VALUES
        ('current_count', coalesce(t.current_count, 0), b.current_count),
        ('archived_count', coalesce(t.archived_count, 0), b.archived_count),
        ('invalid_count', coalesce(t.invalid_count, 0), b.invalid_count)
    ) AS c (field, counted, stored)
    WHERE c.counted IS DISTINCT FROM c.stored
"""


def batches(module: Module) -> Look:
    return Look(("batch_count_mismatch",), module, BATCHES.format(**names_of(module)))


def looks() -> Iterator[Look]:
    for module in modules():
        yield batches(module)
