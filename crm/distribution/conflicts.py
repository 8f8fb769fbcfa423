"""What admins do with records whose customers somebody else has reserved: to the owner, or kept where they are.

The third way, back to the pool, is a recall like any other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.alerts import settle_invalid_alerts
from crm.distribution.assignment import Returned, hand_on
from crm.distribution.coverage import keep_in_spite, owners
from crm.distribution.querysets import RecordQuerySet
from crm.errors import Refused
from crm.history import operation
from crm.registry import module_of


@dataclass(frozen=True)
class Kept:
    """`count` records stay with whoever has them; `skipped` were not in conflict. `undo` is as in `Returned`."""

    count: int
    skipped: int
    undo: UUID


def hand_to_owners(*, records: RecordQuerySet, by: User) -> Returned:
    """Hands each record in conflict to the one who has reserved its customer, in new batches of theirs.

    Others are left alone, and those that a third person has reserved too. Raises Refused when an owner is not working.
    """
    model = records.model
    with operation("conflict.hand_over", by=by) as key:
        selected = records.count()
        named = records.in_conflict().values("reservation__staff")
        working = list(User.objects.filter(pk__in=named).order_by("pk"))
        for owner in working:
            lock_working(owner)
        ids = records.in_conflict().locked_ids()
        owned = dict(model.objects.with_ids(ids).values_list("pk", "reservation__staff"))
        others = owners(model, ids)
        receivers = {
            pk: staff
            for pk, staff in owned.items()
            if others.get(pk) == [staff] and staff in {owner.pk for owner in working}
        }
        text = _("%(by)s handed %(some)s to those who have reserved the customers.")
        batches = hand_on(model, receivers, by=by, told=lambda some: text % {"by": by, "some": some})
        settle_invalid_alerts(module_of(model), *working)
        stay = len(ids) - len(receivers)
        return Returned(len(receivers), selected - len(ids), undo=key, batches=tuple(batches), reserved=stay)


def keep_records(*, records: RecordQuerySet, note: str, by: User) -> Kept:
    """Leaves records in conflict with whoever has them, in spite of all that cover them now; `note` says why.

    A reservation that comes later is a new conflict. Raises Refused without a note.
    """
    note = note.strip()[:300]
    if not note:
        raise Refused(_("Say why the records stay where they are."))
    with operation("conflict.keep", by=by) as key:
        selected = records.count()
        kept = keep_in_spite(records.model, records.in_conflict().locked_ids(), note)
        return Kept(kept, selected - kept, key)


Result = TypeVar("Result", Returned, Kept)


def in_each_module(
    *, name: str, selections: Iterable[RecordQuerySet], work: Callable[[RecordQuerySet], Result], by: User
) -> list[Result]:
    """One of these, or a recall, of records of several modules: all of it or nothing, under one key for the undo.

    `name` is that of the operation. The caller has locked the records of all of them, as the first thing that is
    locked of any.
    """
    with operation(name, by=by):
        return [work(records) for records in selections]
