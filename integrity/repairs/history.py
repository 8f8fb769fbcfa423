"""Rows that were changed behind the history's back are again what it says; those that vanished come back."""

from typing import Any

import pghistory.trigger
import pgtrigger
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.coverage import back_to_pool
from crm.distribution.states import IMPORTED_COLUMNS
from crm.distribution.triggers import seal_of
from crm.identity import customer_key_sql
from crm.registry import modules
from integrity.check import names_of
from integrity.checks.history import as_imported, kept_columns, tracked
from integrity.ground import Ground, Step

NEWEST = """
    SELECT DISTINCT ON (pgh_obj_id) * FROM "{events}" WHERE pgh_obj_id = ANY(%(ids)s::bigint[])
    ORDER BY pgh_obj_id, pgh_id DESC
"""
COME_BACK = """
    INSERT INTO "{table}" ({columns}) SELECT {of_event} FROM ({newest}) e
    WHERE e.pgh_label <> 'delete' AND NOT EXISTS (SELECT 1 FROM "{table}" r WHERE r."{pk}" = e.pgh_obj_id)
"""
PUT_BACK = """
    UPDATE "{table}" r SET {assignments} FROM ({newest}) e
    WHERE r."{pk}" = e.pgh_obj_id AND e.pgh_label <> 'delete' AND ({of_row}) IS DISTINCT FROM ({of_event})
"""
# Two rows that have each other's value cannot get their own back one after the other.
# Of two that would have the same, the one that was there first has it.
TAKEN = """
    WITH wanted AS MATERIALIZED (
        SELECT e.pgh_obj_id AS id, e.database_id, e.row_number, {customer_key} AS customer_key
        FROM ({newest}) e WHERE e.pgh_label <> 'delete'
    ), others AS (
        SELECT id, database_id, row_number, customer_key FROM "{table}" o WHERE NOT o.id = ANY(%(ids)s::bigint[])
    )
    SELECT w.id FROM wanted w JOIN others o USING (database_id, row_number)
    UNION SELECT w.id FROM wanted w JOIN others o USING (database_id, customer_key)
    UNION SELECT w.id FROM wanted w JOIN wanted o USING (database_id, row_number) WHERE o.id < w.id
    UNION SELECT w.id FROM wanted w JOIN wanted o USING (database_id, customer_key) WHERE o.id < w.id
"""
PARK = """
    UPDATE "{table}" r SET customer_id = 'parked ' || r.id, row_number = -r.id, replaces_id = NULL
    WHERE r.id = ANY(%(ids)s::bigint[])
"""
# The newest event that fits the seal says what was imported.
IMPORTED = """
    UPDATE {records} r SET {assignments}
    FROM (SELECT DISTINCT ON (e.pgh_obj_id) e.* FROM {events} e JOIN {records} o ON o.id = e.pgh_obj_id
          WHERE e.pgh_obj_id = ANY(%(ids)s::bigint[]) AND {seal_of_event} = o.seal
          ORDER BY e.pgh_obj_id, e.pgh_id DESC) e
    WHERE r.id = e.pgh_obj_id AND r.seal IS DISTINCT FROM {seal}
"""
# A record of which the history knows nothing, and that is not as an import makes it.
NO_TRACE = """
    SELECT r.id FROM {records} r
    WHERE r.id = ANY(%(ids)s::bigint[]) AND ({as_imported}) IS NOT TRUE
          AND NOT EXISTS (SELECT 1 FROM {events} e WHERE e.pgh_obj_id = r.id AND e.pgh_label <> 'delete')
    ORDER BY 1
"""
SEALED = (
    "SELECT r.id FROM {records} r WHERE r.id = ANY(%(ids)s::bigint[]) AND r.seal IS DISTINCT FROM {seal} ORDER BY 1"
)


def in_order() -> list[type[Model]]:
    """The tracked models, each after those that it refers to."""
    order = [*(each for each in tracked() if not _of_a_module(each))]
    for name in ("Database", "Batch", "Request", "Record"):
        order += [each for each in tracked() if _of_a_module(each) and each._meta.object_name == name]
    return order


def _of_a_module(model: type[Model]) -> bool:
    return model._meta.app_label in {module.key for module in modules()}


def can_come_back(model: Any) -> bool:
    """Whether the history keeps all that a row needs."""
    kept = set(kept_columns(model))
    return all(
        field.column in kept or field.generated or field.null or field.has_db_default()
        for field in model._meta.concrete_fields
    )


def come_back(ground: Ground) -> None:
    for model in in_order():
        gone = ground.targets(["history_mismatch"], model, hints=["vanished"])
        if not gone or model in _records():
            continue
        if can_come_back(model):
            ground.execute(COME_BACK.format(**_names(model)), {"ids": gone})
        else:
            ground.leave("history_mismatch", model._meta.label_lower, gone)


def put_back(ground: Ground) -> None:
    for model in in_order():
        # Where it finds no row to change, a statement leaves a trace in the history, too: it is not asked in vain.
        ids = ground.targets(["history_mismatch"], model, hints=["", "vanished"])
        if ids and model in _records():
            _put_records_back(ground, model, ids)
        elif ids:
            ground.execute(PUT_BACK.format(**_names(model)), {"ids": ids})


def _put_records_back(ground: Ground, model: type[Model], ids: list[int]) -> None:
    """Where another record that stays as it is has the customer or the row of one, that one keeps what it has of these,
    or, if it had vanished, stays away.
    """
    names = _names(model) | {"customer_key": customer_key_sql("e.customer_id").replace("%", "%%")}
    free = set(ids)
    while taken := free & {pk for (pk,) in ground.execute(TAKEN.format(**names), {"ids": sorted(free)})}:
        free -= taken
    for pk in set(ids) - free:
        ground.leave("history_mismatch", model._meta.label_lower, [pk])
    try:
        with transaction.atomic():
            _bring_all_back(ground, names, sorted(free))
    except IntegrityError:
        _park(ground, model, sorted(free))
        _bring_all_back(ground, names, sorted(free))
    columns = [name for name in kept_columns(model) if name not in IMPORTED_COLUMNS]
    # What it still has of another is not told to the history.
    with ground.silencing(trigger.get_pgid(model) for trigger in event_triggers(model)):
        ground.execute(PUT_BACK.format(**(names | _columns(columns))), {"ids": sorted(set(ids) - free)})


def _bring_all_back(ground: Ground, names: dict[str, str], ids: list[int]) -> None:
    ground.execute(COME_BACK.format(**names), {"ids": ids})
    ground.execute(PUT_BACK.format(**names), {"ids": ids})


def _park(ground: Ground, model: type[Model], ids: list[int]) -> None:
    """Without a word in the history: nobody sees it."""
    with ground.silencing(trigger.get_pgid(model) for trigger in event_triggers(model)):
        ground.execute(PARK.format(table=model._meta.db_table), {"ids": ids})


def event_triggers(model: type[Model]) -> list[Any]:
    """The triggers that write the model's history."""
    return [each for of, each in pgtrigger.registered() if of is model and isinstance(each, pghistory.trigger.Event)]


def put_back_imported(ground: Ground) -> None:
    for module in modules():
        names = names_of(module) | {"seal": seal_of("r"), "seal_of_event": seal_of("e")}
        names["assignments"] = ", ".join(f"{name} = e.{name}" for name in IMPORTED_COLUMNS if name != "id")
        ids = ground.targets(["history_mismatch"], module.Record, hints=["import"])
        if not ids:
            continue
        try:
            with transaction.atomic():
                ground.execute(IMPORTED.format(**names), {"ids": ids})
        except IntegrityError:
            for pk in ids:
                _put_one_back(ground, module.Record, IMPORTED.format(**names), pk)
        left = ground.execute(SEALED.format(**names), {"ids": ids})
        ground.leave("history_mismatch", module.Record._meta.label_lower, [pk for (pk,) in left], "seal")


def _put_one_back(ground: Ground, model: type[Model], text: str, pk: int) -> None:
    try:
        with transaction.atomic():
            ground.execute(text, {"ids": [pk]})
    except IntegrityError:
        ground.leave("history_mismatch", model._meta.label_lower, [pk])


def forget(ground: Ground) -> None:
    for module in modules():
        if ids := ground.targets(["history_mismatch"], module.Record, hints=["no trace"]):
            text = NO_TRACE.format(as_imported=as_imported(module.Record).replace("%", "%%"), **names_of(module))
            back_to_pool(module.Record, [pk for (pk,) in ground.execute(text, {"ids": ids})])


def _names(model: Any) -> dict[str, str]:
    columns = kept_columns(model)
    pk = str(model._meta.pk.column)
    events = model.pgh_event_model._meta.db_table
    return {
        "table": model._meta.db_table,
        "pk": pk,
        "newest": NEWEST.format(events=events),
        "columns": ", ".join(f'"{name}"' for name in columns),
        **_columns(columns, pk),
    }


def _columns(columns: list[str], pk: str = "id") -> dict[str, str]:
    return {
        "of_event": ", ".join(f'e."{name}"' for name in columns),
        "of_row": ", ".join(f'r."{name}"' for name in columns),
        "assignments": ", ".join(f'"{name}" = e."{name}"' for name in columns if name != pk),
    }


def _records() -> list[type[Model]]:
    return [module.Record for module in modules()]


STEPS = [
    Step(("history_mismatch",), _("It vanished without a trace, and the history has it."), come_back, in_order),
    Step(("history_mismatch",), _("So the history says."), put_back, in_order),
    Step(("history_mismatch",), _("So it was imported, says the history."), put_back_imported, _records),
    Step(("history_mismatch",), _("Nothing has happened to it since its import, says the history."), forget, _records),
]
