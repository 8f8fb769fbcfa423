"""What a staff member holds in a module."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import CharField, Count, F, Q, QuerySet, Sum, Value
from django.utils.functional import cached_property

from crm.accounts.models import User
from crm.distribution.models import BaseBatch
from crm.distribution.querysets import NO_STATES, BatchQuerySet, RecordQuerySet
from crm.registry import Module, modules


@dataclass(frozen=True)
class Holding:
    """The stored counts of one person's batches in one module, added up."""

    user: User
    module: Module
    assigned: int
    batch_count: int

    @property
    def pk(self) -> str:
        return f"{self.user.pk}"

    def records(self) -> RecordQuerySet:
        return self.module.Record.objects.held_by(self.user)

    def batches(self) -> BatchQuerySet:
        return self.module.Batch.objects.of(self.user).holding()

    @cached_property
    def states(self) -> dict[str, int]:
        """How many of the person's records are in each of WORK_STATES."""
        return self.records().count_states(by="assignee").get(self.user.pk, NO_STATES)


def holdings(module: Module, users: Iterable[User]) -> list[Holding]:
    """One for each person, in one query."""
    return holdings_in([module], users)[0]


def holdings_in(in_modules: Collection[Module], users: Iterable[User]) -> list[list[Holding]]:
    """Of each module, one for each person; in one query."""
    users = list(users)
    first, *others = [
        module.Batch.objects.filter(staff__in=users)
        .order_by()
        .values("staff")
        .annotate(
            module_key=Value(module.key, CharField()),
            assigned=Sum("current_count"),
            batches=Count("pk", filter=Q(current_count__gt=0)),
        )
        .values_list("module_key", "staff", "assigned", "batches")
        for module in in_modules
    ]
    sums = {(key, staff): numbers for key, staff, *numbers in first.union(*others, all=True)}
    return [
        [Holding(user, module, *sums.get((module.key, user.pk), (0, 0))) for user in users] for module in in_modules
    ]


def holding(module: Module, user: User) -> Holding:
    return holdings(module, [user])[0]


def holdings_with_states(
    in_modules: Collection[Module], users: Iterable[User], states: Collection[str]
) -> list[list[Holding]]:
    """Of each module, one for each person, with the counts of these states only; in a query a module and one more."""
    users = list(users)
    held = holdings_in(in_modules, users)
    for module, of_module in zip(in_modules, held, strict=True):
        counts = module.Record.objects.filter(assignee__in=users).count_some_states(states, by="assignee")
        for each in of_module:
            vars(each)["states"] = counts.get(each.user.pk, NO_STATES)
    return held


def with_states(module: Module, batches: Iterable[BaseBatch]) -> list[BaseBatch]:
    """The batches, each with its `states`; one query for all of them."""
    batches = list(batches)
    counts = module.Record.objects.filter(batch__in=batches).count_states(by="batch")
    for batch in batches:
        batch.states = counts.get(batch.pk, NO_STATES)
    return batches


def with_some_states(module: Module, batches: Iterable[BaseBatch], states: Collection[str]) -> list[BaseBatch]:
    """The batches, each with the counts of these states only; one query for all of them."""
    batches = list(batches)
    counts = module.Record.objects.filter(batch__in=batches).count_some_states(states, by="batch")
    for batch in batches:
        batch.states = counts.get(batch.pk, NO_STATES)
    return batches


# The states of WORK_STATES that are followed up, in the order in which they press, and by what the oldest is first.
FOLLOW_UPS = {
    "overdue": "follow_up_on",
    "due_today": "follow_up_on",
    "check_back": "responded_at",
    "upcoming": "follow_up_on",
}


@dataclass(frozen=True)
class Work:
    """What a staff member has in all modules."""

    user: User
    holdings: list[Holding]

    @property
    def pk(self) -> int:
        return self.user.pk

    def count(self, state: str) -> int:
        return sum(each.states[state] for each in self.holdings)

    def records(self, state: str) -> QuerySet:
        """The key of the module, the date that counts and the key of each record in that state, the oldest first."""
        first, *others = [
            each.records()
            .in_state(state)
            .order_by()
            .annotate(module_key=Value(each.module.key, CharField()), due=F(FOLLOW_UPS[state]))
            .values_list("module_key", "due", "pk")
            for each in self.holdings
        ]
        return first.union(*others, all=True).order_by("due", "module_key", "pk")


def work_of(user: User) -> Work:
    return Work(user, [each for [each] in holdings_in(list(modules()), [user])])
