"""Threads with connections of their own."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

SECONDS = 20
"""Nothing here takes so long; it ends a test that hangs."""


class Workers:
    """Runs functions at the same time, each in a thread with a connection of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=16)

    def start(self, function: Callable[..., Any], *args: Any) -> Future:
        def work():
            try:
                return function(*args)
            finally:
                connections.close_all()

        return self._pool.submit(work)

    def run(self, *functions: Callable[[], Any]) -> list[Any]:
        """Their results, in order; an exception in place of the result where one ended in it."""
        futures = [self.start(function) for function in functions]
        return [future.exception(SECONDS) or future.result() for future in futures]

    def wait_until_blocked(self, number: int = 1) -> None:
        """Until so many connections wait for a lock that another one holds."""
        give_up = time.monotonic() + SECONDS
        while time.monotonic() < give_up:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_stat_clear_snapshot()")  # in a transaction it would stay as it was
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND cardinality(pg_blocking_pids(pid)) > 0"
                )
                if cursor.fetchone()[0] >= number:
                    return
            time.sleep(0.01)
        raise AssertionError(f"{number} connections should have been waiting for a lock")

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()
