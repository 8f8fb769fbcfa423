"""Handing records out and taking them back: assign, recall, transfer.

Each is one transaction over the rows of one module. Locks are taken in one order, so that no two of them wait for
each other in a ring: the staff member, the records by key, then (by the counting triggers) databases and batches.
"""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models, transaction
from django.db.models import F, Func, OuterRef, Subquery, Value
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import Role, User
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord, Status
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify
from crm.registry import Module, module_of

WAIT_SECONDS = 5.0
"""How long a random hand-out waits for rows that others hold locked, before it says that there are too few."""

MOST_AT_ONCE = 10_000
"""The largest random hand-out."""


@dataclass(frozen=True)
class HandedOut:
    """What a hand-over did."""

    batch: BaseBatch
    count: int


@dataclass(frozen=True)
class Returned:
    """What a recall or a transfer did; `skipped` records were no longer with anybody (or with that person already)."""

    count: int
    skipped: int
    batches: tuple[BaseBatch, ...] = ()


class TooFew(Refused):
    """Fewer records than asked for could be handed out; `possible` is how many."""

    def __init__(self, message: str, possible: int) -> None:
        super().__init__(message)
        self.possible = possible


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
    with operation("records.assign", by=by):
        lock_working(staff)
        _check(module, database, staff, batch)
        drawn = _draw(module, database, count)
        return _hand_out(module, database, staff, by, batch, drawn)


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

    Raises TooFew with how many are free, Refused for anything else.
    """
    wanted = sorted(set(record_ids))
    if not wanted:
        raise Refused(_("Choose the records to assign."))
    with operation("records.assign", by=by):
        lock_working(staff)
        _check(module, database, staff, batch)
        free = module.Record.objects.filter(database=database).with_ids(wanted).in_pool().locked_ids()
        if len(free) < len(wanted):
            raise TooFew(
                _("%(missing)s of the %(count)s chosen records are not available any more. Nothing was assigned.")
                % {"missing": len(wanted) - len(free), "count": len(wanted)},
                possible=len(free),
            )
        return _hand_out(module, database, staff, by, batch, free)


def recall_records(*, records: RecordQuerySet, by: User) -> Returned:
    """Takes assigned records of the selection back to the pool. Those that nobody has any more are left alone."""
    with operation("records.recall", by=by):
        selected = records.count()
        ids = records.assigned().locked_ids()
        losers = _holders(records.model, ids)
        back_to_pool(records.model, ids)
        for user, count in losers:
            notify(
                users=[user],
                kind=Kind.RECORDS_TAKEN_BACK,
                text=ngettext("%(n)d record was taken back.", "%(n)d records were taken back.", count) % {"n": count},
            )
        return Returned(count=len(ids), skipped=selected - len(ids))


def transfer_records(*, records: RecordQuerySet, to: User, by: User) -> Returned:
    """Hands assigned records of the selection on to another staff member, in a new batch for each database.

    Records that nobody has any more, or that `to` has already, are left alone.
    """
    model = records.model
    Batch = module_of(model).Batch
    with operation("records.transfer", by=by):
        lock_working(to)
        selected = records.count()
        ids = records.assigned().exclude(assignee=to).locked_ids()
        moving = model.objects.with_ids(ids)
        losers = _holders(model, ids)
        batches = Batch.objects.bulk_create(
            Batch(database_id=pk, staff=to, created_by=by)
            for pk in moving.order_by("database_id").values_list("database_id", flat=True).distinct()
        )
        new_batch = Batch.objects.filter(pk__in=[batch.pk for batch in batches], database=OuterRef("database_id"))
        moving.update(assignee=to, assigned_by=by, assigned_at=Now(), batch_id=Subquery(new_batch.values("pk")[:1]))
        for user, count in losers:
            notify(
                users=[user],
                kind=Kind.RECORDS_TAKEN_BACK,
                text=ngettext("%(n)d record was handed to %(name)s.", "%(n)d records were handed to %(name)s.", count)
                % {"n": count, "name": to},
            )
        for batch in batches:
            batch.refresh_from_db()
            _tell_received(batch, batch.received_count)
        return Returned(count=len(ids), skipped=selected - len(ids), batches=tuple(batches))


def back_to_pool(model: type[BaseRecord], ids: list[int]) -> int:
    """The one way back: clears what an assignment left and draws a new lottery number. Returns how many rows.

    The rows must be locked by the caller.
    """
    floor = module_of(model).Database.objects.filter(pk=OuterRef("database_id"))
    # Above the floor, exponentially distributed: as likely to be drawn next as any record that never left.
    fresh = Func(template="(-ln(1 - random()))", output_field=models.FloatField())
    return model.objects.with_ids(ids).update(
        status=Status.AVAILABLE,
        assignee=None,
        assigned_at=None,
        assigned_by=None,
        batch=None,
        is_reservation_conflict=False,
        invalid_reason="",
        archived_at=None,
        archived_by=None,
        archive_reason="",
        lottery=Subquery(floor.values("lottery_floor")) + fresh,
    )


def _check(module: Module, database: BaseDatabase, staff: User, batch: BaseBatch | None) -> None:
    if database.archived_at:
        raise Refused(_("This database is archived. Restore it before you assign its records."))
    if batch is None:
        return
    if not module.policy.assigns_into_existing_batch:
        raise Refused(_("In %(module)s every hand-over makes a new batch.") % {"module": module.label})
    if batch.database_id != database.pk or batch.staff_id != staff.pk:
        raise Refused(_("That batch belongs to another database or another person."))


def lock_working(staff: User) -> None:
    """Holds the person as they are until the transaction ends, so that nobody is deactivated meanwhile."""
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(
            "SELECT is_active AND role = %s FROM accounts_user WHERE id = %s FOR SHARE", [Role.STAFF, staff.pk]
        )
        row = cursor.fetchone()
    if row is None or not row[0]:
        raise Refused(_("%(name)s is not an active staff member and cannot be given records.") % {"name": staff})


def _draw(module: Module, database: BaseDatabase, count: int) -> list[int]:
    """The `count` lowest lottery numbers of the pool, locked. Rows that others hold are passed over.

    Too few are only declared when the pool has too few; while others merely hold rows locked, nothing is kept and
    it is tried again, because to wait with rows in hand could be to wait for each other.
    """
    pool = module.Record.objects.filter(database=database).in_pool()
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        with transaction.atomic():
            free = pool.order_by("lottery").select_for_update(skip_locked=True, no_key=True)
            drawn = list(free.values_list("pk", "lottery")[:count])
            if len(drawn) == count:
                highest = drawn[-1][1]
                module.Database.objects.filter(pk=database.pk).update(
                    lottery_floor=Greatest(F("lottery_floor"), Value(highest))
                )
                return [pk for pk, _lottery in drawn]
            transaction.set_rollback(True)
        possible = pool[:count].count()
        if possible < count or time.monotonic() > give_up:
            raise TooFew(_too_few(count, possible), possible=possible if possible < count else len(drawn))
        time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 (spreads the contenders; nothing secret)


def _too_few(count: int, possible: int) -> str:
    if possible >= count:
        return _("Others are handing out these records at this moment. Nothing was assigned; try again.")
    return ngettext(
        "Only %(possible)d record is available, %(count)d were asked for. Nothing was assigned.",
        "Only %(possible)d records are available, %(count)d were asked for. Nothing was assigned.",
        possible,
    ) % {"possible": possible, "count": count}


def _hand_out(
    module: Module, database: BaseDatabase, staff: User, by: User, batch: BaseBatch | None, ids: list[int]
) -> HandedOut:
    """The rows are locked and in the pool."""
    if batch is None:
        batch = module.Batch.objects.create(database=database, staff=staff, created_by=by)
    updated = (
        module.Record.objects.with_ids(ids)
        .in_pool()
        .update(status=Status.ASSIGNED, assignee=staff, assigned_by=by, assigned_at=Now(), batch=batch)
    )
    if updated != len(ids):
        raise RuntimeError(f"{updated} of {len(ids)} locked records were updated")
    batch.refresh_from_db()
    _tell_received(batch, updated)
    return HandedOut(batch=batch, count=updated)


def _holders(model: type[BaseRecord], ids: list[int]) -> list[tuple[User, int]]:
    """Who has these records, and how many each."""
    counts = dict(
        model.objects.with_ids(ids).values_list("assignee").annotate(n=models.Count("pk")).order_by("assignee")
    )
    return [(user, counts[user.pk]) for user in User.objects.filter(pk__in=counts)]


def _tell_received(batch: BaseBatch, count: int) -> None:
    notify(
        users=[batch.staff],
        kind=Kind.RECORDS_RECEIVED,
        text=ngettext(
            "You received %(n)d record of %(database)s.", "You received %(n)d records of %(database)s.", count
        )
        % {"n": count, "database": batch.database},
        url=batch.get_absolute_url(),
    )
