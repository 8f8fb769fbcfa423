"""A record's life: its status and what belongs to it. Each is a rule about one row, and all are asked in one pass.

PostgreSQL refuses nearly all of it; these find what came while a guard was gone.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import CheckConstraint, Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.models import Status
from integrity.check import Check, Look, RowRule, everywhere, literal, looks_at_rows, module_of_model, our_models
from integrity.checks import covering, links, requests

CHECKS = [
    Check(
        "legacy_invalid_status",
        _("Old status"),
        _("No record has the deprecated status “invalid”."),
        {"": _("%(object)s has the old status, which counts it neither as assigned nor as available.")},
    ),
    Check(
        "unknown_status",
        _("Unknown status"),
        _("Every record has one of the known statuses."),
        {"": _("The status of %(object)s is “%(actual)s”, which is none.")},
    ),
    Check(
        "orphaned_assignment",
        _("Assigned to nobody"),
        _("An assigned record has a staff member, a batch, a time, and who assigned it; archived ones keep them."),
        {"": _("%(object)s is %(expected)s, and its %(field)s is missing.")},
    ),
    Check(
        "unassigned_leftovers",
        _("Not clean in the pool"),
        _("A record in the pool has no staff member, no batch, no outcome, no conflict, and no request of its past."),
        {"": _("%(object)s is in the pool, and its %(field)s is still “%(actual)s”.")},
    ),
    Check(
        "conflict_on_unassigned",
        _("Conflict without a staff member"),
        _("Only assigned records are in conflict with a reservation."),
        {"": _("%(object)s is %(actual)s, and flagged.")},
    ),
    Check(
        "validation_leftover",
        _("Validation out of place"),
        _("Only assigned and archived records are marked as valid or invalid, with when and by whom, and invalid ones"
          " with a reason."),
        {
            "place": _("%(object)s is %(actual)s, and marked as %(expected)s."),
            "reason": _("%(object)s is marked as invalid without a reason."),
            "incomplete": _("How %(object)s was marked is incomplete."),
        },
    ),
    Check(
        "rule_broken",
        _("A rule of the row is broken"),
        _("Every row keeps the rules that PostgreSQL is told to hold for it."),
        {"": _("%(object)s breaks “%(field)s”."), "empty": _("The %(field)s of %(object)s is empty.")},
        applies=everywhere,
    ),
]  # fmt: skip

POOL = f"r.status IN ({', '.join(literal(status) for status in Status.of_the_pool())})"

# What belongs to a record that is, or was last, with somebody.
HELD = ("assignee", "assigned_at", "assigned_by", "batch")

# The constraints that a check with a name of its own is about; the others are asked as they are declared.
SAID_BY_OTHERS = (
    "record_status_known",
    "record_assigned_to_somebody",
    "record_with_nobody_is_clean",
    "record_validated_by_somebody",
    "record_invalid_with_reason",
    "record_conflict_on_assigned",
    "record_names_its_reservation",
    "record_requested_by_somebody",
    "database_imported_is_here_or_purged",
    "database_every_record_has_a_status",
    "batch_received_is_here_or_left",
    "request_decided_once",
    "record_phone_key_is_e164",
    "reservation_phone_key_is_e164",
)


def record_rules(record: Any) -> list[RowRule]:
    known = ", ".join(f"'{status}'" for status in Status.values)
    missing = [
        RowRule(
            "orphaned_assignment",
            column,
            f'r."{column}" IS NULL',
            "''",
            expected="r.status",
            when="r.status IN ('assigned', 'archived')",
        )
        for name in HELD
        if (column := str(record._meta.get_field(name).column))
    ]
    return [
        RowRule("legacy_invalid_status", "status", "r.status = 'invalid'", "r.status",
                expected="CASE WHEN r.assignee_id IS NULL THEN 'available' ELSE 'assigned' END"),
        RowRule("unknown_status", "status", f"r.status IS NULL OR r.status NOT IN ({known})", "r.status"),
        *missing,
        *left_over(record),
        RowRule("conflict_on_unassigned", "is_reservation_conflict",
                "r.is_reservation_conflict AND r.status <> 'assigned'", "r.status", expected="'assigned'"),
        RowRule("validation_leftover", "validation",
                "r.validation <> '' AND r.status NOT IN ('assigned', 'archived', 'invalid')", "r.status",
                expected="r.validation", hint="place"),
        RowRule("validation_leftover", "validation_reason",
                "r.validation = 'invalid' AND r.validation_reason = ''", "''", hint="reason"),
        RowRule("validation_leftover", "validated_at",
                "(r.validation <> '') <> (r.validated_at IS NOT NULL)"
                " OR (r.validation <> '') <> (r.validated_by_id IS NOT NULL)"
                " OR r.validation = '' AND r.validation_reason <> '' OR r.validation NOT IN ('', 'valid', 'invalid')",
                "r.validation", hint="incomplete"),
    ]  # fmt: skip


EMPTY = {None: "NULL", "": "''", False: "false"}


def left_over(record: Any) -> list[RowRule]:
    """What a record of the pool must not have. A reserved one names its reservation, a requested one its request."""
    has_its_own = {"reservation": "r.status <> 'reserved'", "request": "r.status <> 'requested'"}
    rules = []
    for name, value in record.CLEARED_IN_POOL.items():
        column = record._meta.get_field(name).column
        cleared = "'{}'" if value == [] else EMPTY[value]
        condition = f'r."{column}" IS DISTINCT FROM {cleared} AND {has_its_own.get(name, "true")}'
        rules.append(RowRule("unassigned_leftovers", column, condition, f'r."{column}"', when=POOL))
    return rules


@cache
def declared_rules(model: type[Model]) -> tuple[RowRule, ...]:
    """The check constraints of a model that no other check is about, and that its columns are not empty."""
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        conditions = {
            constraint.name: _of_row(model, str(constraint.constraint_sql(model, editor)).partition(" CHECK ")[2])
            for constraint in model._meta.constraints
            if isinstance(constraint, CheckConstraint) and not constraint.name.endswith(SAID_BY_OTHERS)
        }
    return (
        *(RowRule("rule_broken", name, f"{condition} IS FALSE", "''") for name, condition in conditions.items()),
        *(
            RowRule("rule_broken", str(each.column), f'r."{each.column}" IS NULL', "''", hint="empty")
            for each in model._meta.concrete_fields
            if not each.null and not each.primary_key and each.name != "status"
        ),
    )


def _of_row(model: type[Model], condition: str) -> str:
    """The condition of a constraint, which names columns alone, of the row `r`."""
    columns = "|".join(re.escape(str(each.column)) for each in model._meta.concrete_fields)
    return re.sub(rf'"({columns})"', r'r."\1"', condition)


def looks() -> Iterator[Look]:
    for model in our_models():
        module = module_of_model(model)
        rules = [*links.references(model), *declared_rules(model)]
        if module and model is module.Record:
            rules += record_rules(model)
            for file in (links, requests, covering):
                rules += file.record_rules(module)
        yield from looks_at_rows(model, rules, module)
