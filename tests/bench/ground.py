"""The ground of the measurements: an empty database, lists of any size, a stopwatch."""

import statistics
import time
from collections.abc import Callable
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
    """`slow` and `fast` are seconds, `goal` the most that slow / fast may be."""

    name: str
    slow: float
    fast: float
    goal: float

    @property
    def ratio(self) -> float:
        return self.slow / self.fast

    @property
    def missed(self) -> bool:
        return self.ratio > self.goal

    def __str__(self) -> str:
        mark = "  MISSED" if self.missed else ""
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


def median(work: Callable[[], object], times: int = 15) -> float:
    """The median seconds of `work`, after one run that warms the caches."""
    work()
    return statistics.median(once(work) for _ in range(times))


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


def make_database(rows: int, module: Module | None = None):
    """A database of that many available records, made by one INSERT; 100 of them are named Zulkarnain."""
    module = module or get_module("memberwd")
    product, _ = Product.objects.get_or_create(name="Bench")
    database = module.Database.objects.create(name=f"{rows:,} rows", product=product, created_by=people()[0])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {module.Record._meta.db_table}
                (database_id, row_number, customer_id, customer_name, phone, phone_key, data)
            SELECT %s, i, 'u' || i || '-' || %s,
                   CASE WHEN i %% %s = 0 THEN 'Zulkarnain ' ELSE 'Nama ' END || i, '0812' || lpad(i::text, 8, '0'),
                   '+62812' || lpad(i::text, 8, '0'), {CELLS}
            FROM generate_series(1, %s) AS i
            """,
            [database.pk, database.pk, rows // 100, rows],
        )
    database.refresh_from_db()
    return database


def settle() -> None:
    """As after a quiet hour: statistics fresh, no dead rows, nothing waiting to be written."""
    with connection.cursor() as cursor:
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)
