"""Guards are put back: triggers and what asks no rows first, constraints when the rows are clean."""

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from integrity.check import key_of, module_of_model
from integrity.checks.guards import place_of
from integrity.ground import Ground, Step
from integrity.guards import Blocked, Fault, before_image, faults, guarded_models, restore, restore_order

ASK_THE_ROWS = ("not null", "primary key", "unique", "index", "check", "foreign key", "composite key")

WHY = _("So the models declare it.")


def put_back(wanted: Callable[[Fault], bool]) -> Callable[[Ground], None]:
    def work(ground: Ground) -> None:
        # A table with a key that is still to be looked at cannot be altered.
        if not ground.has_targets("guard_missing") or not ground.keys_hold():
            return
        scope = ground.run.modules
        models = [model for model in guarded_models() if not scope or key_of(module_of_model(model)) in scope]
        for fault in restore_order(faults(models)):
            if wanted(fault) and ground.is_target("guard_missing", fault.guard.model, place_of(fault.guard)):
                _put_back(ground, fault)

    return work


def _put_back(ground: Ground, fault: Fault) -> None:
    image = before_image(fault)
    model = fault.guard.model
    try:
        restore(fault)
    except Blocked:
        ground.leave("guard_missing", model._meta.label_lower, [0], place_of(fault.guard))
        return
    after = {"guard": fault.expected}
    ground.note(
        "guard_missing", model, before={"guard": fault.guard.name, "state": fault.state, **image}, after=after, why=WHY
    )


STEPS_BEFORE = [
    Step(("guard_missing",), WHY, put_back(lambda fault: fault.guard.kind not in ASK_THE_ROWS), list),
]
STEPS_AFTER = [
    Step(("guard_missing",), WHY, put_back(lambda fault: fault.guard.kind in ASK_THE_ROWS), list),
]
