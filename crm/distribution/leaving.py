"""A staff member leaves: what happens to their records, in the same transaction as the deactivation."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import deactivate_person, lock_people, lock_working
from crm.distribution.assignment import recall_records, transfer_records
from crm.distribution.holdings import Holding, holding
from crm.errors import Refused
from crm.figures import get_figure
from crm.history import operation
from crm.registry import modules


@dataclass(frozen=True)
class Belongings:
    """What somebody has: `holdings` of records, one for each module, and `waiting` requests, which the figures named
    in `asked` count."""

    holdings: list[Holding]
    asked: list[str]
    waiting: int

    @property
    def holds_records(self) -> bool:
        return any(held.assigned for held in self.holdings)

    @property
    def fingerprint(self) -> str:
        """The numbers that a page shows of it."""
        counts = [(held.module.key, held.assigned) for held in self.holdings]
        return ";".join(f"{name}:{n}" for name, n in [*counts, ("asked", self.waiting)])


def belongings_of(person: User) -> Belongings:
    asked = [module.policy.asking.of_staff for module in modules() if module.policy.asking]
    waiting = sum(get_figure(name).value(person) for name in asked)
    return Belongings([holding(module, person) for module in modules()], asked, waiting)


@dataclass(frozen=True)
class Left:
    """How many records went back to the pools, how many to other people (and to each of them), and how many requests
    were withdrawn."""

    recalled: int
    transferred: int
    withdrawn: int = 0
    shares: tuple[tuple[User, int], ...] = ()


def deactivate_with_records(*, person: User, to: Sequence[User], by: User, expected: str | None = None) -> Left:
    """Deactivates the person. Their records go to the people in `to`, evenly, or to the pools when there are none.

    `expected` is the fingerprint of the belongings that `by` was shown. Raises Refused, and nothing has changed, when
    they are different by now, when somebody in `to` cannot be given records, or when the person cannot be deactivated
    (crm.accounts.services.deactivate_person).
    """
    if person in to:
        raise Refused(_("%(name)s leaves, and cannot be given the records.") % {"name": person})
    with operation("person.leave", by=by):
        lock_people(person, by, *to)
        for receiver in to:
            lock_working(receiver)
        for module in modules():  # all of them before the first count changes, as everybody does
            module.Record.objects.held_by(person).locked_ids()
        had = belongings_of(person)
        if expected is not None and had.fingerprint != expected:
            raise Refused(_("The numbers have changed since they were shown. Nothing was changed; look again."))
        for module in modules():
            module.policy.withdraw(person, by)
        recalled, given = 0, dict.fromkeys(to, 0)
        for module in modules():
            held = module.Record.objects.held_by(person).order_by("batch", "row_number")
            ids = list(held.values_list("pk", flat=True))
            if not to:
                recalled += recall_records(records=module.Record.objects.with_ids(ids), by=by).count
            for receiver, share in zip(to, _shares(ids, len(to), first=sum(given.values())), strict=True):
                records = module.Record.objects.with_ids(share)
                given[receiver] += transfer_records(records=records, to=receiver, by=by).count
        deactivate_person(person=person, by=by)
        return Left(recalled, sum(given.values()), had.waiting, tuple(given.items()))


def _shares(ids: list[int], number: int, *, first: int) -> list[list[int]]:
    """The ids in so many parts whose sizes differ by one at most; `first` says whose turn it is to have one more."""
    size, rest = divmod(len(ids), number) if number else (0, 0)
    shares, start = [], 0
    for index in range(number):
        end = start + size + ((index - first) % number < rest)
        shares.append(ids[start:end])
        start = end
    return shares
