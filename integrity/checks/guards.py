"""Every guard that the models declare exists in the live database, is enabled and validated."""

from collections.abc import Iterator
from functools import partial

from django.utils.translation import gettext_lazy as _
from pghistory.models import Context

from crm.registry import Module
from integrity.check import Check, Look, Row, everywhere, module_of_model, modules_and_shared
from integrity.guards import Guard, all_switched_off, faults, guarded_models

CHECKS = [
    Check(
        "guard_missing",
        _("A guard is gone"),
        _("Every constraint, key and trigger that keeps the data right is in place, enabled and validated."),
        {
            "missing": _("“%(field)s” of %(object)s is not there."),
            "disabled": _("“%(field)s” of %(object)s is switched off."),
            "not validated": _("“%(field)s” of %(object)s was never held against the rows that are there."),
            "different": _("“%(field)s” of %(object)s is not what it should be: %(actual)s"),
            "all": _("All triggers and foreign keys are switched off: %(actual)s"),
            "undeclared": _("“%(field)s” of %(object)s is something that nobody has declared: %(actual)s"),
            "shadowed": _("In the place of %(object)s the application finds another table of that name."),
        },
        applies=everywhere,
        decisions=("all", "undeclared", "shadowed"),
    ),
]
HAVE_A_NAME = ("check", "unique", "index", "trigger", "composite key", "function", "rule", "row security", "table")


def place_of(guard: Guard) -> str:
    """As a finding names it: rules that have no name of their own by their column."""
    return (guard.name if guard.kind in HAVE_A_NAME else f"{guard.name} ({guard.kind})")[:120]


def rows(module: Module | None) -> Iterator[Row]:
    for fault in faults([model for model in guarded_models() if module_of_model(model) == module]):
        label = fault.guard.model._meta.label_lower
        yield "guard_missing", label, 0, place_of(fault.guard), fault.expected, fault.actual, fault.state
    if module is None and (off := all_switched_off()):
        label = Context._meta.label_lower
        yield "guard_missing", label, 0, "session_replication_role", "origin", ", ".join(off), "all"


def looks() -> Iterator[Look]:
    for module in modules_and_shared():
        yield Look(("guard_missing",), module, rows=partial(rows, module))
