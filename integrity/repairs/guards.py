"""Guards are put back: triggers and what asks no rows first, constraints when the rows are clean."""

from collections.abc import Callable, Collection

from django.utils.translation import gettext_lazy as _

from integrity.check import key_of, module_of_model
from integrity.checks.guards import place_of
from integrity.ground import Ground, Step
from integrity.guards import Blocked, Fault, before_image, faults, guarded_models, restore, restore_order

ASK_THE_ROWS = ("not null", "primary key", "unique", "index", "check", "foreign key", "composite key")
ASK_WHEN_MADE = ("generated",)
"""They are needed by what is repaired next, and what hangs on them asks the rows: they are tried before and after."""

# A column that was made anew is no change that somebody has made since to the rows that this run has changed before.
SEEN_ANEW = """
    UPDATE integrity_change c SET row_hash = md5(to_jsonb(m)::text) FROM "{table}" m
    WHERE c.run_id = %s AND c.object = '{label}' AND c.object_id = m."{pk}"
"""

WHY = _("So the models declare it.")


def put_back(kinds: Callable[[str], bool], *, once_more: Collection[str] = ()) -> Callable[[Ground], None]:
    """Of the kinds that are wanted; those of `once_more` are not given up here where rows stand in their way."""

    def work(ground: Ground) -> None:
        # A table with a key that is still to be looked at cannot be altered.
        if not ground.has_targets("guard_missing") or not ground.keys_hold():
            return
        scope = ground.run.modules
        models = [model for model in guarded_models() if not scope or key_of(module_of_model(model)) in scope]
        for fault in restore_order(faults(models)):
            if kinds(fault.guard.kind) and ground.is_target("guard_missing", fault.guard.model, place_of(fault.guard)):
                _put_back(ground, fault, once_more=once_more)

    return work


def _put_back(ground: Ground, fault: Fault, *, once_more: Collection[str]) -> None:
    image = before_image(fault)
    model = fault.guard.model
    try:
        restore(fault)
    except Blocked:
        if fault.guard.kind not in once_more:
            ground.leave("guard_missing", model._meta.label_lower, [0], place_of(fault.guard))
        return
    if fault.guard.kind in ASK_WHEN_MADE:
        names = {"table": model._meta.db_table, "pk": model._meta.pk.column, "label": model._meta.label_lower}
        ground.execute(SEEN_ANEW.format(**names), [ground.run.pk])
    after = {"guard": fault.expected}
    ground.note(
        "guard_missing", model, before={"guard": fault.guard.name, "state": fault.state, **image}, after=after, why=WHY
    )


STEPS_BEFORE = [
    Step(("guard_missing",), WHY, put_back(lambda kind: kind not in ASK_THE_ROWS, once_more=ASK_WHEN_MADE), list),
]
STEPS_AFTER = [
    Step(("guard_missing",), WHY, put_back(lambda kind: kind in (*ASK_THE_ROWS, *ASK_WHEN_MADE)), list),
]
