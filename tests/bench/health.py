"""What a health check costs: itself, the memory, and the others."""

import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from crm.distribution.models import BaseDatabase
from crm.reservations.entries import Entry, add_reservations
from integrity.check import our_models
from integrity.guards import guarded_models
from integrity.runs import make_run, work_run
from tests.bench.ground import Megabytes, Result, best, empty, make_database, once, people, settle, team_of

BIG, SMALL = 1_000_000, 100_000


def health_check() -> Iterator[Result | Megabytes]:
    """All checks over a database of which half is with a team, against one sequential scan of the tables that they
    read, which looks at every column of every row, as they do. How much longer they take for ten times as many records,
    how much more memory, and what they cost somebody who looks at a list meanwhile.
    """
    seconds, peak = {}, {}
    for rows in (SMALL, BIG):
        empty()
        database = make_database(rows, team=team_of(50))
        _reserve(database, rows // 1000)
        settle()
        peak[rows] = _peak_of(_check)
        seconds[rows] = best(_check, times=3), best(_scan, times=3)
    yield Result("health check of 1,000,000 : one scan of its tables", *seconds[BIG], 15)
    yield Result("health check, 1,000,000 : 100,000", seconds[BIG][0], seconds[SMALL][0], 11)
    yield Megabytes("what a health check of 1,000,000 needs more than one of 100,000", peak[BIG] - peak[SMALL], 20)
    yield Result("p95 of a list during a health check : without", *_p95_with_and_without(), 2)


def _reserve(database: BaseDatabase, count: int) -> None:
    admin, staff = people()
    customers = database.records.order_by("row_number").values_list("customer_id", flat=True)[:count]
    entries = [Entry(line, customer) for line, customer in enumerate(customers)]
    add_reservations(product=database.product, staff=staff, entries=entries, by=admin)


def _check() -> None:
    run = work_run(make_run(by=None, origin="command"))
    if not run.is_healthy:
        raise RuntimeError(f"{run.total} findings {run.error}")


def _scan() -> None:
    tables = {model._meta.db_table for model in [*our_models(), *guarded_models()]}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" r WHERE (r.*) IS NULL')


def _peak_of(work) -> float:
    """The megabytes that this process has at most meanwhile. What ran before has filled the caches."""
    work()
    Path("/proc/self/clear_refs").write_text("5")
    work()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _p95_with_and_without() -> tuple[float, float]:
    admin, _staff = people()
    client = Client(SERVER_NAME="localhost")
    client.force_login(admin)
    url = reverse("records", args=["memberwd"])

    def p95(times: int = 60) -> float:
        return statistics.quantiles([once(lambda: client.get(url)) for _ in range(times)], n=20)[-1]

    p95(5)
    without = p95()
    ended = threading.Event()

    def scan() -> None:
        try:
            while not ended.is_set():
                _check()
        finally:
            connections.close_all()

    scanning = threading.Thread(target=scan)
    scanning.start()
    try:
        during = p95()
    finally:
        ended.set()
        scanning.join()
    return during, without
