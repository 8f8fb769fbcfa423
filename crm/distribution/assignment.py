"""Handing records out and taking them back: assign, recall, transfer.

Each is one transaction over the rows of one module. Locks are taken in one order, so that no two of them wait for
each other in a ring: the staff member, the records by key, then (by the counting triggers) databases and batches. Who
changes counts of different databases in several statements locks all beforehand (`RecordQuerySet.lock_counts`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.alerts import settle_invalid_alerts
from crm.distribution.bell import Some, of_holders
from crm.distribution.coverage import back_to_pool, not_for
from crm.distribution.draw import TooFew, check_in_use, draw
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord, Status
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify_each
from crm.registry import Module, module_of

MOST_AT_ONCE = 10_000
"""The largest random hand-out."""


@dataclass(frozen=True)
class HandedOut:
    """What a hand-over did. `undo` is the key by which `crm.distribution.undo` takes it back."""

    batch: BaseBatch
    count: int
    undo: UUID


@dataclass(frozen=True)
class Returned:
    """What a recall or a transfer did; `skipped` records were no longer with anybody (or with that person already),
    `reserved` ones stay where they are, because somebody else than the receiver has reserved their customers.

    `undo` is the key by which `crm.distribution.undo` takes it back.
    """

    count: int
    skipped: int
    undo: UUID
    batches: tuple[BaseBatch, ...] = ()
    reserved: int = 0


def assign_random(
    *, module: Module, database: BaseDatabase, staff: User, count: int, by: User, batch: BaseBatch | None = None
) -> HandedOut:
    """Hands `count` records, drawn uniformly from the database's pool, to `staff`: exactly that many or none.

    Into `batch`, or a new one. Raises TooFew with how many there are, Refused for anything else.
    """
    if count < 1:
        raise Refused(_("Say how many records to assign: 1 or more."))
    if count > MOST_AT_ONCE:
        raise Refused(_("At most %(most)s records can be assigned at once.") % {"most": f"{MOST_AT_ONCE:,}"})
    with operation("records.assign", by=by) as key:
        lock_working(staff)
        _check(module, database, staff, batch)
        drawn = draw(module, database, count)
        return _hand_out(module, database, staff, by, batch, drawn, key)


def assign_picked(
    *,
    module: Module,
    database: BaseDatabase,
    staff: User,
    record_ids: Iterable[int],
    by: User,
    batch: BaseBatch | None = None,
) -> HandedOut:
    """Hands these records to `staff`: all of them or, when one is not free any more, none.

    A reserved record goes to the one who has reserved it, and to nobody else. Raises TooFew with how many are free,
    Refused for anything else.
    """
    wanted = sorted(set(record_ids))
    if not wanted:
        raise Refused(_("Choose the records to assign."))
    with operation("records.assign", by=by) as key:
        lock_working(staff)
        _check(module, database, staff, batch)
        of_database = module.Record.objects.filter(database=database).with_ids(wanted)
        free = of_database.filter(status__in=[Status.AVAILABLE, Status.RESERVED]).locked_ids()
        reserved = not_for(module.Record, free, staff.pk)
        free = [pk for pk in free if pk not in reserved]
        if reserved:
            raise TooFew(
                ngettext(
                    "%(n)d of the chosen records is reserved by somebody else. Nothing was assigned.",
                    "%(n)d of the chosen records are reserved by somebody else. Nothing was assigned.",
                    len(reserved),
                )
                % {"n": len(reserved)},
                possible=len(free),
            )
        if len(free) < len(wanted):
            raise TooFew(
                _("%(missing)s of the %(count)s chosen records are not available any more. Nothing was assigned.")
                % {"missing": len(wanted) - len(free), "count": len(wanted)},
                possible=len(free),
            )
        return _hand_out(module, database, staff, by, batch, free, key)


def recall_records(*, records: RecordQuerySet, by: User) -> Returned:
    """Takes assigned records of the selection back to the pool. Those that nobody has any more are left alone."""
    with operation("records.recall", by=by) as key:
        selected = records.count()
        ids = records.assigned().locked_ids()
        lost = of_holders(records.model, ids)
        back_to_pool(records.model, ids)
        _tell_lost(lost, lambda some: _("%(by)s took back %(some)s.") % {"by": by, "some": some})
        settle_invalid_alerts(module_of(records.model))
        return Returned(count=len(ids), skipped=selected - len(ids), undo=key)


def transfer_records(*, records: RecordQuerySet, to: User, by: User) -> Returned:
    """Hands assigned records of the selection on to another staff member, in a new batch for each database.

    Records that nobody has any more, that `to` has already, or whose customer is reserved by a third person, are left
    alone.
    """
    model = records.model
    with operation("records.transfer", by=by) as key:
        lock_working(to)
        selected = records.count()
        locked = records.assigned().exclude(assignee=to).locked_ids()
        reserved = not_for(model, locked, to.pk)
        receivers = dict.fromkeys((pk for pk in locked if pk not in reserved), to.pk)
        text = _("%(by)s handed %(some)s to %(name)s.")
        batches = hand_on(model, receivers, by=by, told=lambda some: text % {"by": by, "some": some, "name": to})
        settle_invalid_alerts(module_of(model), to)
        skipped = selected - len(locked)
        return Returned(len(receivers), skipped, undo=key, batches=tuple(batches), reserved=len(reserved))


def hand_on(
    model: type[BaseRecord], receivers: Mapping[int, int], *, by: User, told: Callable[[Some], str]
) -> list[BaseBatch]:
    """Each of these assigned records to its receiver, in a new batch for each receiver and database; one statement.

    The records are locked, and nobody else than its receiver has reserved any of them. `told` says to each person who
    loses records what became of them. Returns the batches.
    """
    Batch = module_of(model).Batch
    lost = of_holders(model, list(receivers))
    databases = dict(model.objects.with_ids(receivers).values_list("pk", "database_id"))
    wanted = sorted({(databases[pk], staff) for pk, staff in receivers.items()})
    made = Batch.objects.bulk_create(Batch(database_id=pk, staff_id=staff, created_by=by) for pk, staff in wanted)
    into = {pair: batch.pk for pair, batch in zip(wanted, made, strict=True)}
    records = [(pk, staff, into[databases[pk], staff]) for pk, staff in receivers.items()]
    with connection.cursor() as cursor:
        # What it took the place of stays in the batch it leaves, and with it who had reserved it.
        cursor.execute(
            f"""
            UPDATE "{model._meta.db_table}" AS r SET
                assignee_id = to_.staff, batch_id = to_.batch, assigned_by_id = %s, assigned_at = now(),
                replaces_id = NULL, reservation_id = NULL, is_reservation_conflict = false, invalid_reason = '',
                kept_despite = '{{}}', kept_note = ''
            FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS to_(record, staff, batch)
            WHERE r.id = to_.record
            """,  # noqa: S608 (the model's own name)
            [by.pk, *([list(column) for column in zip(*records, strict=True)] or [[], [], []])],
        )
    _tell_lost(lost, told)
    batches = list(Batch.objects.filter(pk__in=into.values()).select_related("database", "staff").order_by("pk"))
    received = Counter(batch for _record, _staff, batch in records)
    _tell_received([(batch, received[batch.pk]) for batch in batches], by)
    return batches


def _check(module: Module, database: BaseDatabase, staff: User, batch: BaseBatch | None) -> None:
    check_in_use(database)
    if batch is None:
        return
    if not module.policy.assigns_into_existing_batch:
        raise Refused(_("In %(module)s every hand-over makes a new batch.") % {"module": module.label})
    if batch.database_id != database.pk or batch.staff_id != staff.pk:
        raise Refused(_("That batch belongs to another database or another person."))


def _hand_out(
    module: Module, database: BaseDatabase, staff: User, by: User, batch: BaseBatch | None, ids: list[int], key: UUID
) -> HandedOut:
    """The rows are locked, in the pool, and reserved by nobody else."""
    if batch is None:
        batch = module.Batch.objects.create(database=database, staff=staff, created_by=by)
    updated = (
        module.Record.objects.with_ids(ids)
        .filter(status__in=[Status.AVAILABLE, Status.RESERVED])
        .update(
            status=Status.ASSIGNED, reservation=None, assignee=staff, assigned_by=by, assigned_at=Now(), batch=batch
        )
    )
    if updated != len(ids):
        raise RuntimeError(f"{updated} of {len(ids)} locked records were updated")
    batch.refresh_from_db()
    _tell_received([(batch, updated)], by)
    return HandedOut(batch=batch, count=updated, undo=key)


def _tell_lost(lost: Mapping[int, Some], told: Callable[[Some], str]) -> None:
    """To each who had some records, what became of them."""
    people = User.objects.filter(pk__in=lost)
    notify_each(kind=Kind.RECORDS_TAKEN_BACK, lines=[(user, told(lost[user.pk]), "") for user in people])


def _tell_received(arrivals: Iterable[tuple[BaseBatch, int]], by: User) -> None:
    notify_each(
        kind=Kind.RECORDS_RECEIVED,
        lines=[
            (
                batch.staff,
                ngettext(
                    "%(by)s gave you %(n)d record of %(database)s.", "%(by)s gave you %(n)d records of %(database)s.", n
                )
                % {"by": by, "n": n, "database": batch.database},
                batch.get_absolute_url(),
            )
            for batch, n in arrivals
        ],
    )
