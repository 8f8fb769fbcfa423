"""What records, batches and the others refer to: it is there, and it fits."""

from collections.abc import Iterator

from django.db.models import ForeignKey, Model
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from integrity.check import Check, Look, RowRule, everywhere, names_of

CHECKS = [
    Check(
        "missing_reference",
        _("A link to nothing"),
        _("Whatever a row refers to is there."),
        {"": _("The %(field)s of %(object)s names %(actual)s, which is not there.")},
        applies=everywhere,
    ),
    Check(
        "batch_owner_mismatch",
        _("In a batch of somebody else"),
        _("A record's staff member and database are those of its batch."),
        {
            "staff": _("The staff member of %(object)s is %(actual)s, that of its batch %(expected)s."),
            "database": _("The database of %(object)s is %(actual)s, that of its batch %(expected)s."),
        },
    ),
    Check(
        "replacement_broken",
        _("Replacement that does not fit"),
        _("A replacement is in the batch and the database of the archived record whose place it took, and no record is"
          " replaced twice."),
        {
            "": _("%(object)s takes the place of record %(actual)s, which is not an archived one of its batch."),
            "twice": _("%(object)s takes the place of record %(actual)s, and another one does, too."),
        },
    ),
    Check(
        "assignee_not_working",
        _("With somebody who does not work"),
        _("Assigned records are with active staff members."),
        {"": _("%(actual)s, who has %(object)s, is not an active staff member.")},
        decisions=("",),
    ),
]  # fmt: skip


def record_rules(module: Module) -> list[RowRule]:
    batch = "(SELECT {{}} FROM {batches} b WHERE b.id = r.batch_id)".format(**names_of(module))
    batches = "(SELECT b.id{{}} FROM {batches} b)".format(**names_of(module))
    replaced = "{records} o WHERE o.id = r.replaces_id".format(**names_of(module))
    return [
        RowRule(
            "batch_owner_mismatch", column,
            f"r.{column} IS NOT NULL AND r.batch_id IS NOT NULL"
            f" AND ((r.batch_id, r.{column}) IN {batches.format(f', b.{of_batch}')}) IS NOT TRUE"
            f" AND r.batch_id IN {batches.format('')}",
            f"r.{column}", expected=batch.format(f"b.{of_batch}"), hint=hint,
        )
        for hint, column, of_batch in (("staff", "assignee_id", "staff_id"), ("database", "database_id", "database_id"))
    ] + [
        RowRule(
            "replacement_broken", "replaces_id",
            f"r.replaces_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {replaced} AND o.status = 'archived'"
            " AND o.batch_id = r.batch_id AND o.database_id = r.database_id)",
            "r.replaces_id", alone=True,
        ),
    ]  # fmt: skip


def references(model: type[Model]) -> list[RowRule]:
    """Of each foreign key of the model, whether or not PostgreSQL is told of it."""
    large = [Reservation, *(module.Record for module in modules())]
    rules = []
    for key in model._meta.concrete_fields:
        if isinstance(key, ForeignKey):
            target, column = key.related_model._meta, f'r."{key.column}"'
            alone = key.related_model in large
            there = f'{column} IN (SELECT t."{target.pk.column}" FROM "{target.db_table}" t)'
            if alone:
                there = f'EXISTS (SELECT 1 FROM "{target.db_table}" t WHERE t."{target.pk.column}" = {column})'
            condition = f"{column} IS NOT NULL AND NOT {there}"
            rules.append(RowRule("missing_reference", str(key.column), condition, column, alone=alone))
    return rules


def replaced_twice(module: Module) -> Look:
    return Look(
        ("replacement_broken",),
        module,
        """
        SELECT 'replacement_broken', {record}, r.id, 'replaces_id', '', r.replaces_id::text, 'twice'
        FROM {records} r JOIN (
            SELECT replaces_id FROM {records} WHERE replaces_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1
        ) t ON t.replaces_id = r.replaces_id
        """.format(**names_of(module)),
    )


def assignees(module: Module) -> Look:
    return Look(
        ("assignee_not_working",),
        module,
        f"""
        SELECT 'assignee_not_working', {{record}}, r.id, 'assignee_id', '', u.username, ''
        FROM "{User._meta.db_table}" u JOIN {{records}} r ON r.assignee_id = u.id AND r.status = 'assigned'
        WHERE NOT u.is_active OR u.role <> 'staff'
        """.format(**names_of(module)),
    )


def looks() -> Iterator[Look]:
    for module in modules():
        yield assignees(module)
        yield replaced_twice(module)
