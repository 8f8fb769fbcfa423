"""A staff member leaves: what happens to their records and reservations, in the same transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import deactivate_person, lock_people, lock_working
from crm.distribution.assignment import recall_records, transfer_records
from crm.distribution.coverage import owners
from crm.distribution.holdings import Holding, holding
from crm.errors import Refused
from crm.figures import get_figure
from crm.history import operation
from crm.products.models import Product
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import leave_reservations, lock_products
from crm.reservations.telling import tell_taken


@dataclass(frozen=True)
class Belongings:
    """What somebody has: `holdings` of records, one for each module, `waiting` requests, which the figures named in
    `asked` count, and `reservations` that are active or asked for."""

    holdings: list[Holding]
    asked: list[str]
    waiting: int
    reserved: int

    @property
    def noted(self) -> Counter[str]:
        """On how many of the records something is noted that leaves them on their way to a pool."""
        return sum((held.records().count_noted() for held in self.holdings), Counter[str]())

    @property
    def holds_something(self) -> bool:
        """That could go to somebody else."""
        return bool(self.reserved) or any(held.assigned for held in self.holdings)

    @property
    def fingerprint(self) -> str:
        """The numbers that a page shows of it."""
        counts = [(held.module.key, held.assigned) for held in self.holdings]
        return ";".join(f"{name}:{n}" for name, n in [*counts, ("asked", self.waiting), ("reserved", self.reserved)])


def belongings_of(person: User) -> Belongings:
    asked = [module.policy.asking.of_staff for module in modules() if module.policy.asking]
    waiting = sum(get_figure(name).value(person) for name in asked)
    reserved = Reservation.objects.of(person).standing().count()
    return Belongings([holding(module, person) for module in modules()], asked, waiting, reserved)


@dataclass(frozen=True)
class Left:
    """How many records went back to the pools, how many to other people (and to each of them), how many requests were
    withdrawn, how many reservations were moved to others, and how many ended or were not asked for any more."""

    recalled: int
    transferred: int
    withdrawn: int = 0
    shares: tuple[tuple[User, int], ...] = ()
    moved: int = 0
    ended: int = 0


def deactivate_with_records(*, person: User, to: Sequence[User], by: User, expected: str | None = None) -> Left:
    """Deactivates the person. Their records and reservations go to the people in `to`, evenly, and a customer's records
    with the reservation; or to the pools when there are none. What others have reserved goes to the pools.

    `expected` is the fingerprint of the belongings that `by` was shown. Raises Refused, and nothing has changed, when
    they are different by now, when somebody in `to` cannot be given records, or when the person cannot be deactivated
    (crm.accounts.services.deactivate_person).
    """
    if person in to:
        raise Refused(_("%(name)s leaves, and cannot be given the records.") % {"name": person})
    with operation("person.leave", by=by):
        lock_products(Product.objects.values_list("pk", flat=True))
        lock_people(person, by, *to)
        for receiver in to:
            lock_working(receiver)
        reserved = {each.pk: each for each in Reservation.objects.of(person).standing().locked()}
        asked = {module: module.policy.lock_asked(person) for module in modules()}
        touched = {}
        for module in modules():  # all of them before the first count changes, as everybody does
            held = module.Record.objects.held_by(person).values_list("pk", flat=True)
            matched = module.Record.objects.all().match_ids(reserved)
            touched[module] = module.Record.objects.with_ids({*held, *matched, *asked[module]}).locked_ids()
        for module, ids in touched.items():
            module.Record.objects.lock_counts(ids)
        had = belongings_of(person)
        if expected is not None and had.fingerprint != expected:
            raise Refused(_("The numbers have changed since they were shown. Nothing was changed; look again."))
        for module in modules():
            module.policy.withdraw(person, by)
        moved = leave_reservations(reservations=reserved.values(), to=to, by=by)
        for module, ids in touched.items():  # what they did for the one who leaves is reversed
            module.Record.objects.settle(ids, without=reserved)
        given = dict.fromkeys(to, 0)
        for module in modules():
            for receiver, share in _parts(module, person, to, given).items():
                records = module.Record.objects.with_ids(share)
                given[receiver] += transfer_records(records=records, to=receiver, by=by).count
        held_still = [module.Record.objects.held_by(person) for module in modules()]
        recalled = sum(recall_records(records=held, by=by).count for held in held_still if held.exists())
        tell_taken({module: module.Record.objects.settle(ids).taken for module, ids in touched.items()})
        deactivate_person(person=person, by=by)
        gone = had.reserved - moved
        return Left(recalled, sum(given.values()), had.waiting, tuple(given.items()), moved=moved, ended=gone)


def _parts(module: Module, person: User, to: Sequence[User], given: Mapping[User, int]) -> dict[User, list[int]]:
    """Which of the person's records go to whom: to the one who has reserved the customer, and the others evenly."""
    parts: dict[User, list[int]] = {receiver: [] for receiver in to}
    held = module.Record.objects.held_by(person).order_by("batch", "row_number")
    ids = list(held.values_list("pk", flat=True))
    reserved = owners(module.Record, ids)
    for receiver in to:
        parts[receiver] = [pk for pk in ids if reserved.get(pk) == [receiver.pk]]
    others = [pk for pk in ids if pk not in reserved]
    for receiver, share in zip(to, _shares(others, len(to), first=sum(given.values())), strict=True):
        parts[receiver] += share
    return parts


def _shares(ids: list[int], number: int, *, first: int) -> list[list[int]]:
    """The ids in so many parts whose sizes differ by one at most; `first` says whose turn it is to have one more."""
    size, rest = divmod(len(ids), number) if number else (0, 0)
    shares, start = [], 0
    for index in range(number):
        end = start + size + ((index - first) % number < rest)
        shares.append(ids[start:end])
        start = end
    return shares
