"""Advisory locks of PostgreSQL: one at a time does a thing. It gives them up when the worker ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone_with(key: int, *, wait: bool = False) -> Iterator[bool]:
    """Whether this connection has the lock of that number; with `wait`, once nobody else has it."""
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SET lock_timeout = 0")
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", [key])
            finally:
                cursor.execute("RESET lock_timeout")
            alone = True
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
            alone = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
