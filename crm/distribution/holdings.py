"""What a staff member holds in a module."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils.functional import cached_property

from crm.accounts.models import User
from crm.distribution.models import BaseBatch
from crm.distribution.querysets import NO_STATES, BatchQuerySet, RecordQuerySet
from crm.registry import Module


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
    users = list(users)
    sums = {
        row["staff"]: row
        for row in module.Batch.objects.filter(staff__in=users)
        .order_by("staff")
        .values("staff")
        .annotate(assigned=Sum("current_count"), batches=Count("pk", filter=Q(current_count__gt=0)))
    }
    nothing = {"assigned": 0, "batches": 0}
    return [
        Holding(user, module, sums.get(user.pk, nothing)["assigned"], sums.get(user.pk, nothing)["batches"])
        for user in users
    ]


def holding(module: Module, user: User) -> Holding:
    return holdings(module, [user])[0]


def with_states(module: Module, batches: Iterable[BaseBatch]) -> list[BaseBatch]:
    """The batches, each with its `states`; one query for all of them."""
    batches = list(batches)
    counts = module.Record.objects.filter(batch__in=batches).count_states(by="batch")
    for batch in batches:
        batch.states = counts.get(batch.pk, NO_STATES)
    return batches
