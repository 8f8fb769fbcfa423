"""Writing behind the application's back, and counting without its help."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from crm.registry import Module

STATUSES = ("available", "reserved", "requested", "assigned", "archived", "invalid")


def run(statement: str, *params: Any) -> int:
    """Runs one statement of raw SQL; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def ask(query: str, *params: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """PostgreSQL refuses what is done here, and its error names the rule."""
    run("SET CONSTRAINTS ALL IMMEDIATE")  # Django's foreign keys would wait for the commit
    with pytest.raises(DatabaseError, match=rule), transaction.atomic():
        yield


def stored(table: str, *columns: str) -> dict[int, dict[str, int]]:
    rows = ask(f'SELECT id, {", ".join(columns)} FROM "{table}"')
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


class Witness:
    """Counts beside the triggers and without them.

    What is there is counted from the rows. What came and went cannot be seen in the rows, so `look` has to be called
    after each statement: it compares every row with how it was at the last look.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.record, self.batch, self.database = (
            model._meta.db_table for model in (module.Record, module.Batch, module.Database)
        )
        self.imported: Counter[int] = Counter()
        self.purged: Counter[int] = Counter()
        self.received: Counter[int] = Counter()
        self.left: Counter[int] = Counter()
        self.initial: dict[int, int] = {}
        self.seen: dict[int, tuple[int, int | None]] = {}
        self.look()

    def look(self) -> None:
        now = {pk: tuple(rest) for pk, *rest in ask(f'SELECT id, database_id, batch_id FROM "{self.record}"')}
        arrivals: Counter[int] = Counter()
        for pk, (database, batch) in now.items():
            before = self.seen.get(pk)
            self.imported[database] += before is None
            if batch and (before is None or before[1] != batch):
                arrivals[batch] += 1
        for pk, (database, batch) in self.seen.items():
            self.purged[database] += pk not in now
            if batch and (pk not in now or now[pk][1] != batch):
                self.left[batch] += 1
        for batch, count in arrivals.items():
            self.initial.setdefault(batch, count)
        self.received += arrivals
        self.seen = now

    def check(self) -> None:
        """Every stored count of every database and batch of the module is true."""
        assert self._stored_of_databases() == self._true_of_databases()
        assert self._stored_of_batches() == self._true_of_batches()

    def look_and_check(self) -> None:
        self.look()
        self.check()

    def _stored_of_databases(self) -> dict[int, dict[str, int]]:
        counts = [f"{status}_count" for status in STATUSES]
        return stored(self.database, "imported_count", "purged_count", "record_count", *counts, "conflict_count")

    def _true_of_databases(self) -> dict[int, dict[str, int]]:
        statuses = ", ".join(f"count(r.id) FILTER (WHERE r.status = '{status}')" for status in STATUSES)
        rows = ask(
            f"""
            SELECT d.id, count(r.id), {statuses}, count(r.id) FILTER (WHERE r.is_reservation_conflict)
            FROM "{self.database}" d LEFT JOIN "{self.record}" r ON r.database_id = d.id GROUP BY d.id
            """
        )
        names = ["record_count", *(f"{status}_count" for status in STATUSES), "conflict_count"]
        return {
            pk: {
                "imported_count": self.imported[pk],
                "purged_count": self.purged[pk],
                **dict(zip(names, counts, strict=True)),
            }
            for pk, *counts in rows
        }

    def _stored_of_batches(self) -> dict[int, dict[str, int]]:
        held = ("current_count", "archived_count", "invalid_count")
        return stored(self.batch, "initial_count", "received_count", *held, "left_count")

    def _true_of_batches(self) -> dict[int, dict[str, int]]:
        rows = ask(
            f"""
            SELECT b.id, count(r.id) FILTER (WHERE r.status = 'assigned'),
                   count(r.id) FILTER (WHERE r.status = 'archived'), count(r.id) FILTER (WHERE r.status = 'invalid')
            FROM "{self.batch}" b LEFT JOIN "{self.record}" r ON r.batch_id = b.id GROUP BY b.id
            """
        )
        return {
            pk: {
                "initial_count": self.initial.get(pk, 0),
                "received_count": self.received[pk],
                "current_count": current,
                "archived_count": archived,
                "invalid_count": invalid,
                "left_count": self.left[pk],
            }
            for pk, current, archived, invalid in rows
        }
