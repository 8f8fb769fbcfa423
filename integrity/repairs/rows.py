"""Columns that break a declared rule of their row, or refer to nothing: what the history says, or else nothing."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.registry import modules
from integrity.check import RowRule, names_of, our_models
from integrity.checks.life import declared_rules, record_rules
from integrity.checks.links import references
from integrity.ground import Ground, Step
from integrity.repairs.place import COLUMNS, broken

CODES = ("rule_broken", "missing_reference", "validation_leftover")

# The newest event in which the rule holds.
FROM_HISTORY = """
    UPDATE "{table}" r SET {assignments}
    FROM (SELECT DISTINCT ON (r.pgh_obj_id) r.* FROM "{events}" r
          WHERE r.pgh_obj_id = ANY(%(ids)s::bigint[]) AND r.pgh_label <> 'delete' AND ({broken}) IS NOT TRUE
          ORDER BY r.pgh_obj_id, r.pgh_id DESC) e
    WHERE r."{pk}" = e.pgh_obj_id AND ({broken})
"""
NEUTRAL = 'UPDATE "{table}" r SET {assignments} WHERE r."{pk}" = ANY(%(ids)s::bigint[]) AND ({broken})'
LEFT = 'SELECT r."{pk}" FROM "{table}" r WHERE r."{pk}" = ANY(%(ids)s::bigint[]) AND ({broken}) ORDER BY 1'

NEUTRAL_OF_RECORDS = {
    "lottery": "-ln(1 - random())",
    "phone_key": "NULL",
    "phone": "''",
    "customer_name": "''",
    "data": "'[]'",
}
"""What a column of a record can always be, besides what it is in the pool."""


def rules_of(model: type[Model]) -> Iterator[tuple[list[str], RowRule]]:
    """Each rule of the model's rows, with the columns that it is about."""
    for rule in (*declared_rules(model), *references(model)):
        columns = [str(each.column) for each in model._meta.concrete_fields]
        yield [name for name in columns if re.search(rf'r\."{name}"', rule.condition)], rule


def from_history(ground: Ground) -> None:
    for model, ids in _targets(ground):
        events = getattr(model, "pgh_event_model", None)
        if events is None:
            continue
        kept = {each.column for each in events._meta.concrete_fields}
        for names, rule in rules_of(model):
            columns = names
            # What a record's status is part of is put right together (repairs/place.py), but for why it was kept.
            if _is_record(model) and set(columns) == {"status", "kept_despite", "kept_note"}:
                columns = ["kept_despite", "kept_note"]
            if kept.issuperset(columns) and not (_is_record(model) and {"status", *COLUMNS} & set(columns)):
                _run(ground, FROM_HISTORY, model, rule, ids, {name: f'e."{name}"' for name in columns})


def neutral(ground: Ground) -> None:
    for model, ids in _targets(ground):
        for columns, rule in rules_of(model):
            if values := _neutral_values(model, columns, rule):
                _run(ground, NEUTRAL, model, rule, ids, values)
            left = _run(ground, LEFT, model, rule, ids)
            ground.leave(rule.code, model._meta.label_lower, [pk for (pk,) in left], rule.field)


def _neutral_values(model: type[Model], columns: Collection[str], rule: RowRule) -> dict[str, str]:
    if not _is_record(model):
        nullable = [each.column for each in model._meta.concrete_fields if each.null]
        is_link = rule.code == "missing_reference"
        return {name: "NULL" for name in columns if is_link and name in nullable}
    record: Any = model
    cleared = {record._meta.get_field(name).column: value for name, value in record.CLEARED_IN_POOL.items()}
    values = {name: _literal(value) for name, value in cleared.items()} | NEUTRAL_OF_RECORDS
    return {name: values[name] for name in columns if name in values and name not in COLUMNS}


def _literal(value: Any) -> str:
    return "'{}'" if value == [] else {None: "NULL", "": "''", False: "false"}[value]


def _is_record(model: type[Model]) -> bool:
    return model in _records()


def _run(
    ground: Ground,
    text: str,
    model: type[Model],
    rule: RowRule,
    ids: list[int],
    values: dict[str, str] | None = None,
) -> list[tuple[Any, ...]]:
    events = getattr(model, "pgh_event_model", None)
    names = {
        "table": model._meta.db_table,
        "pk": model._meta.pk.column,
        "events": events._meta.db_table if events else "",
        "assignments": ", ".join(f'"{name}" = {value}' for name, value in (values or {}).items()),
        "broken": broken([rule]),
    }
    return ground.execute(text.format(**names), {"ids": ids})


def _targets(ground: Ground) -> Iterator[tuple[type[Model], list[int]]]:
    for model in ground.models():
        # What the history has put back may be as it was broken before.
        if ids := ground.targets((*CODES, "history_mismatch"), model):
            yield model, ids


def _models() -> list[type[Model]]:
    return list(our_models())


def _records() -> list[type[Model]]:
    return [module.Record for module in modules()]


# How a record was marked: the newest event of the same staff member in the same batch that is sound in that; else an
# archived record was invalid, for the reason for which it was archived, and any other is not marked.
MARKED = """
    UPDATE {records} r SET validation = e.validation, validation_reason = e.validation_reason,
        validated_at = e.validated_at, validated_by_id = e.validated_by_id
    FROM (SELECT * FROM {records} r WHERE r.id = ANY(%(ids)s::bigint[]) AND ({broken})) x JOIN LATERAL (
        SELECT r.* FROM {events} r
        WHERE r.pgh_obj_id = x.id AND r.assignee_id = x.assignee_id AND r.batch_id = x.batch_id
              AND ({broken}) IS NOT TRUE
        ORDER BY r.pgh_id DESC LIMIT 1
    ) e ON true
    WHERE r.id = x.id
"""
NOT_MARKED = """
    UPDATE {records} r SET
        validation = CASE WHEN r.status = 'archived' THEN 'invalid' ELSE '' END,
        validation_reason = CASE WHEN r.status = 'archived' THEN r.archive_reason ELSE '' END,
        validated_at = CASE WHEN r.status = 'archived' THEN r.archived_at END,
        validated_by_id = CASE WHEN r.status = 'archived' THEN r.archived_by_id END
    WHERE r.id = ANY(%(ids)s::bigint[]) AND ({broken})
"""


def mark(text: str) -> Callable[[Ground], None]:
    def work(ground: Ground) -> None:
        for module in modules():
            if ids := ground.targets((*CODES, "history_mismatch"), module.Record):
                about = [rule for rule in record_rules(module.Record) if rule.code == "validation_leftover"]
                ground.execute(text.format(broken=broken(about), **names_of(module)), {"ids": ids})

    return work


STEPS = [
    Step(CODES, _("So it was marked by whoever has it, says the history."), mark(MARKED), _records),
    Step(CODES, _("The history does not know how it was marked."), mark(NOT_MARKED), _records),
    Step(CODES, _("So it was when it last kept the rule, says the history."), from_history, _models),
    Step(CODES, _("The history does not know; nothing is safe to say."), neutral, _models),
]
