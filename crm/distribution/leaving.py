"""A staff member leaves: what happens to their records, in the same transaction as the deactivation."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import deactivate_person, lock_people
from crm.distribution.assignment import lock_working, recall_records, transfer_records
from crm.errors import Refused
from crm.history import operation
from crm.registry import modules


@dataclass(frozen=True)
class Left:
    """How many records went back to the pools, and how many to other people."""

    recalled: int
    transferred: int


def deactivate_with_records(*, person: User, to: Sequence[User], by: User) -> Left:
    """Deactivates the person. Their records go to the people in `to`, evenly, or to the pools when there are none.

    Raises Refused, and nothing has changed, when somebody in `to` cannot be given records, or the person cannot be
    deactivated (crm.accounts.services.deactivate_person).
    """
    if person in to:
        raise Refused(_("%(name)s leaves, and cannot be given the records.") % {"name": person})
    with operation("person.leave", by=by):
        lock_people(person, by, *to)
        for receiver in to:
            lock_working(receiver)
        recalled = transferred = 0
        for module in modules():
            held = module.Record.objects.held_by(person).order_by("batch", "row_number")
            ids = list(held.values_list("pk", flat=True))
            if not to:
                recalled += recall_records(records=module.Record.objects.with_ids(ids), by=by).count
            for receiver, share in zip(to, _shares(ids, len(to), first=transferred), strict=True):
                records = module.Record.objects.with_ids(share)
                transferred += transfer_records(records=records, to=receiver, by=by).count
        deactivate_person(person=person, by=by)
        return Left(recalled, transferred)


def _shares(ids: list[int], number: int, *, first: int) -> list[list[int]]:
    """The ids in so many parts whose sizes differ by one at most; `first` says whose turn it is to have one more."""
    size, rest = divmod(len(ids), number) if number else (0, 0)
    shares, start = [], 0
    for index in range(number):
        end = start + size + ((index - first) % number < rest)
        shares.append(ids[start:end])
        start = end
    return shares
