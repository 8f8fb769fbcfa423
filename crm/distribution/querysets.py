"""What the pages, the figures and the services select, each named once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import CharField, Count, F, Q, Value
from django.db.models.expressions import RawSQL
from django.utils import timezone

from crm.distribution import coverage
from crm.registry import module_of

if TYPE_CHECKING:
    from crm.accounts.models import User


CHECK_BACK_DAYS = (1, 3, 7)
"""So many days after a customer said yes, and no follow-up date is set, the staff member is reminded."""


def on_day(field: str, day: date) -> Q:
    """On that day in the team's time zone."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    return Q(**{f"{field}__gte": start, f"{field}__lt": end})


def _check_back() -> Q:
    today = timezone.localdate()
    asked = Q(response="yes", follow_up_on=None) & ~on_day("worked_at", today)
    days = [on_day("responded_at", today - timedelta(days=days)) for days in CHECK_BACK_DAYS]
    return asked & (days[0] | days[1] | days[2])


# What has come of records that are with a staff member. Cards, tabs, badges, lists and follow-ups all select by these.
WORK_STATES: dict[str, Callable[[], Q]] = {
    "to_do": lambda: Q(reach="", response="", validation=""),
    "reached": lambda: Q(reach="reachable"),
    "responded": lambda: ~Q(response=""),
    "said_yes": lambda: Q(response="yes"),
    "marked_valid": lambda: Q(validation="valid"),
    "marked_invalid": lambda: Q(validation="invalid"),
    "conflict": lambda: Q(is_reservation_conflict=True),
    "overdue": lambda: Q(follow_up_on__lt=timezone.localdate()),
    "due_today": lambda: Q(follow_up_on=timezone.localdate()),
    "upcoming": lambda: Q(follow_up_on__gt=timezone.localdate()),
    "check_back": _check_back,
}

NO_STATES = dict.fromkeys(WORK_STATES, 0)

# What staff have noted of a record, which leaves it on its way back to the pool.
LEAVES_THE_RECORD = {
    "outcomes": ~Q(reach="", response="", validation=""),
    "notes": ~Q(note=""),
    "follow_ups": Q(follow_up_on__isnull=False),
}


class DatabaseQuerySet(models.QuerySet):
    def visible(self) -> "DatabaseQuerySet":
        """The databases that are not archived (hidden)."""
        return self.filter(archived_at=None)

    def hidden(self) -> "DatabaseQuerySet":
        return self.exclude(archived_at=None)


class BatchQuerySet(models.QuerySet):
    def of(self, user: "User") -> "BatchQuerySet":
        return self.filter(staff=user)

    def holding(self) -> "BatchQuerySet":
        """With at least one assigned record."""
        return self.filter(current_count__gt=0)


class RecordQuerySet(models.QuerySet):
    def with_ids(self, ids: Iterable[int]) -> "RecordQuerySet":
        """These records, however many: the ids are one parameter."""
        return self.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [list(ids)]))

    def some_ids(self, most: int) -> list[int]:
        """The keys of these, or of `most` of them if there are more; in no order.

        Behind this fence PostgreSQL plans for all of them. Told that few are wanted, it would rather try row after
        row until it has them, trusting that every fiftieth name has the word that is looked for.
        """
        return [pk for (pk,) in self._fenced("SELECT id FROM found LIMIT %s", most)]

    def some_ids_and_total(self, most: int) -> tuple[list[int], int]:
        """The same of at least one, and how many there are in all; in one query."""
        rows = self._fenced("SELECT id, count(*) OVER () FROM found LIMIT %s", most)
        return [pk for pk, _total in rows], rows[0][1] if rows else 0

    def _fenced(self, select: str, *params: Any) -> list[tuple[Any, ...]]:
        try:
            sql, own_params = self.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            return []
        with connections[self.db].cursor() as cursor:
            cursor.execute(f"WITH found (id) AS MATERIALIZED ({sql}) {select}", [*own_params, *params])
            return cursor.fetchall()

    def found_first(self) -> "RecordQuerySet":
        """In the same order, but found first and put in order afterwards: the order begins with what is the same for
        all rows and in no index.

        Told that a page is wanted, PostgreSQL would rather walk an index that has everybody's rows in that order until
        it has met enough of these, trusting that they are spread evenly. What somebody has not worked yet is not.
        """
        return self.order_by(F("pk") * 0, *self.query.order_by)

    def locked_ids(self) -> list[int]:
        """Locks the rows in the order of their keys, so that two writers never wait for each other in a ring."""
        # Of a filter that looks at the database, the row of the database is not to be locked, or not before these.
        return list(self.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))

    def lock_counts(self, ids: Collection[int]) -> None:
        """Locks the databases and the batches of these records in the order in which the triggers do: for whoever
        changes counts in several statements, before the first of them.
        """
        if ids:
            model_of: Any = self.model
            module = module_of(model_of)
            for name, model in (("database", module.Database), ("batch", module.Batch)):
                counted = model._base_manager.filter(pk__in=model_of.objects.with_ids(ids).order_by().values(name))
                list(counted.order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def match_ids(self, reservation_ids: Collection[int]) -> list[int]:
        return coverage.match_ids(self.model, reservation_ids)

    def settle(self, ids: Collection[int], *, without: Collection[int] = ()) -> coverage.Settled:
        return coverage.settle(self.model, ids, without=without)

    def delete_ids(self, ids: list[int]) -> int:
        """Deletes these records for good, in one statement; how many. The history keeps what they were.

        Django's own delete() would fetch all of them first, because a record can name another.
        """
        with connections[self.db].cursor() as cursor:
            cursor.execute(f'DELETE FROM "{self.model._meta.db_table}" WHERE id = ANY(%s::bigint[])', [ids])  # noqa: S608
            return cursor.rowcount

    def in_pool(self) -> "RecordQuerySet":
        """Free to be handed out to anybody."""
        return self.filter(status="available")

    def reserved(self) -> "RecordQuerySet":
        return self.filter(status="reserved")

    def requested(self) -> "RecordQuerySet":
        return self.filter(status="requested")

    def assigned(self) -> "RecordQuerySet":
        """With a staff member."""
        return self.filter(status="assigned")

    def archived(self) -> "RecordQuerySet":
        return self.filter(status="archived")

    def old_status(self) -> "RecordQuerySet":
        """Deprecated `invalid`; only old data has it."""
        return self.filter(status="invalid")

    def in_state(self, state: str) -> "RecordQuerySet":
        """With a staff member, and in that one of WORK_STATES."""
        return self.assigned().filter(WORK_STATES[state]())

    def marked_invalid(self) -> "RecordQuerySet":
        """Invalid, says the staff member, and waiting for an admin."""
        return self.in_state("marked_invalid")

    def count_states(self, *, by: str) -> dict[int, dict[str, int]]:
        """How many of these are in each of WORK_STATES, for each value of the field `by`; reads all of them once."""
        counts = {state: Count("pk", filter=condition()) for state, condition in WORK_STATES.items()}
        rows = self.assigned().order_by().values(by).annotate(**counts)
        return {row.pop(by): row for row in rows}

    def count_some_states(self, states: Collection[str], *, by: str) -> dict[int, dict[str, int]]:
        """The same for these states only; in one query too, but reads for each only what is in it, where an index
        has that."""
        first, *others = [
            self.in_state(state)
            .order_by()
            .values(by)
            .annotate(state=Value(state, CharField()), n=Count("*"))
            .values_list(by, "state", "n")
            for state in states
        ]
        counts: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(states, 0))
        for key, state, n in first.union(*others, all=True):
            counts[key][state] = n
        return counts

    def count_noted(self) -> Counter[str]:
        """Of how many of these something is noted ("any"), and each of LEAVES_THE_RECORD."""
        noted = self.exclude(worked_at=None).order_by()
        counts = {name: Count("pk", filter=condition) for name, condition in LEAVES_THE_RECORD.items()}
        return Counter(noted.aggregate(any=Count("pk"), **counts))

    def in_conflict(self) -> "RecordQuerySet":
        return self.filter(is_reservation_conflict=True)

    def held_by(self, user: "User") -> "RecordQuerySet":
        """With that staff member now."""
        return self.assigned().filter(assignee=user)
