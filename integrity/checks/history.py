"""The second copy: a row is what its newest event in the history says.

Whatever changed a row past the triggers differs from it. Records have no event before their first change: what an
import made of them is in their seal (crm.distribution.triggers).
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.triggers import seal_of
from crm.registry import modules
from integrity.check import Check, Look, everywhere, literal, module_of_model, rarely
from integrity.checks.life import left_over

CHECKS = [
    Check(
        "history_mismatch",
        _("Changed behind the history's back"),
        _("Every row is what the history says, and a record without history is as its import made it."),
        {
            "": _("The %(field)s of %(object)s is “%(actual)s”, and the history says “%(expected)s”."),
            "vanished": _("%(object)s is not there, and the history does not know that it was deleted."),
            "no trace": _("The %(field)s of %(object)s is “%(actual)s”, and the history does not know of any change."),
            "unknown": _("%(object)s is there, and the history does not know it."),
            "import": _("%(object)s is not what was imported: its customer, name, phone or cells changed without a"
                        " trace."),
        },
        applies=everywhere,
        decisions=("unknown",),
    ),
]  # fmt: skip

NO_LATER = 'NOT EXISTS (SELECT 1 FROM "{events}" n WHERE n.pgh_obj_id = e.pgh_obj_id AND n.pgh_id > e.pgh_id)'

# No part reads what another has read: each can be shared by several processes.
DIFFERENT = f"""
    SELECT 'history_mismatch', {{object}}, r."{{pk}}", x.field, coalesce(left(x.expected, 200), ''),
           coalesce(left(x.actual, 200), ''), ''
    FROM (
        SELECT e.pgh_id FROM (
            -- The keys alone, because the events are wide.
            SELECT max(pgh_id) AS pgh_id FROM "{{events}}" GROUP BY pgh_obj_id
        ) newest JOIN "{{events}}" e ON e.pgh_id = newest.pgh_id JOIN "{{table}}" r ON r."{{pk}}" = e.pgh_obj_id
        WHERE e.pgh_label <> 'delete' AND {rarely("{different}")} OFFSET 0
    ) w JOIN "{{events}}" e ON e.pgh_id = w.pgh_id JOIN "{{table}}" r ON r."{{pk}}" = e.pgh_obj_id
    CROSS JOIN LATERAL (VALUES {{columns}}) AS x (field, expected, actual)
    WHERE x.expected IS DISTINCT FROM x.actual
    UNION ALL
    SELECT 'history_mismatch', {{object}}, e.pgh_obj_id, 'row', 'there', 'gone', 'vanished' FROM "{{events}}" e
    WHERE e.pgh_label <> 'delete' AND NOT EXISTS (SELECT 1 FROM "{{table}}" r WHERE r."{{pk}}" = e.pgh_obj_id)
          AND {NO_LATER}
"""

# A row of which the history knows nothing: it has no event, or is there again after it was deleted.
UNKNOWN = f"""
    SELECT r.* FROM "{{table}}" r
    WHERE NOT EXISTS (SELECT 1 FROM "{{events}}" e WHERE e.pgh_obj_id = r."{{pk}}"){{and_not}}
    UNION ALL
    SELECT r.* FROM "{{table}}" r JOIN "{{events}}" e ON e.pgh_obj_id = r."{{pk}}"
    WHERE e.pgh_label = 'delete' AND {NO_LATER}
"""
ROWS_WITHOUT = """
    UNION ALL
    SELECT 'history_mismatch', {object}, r."{pk}", 'row', '', 'there', 'unknown' FROM ({unknown}) r
"""
RECORDS_WITHOUT = """
    UNION ALL
    SELECT 'history_mismatch', {object}, r.id, 'status', 'available', coalesce(r.status, ''), 'no trace'
    FROM ({unknown}) r
    UNION ALL
    SELECT 'history_mismatch', {object}, r.id, 'seal', '', '', 'import' FROM "{table}" r
    WHERE r.seal IS DISTINCT FROM {seal}
"""


def tracked() -> Iterator[Any]:
    """The models that have a history."""
    for event in apps.get_models():
        model = getattr(event, "pgh_tracked_model", None)
        if model is not None:
            yield model


def kept_columns(model: Any) -> list[str]:
    """The columns that the history keeps."""
    own = {field.column for field in model._meta.concrete_fields}
    return [name for field in model.pgh_event_model._meta.concrete_fields if (name := field.column) in own]


def as_imported(record: type[Model]) -> str:
    """In SQL: the record `r` is as an import makes it, in the pool and clean."""
    broken = " OR ".join(f"({rule.condition})" for rule in left_over(record))
    return f"r.status = 'available' AND NOT ({broken})"


def sql_of(model: Any) -> str:
    columns = kept_columns(model)
    names = {
        "events": model.pgh_event_model._meta.db_table,
        "object": literal(model._meta.label_lower),
        "table": model._meta.db_table,
        "pk": str(model._meta.pk.column),
        "columns": ", ".join(f'(\'{name}\', e."{name}"::text, r."{name}"::text)' for name in columns),
        "different": " OR ".join(f'r."{name}" IS DISTINCT FROM e."{name}"' for name in columns),
        "seal": seal_of("r"),
    }
    if model in [module.Record for module in modules()]:
        and_not = f" AND (({as_imported(model)}) IS NOT TRUE)"
        return (DIFFERENT + RECORDS_WITHOUT).format(unknown=UNKNOWN.format(and_not=and_not, **names), **names)
    if any(getattr(each, "label", "") == "insert" for each in model.pgh_event_model.pgh_trackers or ()):
        return (DIFFERENT + ROWS_WITHOUT).format(unknown=UNKNOWN.format(and_not="", **names), **names)
    return DIFFERENT.format(**names)


def looks() -> Iterator[Look]:
    for model in tracked():
        yield Look(("history_mismatch",), module_of_model(model), sql_of(model))
