"""Valid or invalid: what staff say of a customer, and what admins do with the invalid ones.

An invalid record waits, still assigned, until it is archived. Replacing is one for one: an invalid record is archived
and one of the same database comes into the same batch, naming the one whose place it takes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.assignment import back_to_pool, lock_working
from crm.distribution.draw import draw
from crm.distribution.models import NO_VALIDATION, BaseBatch, ModuleSettings, Status, Validation
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.registry import Module, module_of


@dataclass(frozen=True)
class Replaced:
    """`replaced` were archived and replaced; `waiting` still wait: the pool or the batch's limit had no more."""

    replaced: int
    waiting: int


@dataclass(frozen=True)
class Validated:
    """`count` records say so now; `skipped` are no longer with the person. `replacement` is what was done at once."""

    count: int
    skipped: int
    replacement: Replaced | None = None


def validate_records(
    *, records: RecordQuerySet, by: User, validation: Validation | None, reason: str = ""
) -> Validated:
    """Marks those of the records that are with `by`; None takes the mark back.

    An invalid one needs a reason. Where the module replaces by itself, invalid ones are archived and replaced at
    once, up to the batch's limit. Raises Refused when none of the records is with `by` any more.
    """
    module = module_of(records.model)
    if not module.policy.validates:
        raise Refused(_("Records of %(module)s are not validated.") % {"module": module.label})
    if validation == Validation.INVALID and not reason.strip():
        raise Refused(_("Say why the record is invalid."))
    with operation("records.validate", by=by):
        lock_working(by)
        selected = records.count()
        ids = records.held_by(by).locked_ids()
        if not ids:
            raise Refused(_("These records are no longer with you. Nothing was changed."))
        mark = (
            NO_VALIDATION
            if validation is None
            else {
                "validation": validation,
                "validation_reason": reason.strip() if validation == Validation.INVALID else "",
                "validated_at": Now(),
                "validated_by": by,
            }
        )
        module.Record.objects.with_ids(ids).update(**mark, worked_at=Now())
        replacement = None
        if validation == Validation.INVALID and settings_of(module).auto_replace:
            replacement = _replace(module, ids, by, limited=True)
        return Validated(count=len(ids), skipped=selected - len(ids), replacement=replacement)


def replace_invalid(*, records: RecordQuerySet, by: User) -> Replaced:
    """Archives the invalid ones among the records and replaces each; what cannot be replaced goes on waiting."""
    with operation("records.replace", by=by):
        for staff in User.objects.filter(pk__in=records.marked_invalid().values("assignee")).order_by("pk"):
            lock_working(staff)
        ids = records.marked_invalid().locked_ids()
        if not ids:
            raise Refused(_("None of these records waits as invalid any more. Nothing was changed."))
        return _replace(module_of(records.model), ids, by, limited=False)


def archive_invalid(*, records: RecordQuerySet, by: User) -> int:
    """Archives the invalid ones among the records, without replacement. Returns how many."""
    with operation("records.archive", by=by):
        ids = records.marked_invalid().locked_ids()
        if not ids:
            raise Refused(_("None of these records waits as invalid any more. Nothing was changed."))
        return _archive(module_of(records.model), ids, by)


def restore_archived(*, records: RecordQuerySet, by: User) -> int:
    """Archived records back to the pool. Returns how many."""
    model = records.model
    with operation("records.restore", by=by):
        ids = _locked_archived(records)
        _unlink(model, ids)
        return back_to_pool(model, ids)


def purge_archived(*, records: RecordQuerySet, by: User) -> int:
    """Deletes archived records for good; the history keeps what they were. Returns how many."""
    model = records.model
    with operation("records.purge", by=by), connection.cursor() as cursor:
        ids = _locked_archived(records)
        _unlink(model, ids)
        cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE id = ANY(%s)', [ids])  # noqa: S608
        return cursor.rowcount


def settings_of(module: Module) -> ModuleSettings:
    """What the owner has set for the module, or how it is before anybody has."""
    return ModuleSettings.objects.filter(module=module.key).first() or ModuleSettings(module=module.key)


def _locked_archived(records: RecordQuerySet) -> list[int]:
    ids = records.archived().locked_ids()
    if not ids:
        raise Refused(_("None of these records is archived any more. Nothing was changed."))
    return ids


def _unlink(model, ids: Iterable[int]) -> None:
    """Those that took their place stay, as records of their own."""
    replacements = model.objects.filter(replaces__in=model.objects.with_ids(ids))
    model.objects.with_ids(replacements.locked_ids()).update(replaces=None)


def _archive(module: Module, ids: list[int], by: User) -> int:
    return module.Record.objects.with_ids(ids).update(
        status=Status.ARCHIVED,
        archived_at=Now(),
        archived_by=by,
        archive_reason=F("validation_reason"),
        is_reservation_conflict=False,
        invalid_reason="",
    )


def _replace(module: Module, ids: list[int], by: User, *, limited: bool) -> Replaced:
    """Batch by batch, in the order of their keys; the rows are locked."""
    replaced = 0
    invalid = module.Record.objects.with_ids(ids)
    for batch in module.Batch.objects.filter(pk__in=invalid.values("batch")).select_related("database").order_by("pk"):
        old = list(invalid.filter(batch=batch).order_by("pk").values_list("pk", flat=True))
        most = min(len(old), _room(module, batch)) if limited else len(old)
        replaced += _replace_in_batch(module, batch, old[:most], by)
    return Replaced(replaced=replaced, waiting=len(ids) - replaced)


def _room(module: Module, batch: BaseBatch) -> int:
    """How many more replacements the batch may have by itself."""
    return max(0, settings_of(module).most_replacements - batch.records.filter(replaces__isnull=False).count())


def _replace_in_batch(module: Module, batch: BaseBatch, old: list[int], by: User) -> int:
    new = draw(module, batch.database, len(old), or_fewer=True)
    _archive(module, old[: len(new)], by)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE "{module.Record._meta.db_table}" AS record
            SET status = %s, assignee_id = %s, assigned_by_id = %s, assigned_at = now(), batch_id = %s,
                replaces_id = pair.old
            FROM unnest(%s::bigint[], %s::bigint[]) AS pair(new, old)
            WHERE record.id = pair.new AND record.status = %s
            """,  # noqa: S608 (the model's own name)
            [Status.ASSIGNED, batch.staff_id, by.pk, batch.pk, new, old[: len(new)], Status.AVAILABLE],
        )
        if cursor.rowcount != len(new):
            raise RuntimeError(f"{cursor.rowcount} of {len(new)} locked records were updated")
    return len(new)
