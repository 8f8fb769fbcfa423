"""The ground of the measurements: an empty database, lists of any size, a stopwatch."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pgtrigger
from django.core.management import call_command
from django.db import connection

from crm.accounts.models import User
from crm.products.models import Product
from crm.registry import Module, get_module

CELLS = (
    "jsonb_build_array('u' || i, 'Nama ' || i, '0812' || lpad(i::text, 8, '0'),"
    " 'Jakarta', 'A', '2025-03-01', 'BCA', '')"
)


@dataclass(frozen=True)
class Result:
    """`slow` and `fast` are seconds, `goal` the most that slow / fast may be; `queries` of either, to be the same."""

    name: str
    slow: float
    fast: float
    goal: float
    queries: tuple[int, int] = (0, 0)

    @property
    def ratio(self) -> float:
        return self.slow / self.fast

    @property
    def missed(self) -> bool:
        return self.ratio > self.goal or self.queries[0] != self.queries[1]

    def __str__(self) -> str:
        mark = "  MISSED" if self.missed else ""
        if self.queries[0] != self.queries[1]:
            mark += " ({} queries : {})".format(*self.queries)
        seconds = f"({self.slow * 1000:,.1f} ms : {self.fast * 1000:,.1f} ms)"
        return f"{self.name:<66} {self.ratio:>6.2f}  {self.goal:>5.1f}  {seconds}{mark}"


@dataclass(frozen=True)
class Seconds:
    """What has to be done within `goal` seconds, whatever the machine."""

    name: str
    seconds: float
    goal: float

    @property
    def missed(self) -> bool:
        return self.seconds > self.goal

    def __str__(self) -> str:
        mark = "  MISSED" if self.missed else ""
        return f"{self.name:<66} {self.seconds:>5.2f}s {self.goal:>5.1f}s{mark}"


@dataclass(frozen=True)
class Megabytes:
    """What may not need more memory than `goal` megabytes."""

    name: str
    megabytes: float
    goal: float

    @property
    def missed(self) -> bool:
        return self.megabytes > self.goal

    def __str__(self) -> str:
        mark = "  MISSED" if self.missed else ""
        return f"{self.name:<66} {self.megabytes:>4.1f}MB {self.goal:>4.0f}MB{mark}"


def median(work: Callable[[], object], times: int = 15) -> float:
    """The median seconds of `work`, after one run that warms the caches."""
    work()
    return statistics.median(once(work) for _ in range(times))


def best(work: Callable[[], object], times: int = 10) -> float:
    """The least seconds of `work`, after one run that warms the caches: what else the machine does only adds to it."""
    work()
    return min(once(work) for _ in range(times))


def once(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def empty() -> None:
    """Everything out of every table."""
    with pgtrigger.ignore():
        call_command("flush", interactive=False, verbosity=0)


def people() -> tuple[User, User]:
    """An admin and a staff member."""
    admin, _ = User.objects.get_or_create(username="admin", defaults={"name": "Admin", "role": "admin"})
    staff, _ = User.objects.get_or_create(username="staff", defaults={"name": "Staff"})
    return admin, staff


def team_of(size: int) -> list[User]:
    """So many more staff members."""
    return [
        User.objects.get_or_create(username=f"staff{n}", defaults={"name": f"Staff {n}"})[0] for n in range(1, size + 1)
    ]


def make_database(rows: int, module: Module | None = None, *, team: Sequence[User] = ()):
    """A database of that many records, made by one INSERT; 100 of them are named Zulkarnain.

    They are available. With a `team`, every other one is with one of them, and they have worked half of theirs.
    """
    module = module or get_module("memberwd")
    product, _ = Product.objects.get_or_create(name="Bench")
    admin, _staff = people()
    database = module.Database.objects.create(name=f"{rows:,} rows", product=product, created_by=admin)
    for person in team:
        module.Batch.objects.create(database=database, staff=person, created_by=admin)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH hand_over AS (
                SELECT id, staff_id, row_number() OVER (ORDER BY id) - 1 AS place
                FROM {module.Batch._meta.db_table} WHERE database_id = %(database)s
            )
            INSERT INTO {module.Record._meta.db_table}
                (database_id, row_number, customer_id, customer_name, phone, phone_key, data,
                 status, batch_id, assignee_id, assigned_at, assigned_by_id,
                 worked_at, reach, response, responded_at, follow_up_on)
            SELECT %(database)s, i, 'u' || i || '-' || %(database)s,
                   CASE WHEN i %% %(rare)s = 0 THEN 'Zulkarnain ' ELSE 'Nama ' END || i,
                   '0812' || lpad(i::text, 8, '0'), '+62812' || lpad(i::text, 8, '0'), {CELLS},
                   CASE WHEN place IS NULL THEN 'available' ELSE 'assigned' END,
                   hand_over.id, staff_id,
                   CASE WHEN place IS NOT NULL THEN now() - (60 + i %% 30) * interval '1 day' END,
                   CASE WHEN place IS NOT NULL THEN %(admin)s END,
                   worked_at,
                   CASE WHEN worked_at IS NULL THEN '' ELSE 'reachable' END,
                   CASE WHEN responded_at IS NULL THEN '' ELSE 'yes' END, responded_at,
                   CASE WHEN worked_at IS NOT NULL AND i %% 3 = 0 THEN current_date + i %% 60 - 30 END
            FROM generate_series(1, %(rows)s) AS i
            LEFT JOIN hand_over ON i %% 2 = 0 AND place = i / 2 %% %(people)s
            CROSS JOIN LATERAL (
                SELECT CASE WHEN place IS NOT NULL AND i / 100 %% 2 = 0
                       THEN now() - i %% 60 * interval '1 day' - interval '1 minute' END AS worked_at
            ) AS work
            CROSS JOIN LATERAL (SELECT CASE WHEN i %% 5 = 0 THEN worked_at END AS responded_at) AS answer
            """,
            {
                "database": database.pk,
                "rare": rows // 100,
                "rows": rows,
                "people": max(len(team), 1),
                "admin": admin.pk,
            },
        )
    database.refresh_from_db()
    return database


def settle() -> None:
    """As after a quiet hour: statistics fresh, no dead rows, nothing waiting to be written."""
    with connection.cursor() as cursor:
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)
