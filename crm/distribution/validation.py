"""Valid or invalid: what staff say of a customer, and what admins do with the invalid ones.

An invalid record waits, still assigned, until it is archived. Replacing is one for one: an invalid record is archived
and one of the same database comes into the same batch, naming the one whose place it takes.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.alerts import settle_invalid_alerts
from crm.distribution.coverage import back_to_pool
from crm.distribution.draw import draw
from crm.distribution.models import NO_CONFLICT, NO_VALIDATION, Status, Validation
from crm.distribution.outcomes import write_lines
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.settings import settings_of
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify_each
from crm.registry import Module, module_of


@dataclass(frozen=True)
class Replaced:
    """`replaced` were archived and replaced; `waiting` still wait: the pool or the batch's limit had no more.

    `undo` is the key by which `crm.distribution.undo` takes it back, where an admin did it.
    """

    replaced: int
    waiting: int
    undo: UUID


@dataclass(frozen=True)
class Archived:
    """`count` records were archived, and nothing took their place. `undo` is as in `Replaced`."""

    count: int
    undo: UUID


@dataclass(frozen=True)
class Validated:
    """`count` records say so now; `skipped` are no longer with the person. `replacement` is what was done at once.

    `undo` is the key by which `crm.distribution.undo` takes the mark back from those that were not replaced.
    """

    count: int
    skipped: int
    undo: UUID
    replacement: Replaced | None = None


def validate_records(
    *, records: RecordQuerySet, by: User, validation: Validation | None, reason: str = ""
) -> Validated:
    """Marks those of the records that are with `by`; None takes the mark back.

    An invalid one needs a reason. Where the module replaces by itself, invalid ones are archived and replaced at
    once, up to the batch's limit. Raises Refused when none of the records is with `by` any more.
    """
    module, reason = module_of(records.model), reason.strip()
    if not module.policy.validates:
        raise Refused(_("Records of %(module)s are not validated.") % {"module": module.label})
    if validation == Validation.INVALID and not reason:
        raise Refused(_("Say why the record is invalid."))
    with operation("records.validate", by=by) as key:
        lock_working(by, alone=True)  # or two clicks at once would each have the batch's last replacement
        selected = records.count()
        ids = records.held_by(by).locked_ids()
        if not ids:
            raise Refused(_("These records are no longer with you. Nothing was changed."))
        mark: dict[str, Any] = NO_VALIDATION
        if validation is not None:
            why = reason if validation == Validation.INVALID else ""
            mark = {"validation": validation, "validation_reason": why, "validated_at": Now(), "validated_by": by}
        said = {name: mark[name] for name in ("validation", "validation_reason")}
        module.Record.objects.with_ids(ids).exclude(**said).update(**mark, worked_at=Now())
        replacement = None
        if validation == Validation.INVALID and settings_of(module).auto_replace:
            replacement = _replace(module, ids, by, key, most=_room(module))
        write_lines(module, key)
        settle_invalid_alerts(module, by)
        return Validated(len(ids), selected - len(ids), key, replacement)


def replace_invalid(*, records: RecordQuerySet, by: User) -> Replaced:
    """Archives the invalid ones among the records and replaces each; what cannot be replaced goes on waiting.

    Raises Refused when none waits any more, or none can be replaced: their databases have no more, or are archived.
    """
    module = module_of(records.model)
    with operation("records.replace", by=by) as key:
        for staff in User.objects.filter(pk__in=records.marked_invalid().values("assignee")).order_by("pk"):
            lock_working(staff)
        ids = _locked_invalid(records)
        done = _replace(module, ids, by, key)
        if not done.replaced:
            raise Refused(_("Their databases have no record left to replace them with. Nothing was changed."))
        _tell_answered(module, ids, by, replaced=True)
        settle_invalid_alerts(module)
        return done


def archive_invalid(*, records: RecordQuerySet, by: User) -> Archived:
    """Archives the invalid ones among the records, without replacement."""
    module = module_of(records.model)
    with operation("records.archive", by=by) as key:
        ids = _locked_invalid(records)
        _archive(module, ids, by)
        _tell_answered(module, ids, by, replaced=False)
        settle_invalid_alerts(module)
        return Archived(len(ids), key)


def restore_archived(*, records: RecordQuerySet, by: User) -> int:
    """Archived records back to the pool. Returns how many. What took their place stays where it is."""
    with operation("records.restore", by=by):
        ids = _locked_archived(records)
        _unlink(records.model, ids)
        return back_to_pool(records.model, ids)


def purge_archived(*, records: RecordQuerySet, by: User) -> int:
    """Deletes archived records for good; the history keeps what they were. Returns how many."""
    model = records.model
    with operation("records.purge", by=by):
        ids = _locked_archived(records)
        _unlink(model, ids)
        return model.objects.delete_ids(ids)


def _locked_invalid(records: RecordQuerySet) -> list[int]:
    ids = records.marked_invalid().locked_ids()
    if not ids:
        raise Refused(_("None of these records waits as invalid any more. Nothing was changed."))
    return ids


def _locked_archived(records: RecordQuerySet) -> list[int]:
    """Locked together with those that took their places, so that all are locked in one order."""
    everything = records.model.objects
    ids = list(records.archived().values_list("pk", flat=True))
    replacements = everything.filter(replaces__in=everything.with_ids(ids)).values_list("pk", flat=True)
    everything.with_ids([*ids, *replacements]).locked_ids()
    ids = list(everything.with_ids(ids).archived().values_list("pk", flat=True))
    if not ids:
        raise Refused(_("None of these records is archived any more. Nothing was changed."))
    return ids


def _unlink(model: Any, ids: list[int]) -> None:
    """Those that took their place stay, as records of their own."""
    replacements = model.objects.filter(replaces__in=model.objects.with_ids(ids))
    model.objects.with_ids(replacements.locked_ids()).update(replaces=None)


def _archive(module: Module, ids: list[int], by: User) -> None:
    module.Record.objects.with_ids(ids).update(
        status=Status.ARCHIVED,
        archived_at=Now(),
        archived_by=by,
        archive_reason=F("validation_reason"),
        **NO_CONFLICT,
    )


def _replace(
    module: Module, ids: list[int], by: User, key: UUID, *, most: Callable[[set[int]], dict[int, int]] | None = None
) -> Replaced:
    """Archives and replaces what it can of these locked records. `most` says how many more each batch may have."""
    rows = list(module.Record.objects.with_ids(ids).order_by("pk").values_list("pk", "database", "batch"))
    room = most({batch for _pk, _database, batch in rows}) if most else None
    wanted: dict[int, list[int]] = {}
    used: Counter[int] = Counter()
    for pk, database, batch in rows:
        used[batch] += 1
        if room is None or used[batch] <= room[batch]:
            wanted.setdefault(database, []).append(pk)
    pairs: list[tuple[int, int]] = []
    # Nothing is handed out from a database that is archived.
    for database in module.Database.objects.visible().filter(pk__in=wanted).order_by("pk"):
        old = wanted[database.pk]
        pairs += zip(draw(module, database, len(old), or_fewer=True), old, strict=False)
    if pairs:
        _archive(module, [old for _new, old in pairs], by)
        _put_in_place(module, pairs, by)
    return Replaced(replaced=len(pairs), waiting=len(ids) - len(pairs), undo=key)


def _room(module: Module) -> Callable[[set[int]], dict[int, int]]:
    """How many more replacements each batch may have without an admin."""
    most = settings_of(module).most_replacements

    def room(batches: set[int]) -> dict[int, int]:
        replacements = Count("records", filter=Q(records__replaces__isnull=False))
        counts = module.Batch.objects.filter(pk__in=batches).annotate(n=replacements).order_by()
        return {pk: max(0, most - n) for pk, n in counts.values_list("pk", "n")}

    return room


def _put_in_place(module: Module, pairs: list[tuple[int, int]], by: User) -> None:
    """Each new record into the batch of the old one, which it names."""
    table = module.Record._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE "{table}" AS record
            SET status = %s, assignee_id = old.assignee_id, batch_id = old.batch_id, replaces_id = old.id,
                assigned_by_id = %s, assigned_at = now()
            FROM unnest(%s::bigint[], %s::bigint[]) AS pair(new, old) JOIN "{table}" AS old ON old.id = pair.old
            WHERE record.id = pair.new AND record.status = %s
            """,  # noqa: S608 (the model's own name)
            [Status.ASSIGNED, by.pk, [new for new, _old in pairs], [old for _new, old in pairs], Status.AVAILABLE],
        )
        if cursor.rowcount != len(pairs):
            raise RuntimeError(f"{cursor.rowcount} of {len(pairs)} locked records were updated")


def _tell_answered(module: Module, ids: list[int], by: User, *, replaced: bool) -> None:
    """To each staff member whose invalid records were archived, by batch: how many, and whether others came."""
    archived = module.Record.objects.with_ids(ids).archived().order_by()
    counts = dict(archived.values_list("batch").annotate(n=Count("pk")))
    batches = module.Batch.objects.filter(pk__in=counts).select_related("staff", "database")
    one, many = (
        ("%(by)s replaced %(n)d invalid record of %(batch)s.", "%(by)s replaced %(n)d invalid records of %(batch)s.")
        if replaced
        else (
            "%(by)s archived %(n)d invalid record of %(batch)s.",
            "%(by)s archived %(n)d invalid records of %(batch)s.",
        )
    )
    notify_each(
        kind=Kind.INVALID_ANSWERED,
        lines=[
            (
                batch.staff,
                ngettext(one, many, counts[batch.pk]) % {"by": by, "n": counts[batch.pk], "batch": batch},
                batch.get_absolute_url(),
            )
            for batch in batches
        ],
    )
