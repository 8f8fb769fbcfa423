"""The rows that a repair, or its undo, may change: which they are, and how it locks them while nobody waits for long.

`integrity_touched`, a temporary table of the transaction, holds them, each with an image of what it was.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pghistory.trigger
import pgtrigger
from django.apps import apps
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Model

from crm.accounts.models import User
from crm.errors import OTHERS_AT_WORK, Refused, is_busy
from crm.products.models import Product
from crm.registry import modules
from crm.reservations.covering import matches
from crm.reservations.models import Reservation
from integrity.check import literal, names_of

ATTEMPTS = 30
"""How often a repair begins anew when somebody holds what it needs."""

LOCKING_SECONDS = 0.8
"""Within which it has all that it needs, or gives up what it has. Who waits for a second makes PostgreSQL look for a
ring of those who wait for each other, and is the one that it ends: nobody waits for a part of a repair for so long.
"""

MOMENT = "20ms"
"""How long it waits for what it finds out later that it needs, when others may have waited for it for some time."""

REFERRED = re.compile(r'REFERENCES "?(\w+)')
"""The table that a key refers to, in its definition."""

TABLE = """
    DROP TABLE IF EXISTS integrity_touched;
    CREATE TEMPORARY TABLE integrity_touched (
        object text, object_id bigint, at tid, row jsonb, PRIMARY KEY (object, object_id)
    ) ON COMMIT DROP
"""

# Whoever changes a reservation has its product and its owner first.
OWNERS = f"""
    SELECT 1 FROM "{Product._meta.db_table}" WHERE id IN (
        SELECT product_id FROM "{Reservation._meta.db_table}" WHERE id = ANY(%(ids)s::bigint[])) ORDER BY id FOR SHARE;
    SELECT 1 FROM "{User._meta.db_table}" WHERE id IN (
        SELECT staff_id FROM "{Reservation._meta.db_table}" WHERE id = ANY(%(ids)s::bigint[])) ORDER BY id FOR SHARE
"""

# What belongs to a record that is touched: the batches that it is or was in, and its list.
BATCHES_OF_RECORDS = """
    SELECT {batch}, b.id FROM {batches} b WHERE b.id IN (
        SELECT r.batch_id FROM {records} r JOIN {touched_records}
        UNION SELECT e.batch_id FROM {events} e JOIN integrity_touched t
              ON t.object = {record} AND t.object_id = e.pgh_obj_id
    )
"""
DATABASES_OF_RECORDS = """
    SELECT {database}, d.id FROM {databases} d WHERE d.id IN (
        SELECT r.database_id FROM {records} r JOIN {touched_records}
        UNION SELECT b.database_id FROM {batches} b JOIN integrity_touched t
              ON t.object = {batch} AND t.object_id = b.id
        UNION SELECT e.database_id FROM {events} e JOIN integrity_touched t
              ON t.object = {record} AND t.object_id = e.pgh_obj_id
    )
"""
RECORDS_OF_RESERVATIONS = """
    SELECT DISTINCT {record}, m.record_id FROM ({matches}) m
    JOIN integrity_touched t ON t.object = {reservation} AND t.object_id = m.reservation_id
"""
RECORDS_OF_REQUESTS = """
    SELECT {record}, r.id FROM {records} r
    JOIN integrity_touched t ON t.object = {request} AND t.object_id = r.request_id
"""
DATABASES_OF_REQUESTS = """
    SELECT {database}, q.database_id FROM {requests} q
    JOIN integrity_touched t ON t.object = {request} AND t.object_id = q.id
"""


class Touched:
    """Of one transaction. Foreign keys are looked at at its end: one step puts right what another has left."""

    def __init__(self) -> None:
        self._until = 0.0
        self._has_locked = False
        self.execute(TABLE)
        self.execute("SET CONSTRAINTS ALL DEFERRED")
        self.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(silenced()) + "}"])

    def touched(self, model: type[Model]) -> list[int]:
        rows = self.execute(
            "SELECT object_id FROM integrity_touched WHERE object = %s ORDER BY 1", [model._meta.label_lower]
        )
        return [pk for (pk,) in rows]

    def touch(self, model: type[Model], ids: Iterable[int]) -> None:
        """Rows that a step is about to make, or to lock by itself."""
        self.execute(
            "INSERT INTO integrity_touched (object, object_id) SELECT %s, unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
            [model._meta.label_lower, list(ids)],
        )

    def models(self) -> list[type[Model]]:
        """Those that have rows among the touched."""
        rows = self.execute("SELECT DISTINCT object FROM integrity_touched ORDER BY 1")
        return [apps.get_model(label) for (label,) in rows]

    def touch_what_belongs_to_them(self) -> None:
        for module in modules():
            record = literal(module.Record._meta.label_lower)
            names = {
                **names_of(module),
                "touched_records": f"integrity_touched t ON t.object = {record} AND t.object_id = r.id",
                "matches": matches(module.Record),
                "reservation": literal(Reservation._meta.label_lower),
            }
            of_requests = [RECORDS_OF_REQUESTS, DATABASES_OF_REQUESTS] if module.policy.asking else []
            for text in (RECORDS_OF_RESERVATIONS, *of_requests, BATCHES_OF_RECORDS, DATABASES_OF_RECORDS):
                self.touch_rows(text.format(**names))

    def touch_rows(self, query: str) -> None:
        self.execute(
            f"INSERT INTO integrity_touched (object, object_id) SELECT DISTINCT * FROM ({query}) AS q"
            " ON CONFLICT DO NOTHING"
        )

    def lock_tables(self, guards: Sequence[tuple[str, str]]) -> None:
        """Those whose guards are to be put back, and those that their keys refer to, before any row: who waits for a
        row has written to the table, and would never let go of it. Of each guard: the model's label, the definition.
        """
        tables = {apps.get_model(label)._meta.db_table for label, _definition in guards}
        referred = {table for _label, definition in guards for table in REFERRED.findall(definition)} - tables
        for names, mode in ((tables, "ACCESS EXCLUSIVE"), (referred, "SHARE ROW EXCLUSIVE")):
            for name in sorted(names):
                self._be_quick()
                self.execute(f'LOCK TABLE "{name}" IN {mode} MODE')

    def lock_touched(self) -> None:
        """Reservations, requests, records, databases, batches, and the rest, each by key, as everybody does. After it,
        all that is needed is there, and nothing is waited for.
        """
        self._be_quick()
        if reservations := self.touched(Reservation):
            self.execute(OWNERS, {"ids": reservations})
        for model in (Reservation, *(module.Request for module in modules() if module.policy.asking)):
            self._lock(model)
        for of in ("Record", "Database", "Batch"):
            for module in modules():
                self._lock(getattr(module, of))
        for model in self.models():
            self._lock(model)
        self._has_locked = True
        self._be_quick()

    def _lock(self, model: type[Model]) -> None:
        self._be_quick()
        self.execute(
            f"""
            SELECT count(*) FROM (
                SELECT 1 FROM "{model._meta.db_table}" WHERE "{model._meta.pk.column}" IN (
                    SELECT object_id FROM integrity_touched WHERE object = %s
                ) ORDER BY "{model._meta.pk.column}" FOR NO KEY UPDATE
            ) AS locked
            """,
            [model._meta.label_lower],
        )

    def _be_quick(self) -> None:
        timeout = MOMENT
        if not self._has_locked:
            now = time.monotonic()
            self._until = self._until or now + LOCKING_SECONDS
            timeout = f"{max(1, int((self._until - now) * 1000))}ms"
        self.execute("SELECT set_config('lock_timeout', %s, true)", [timeout])

    @contextmanager
    def silencing(self, triggers: Iterable[str]) -> Iterator[None]:
        """These triggers are silent, too, meanwhile."""
        [(silent,)] = self.execute("SELECT current_setting('pgtrigger.ignore')")
        more = "{" + ",".join([silent.strip("{}"), *triggers]) + "}"
        self.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [more])
        yield
        self.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [silent])

    def keys_hold(self) -> bool:
        """Whether all foreign keys hold that PostgreSQL has put off looking at. It puts off what comes next, too."""
        try:
            with transaction.atomic():
                self.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError:
            return False
        self.execute("SET CONSTRAINTS ALL DEFERRED")
        return True

    def execute(self, sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """Runs it; its rows, if it has any. A per cent sign of its own is written twice."""
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []


def silenced() -> Iterator[str]:
    """Until the transaction ends, of our triggers only those work that write the history, or seal.

    A repair puts rows back to what they were: nothing comes or goes, so nothing is to be counted; what is counted is
    put right at the end, from the rows and the history. And some of what it puts back is forbidden to everybody else.
    Each trigger's function asks for itself whether it is to be silent, in this transaction alone.
    """
    for model, trigger in pgtrigger.registered():
        is_history = isinstance(trigger, pghistory.trigger.Event) or hasattr(model, "pgh_tracked_model")
        if not is_history and trigger.name not in ("seal_imported", "no_truncate"):
            yield trigger.get_pgid(model)
            yield f"{model._meta.db_table}:{trigger.get_pgid(model)}"


def with_patience(work: Callable[[], None]) -> None:
    """It waits for nobody while it holds what others may need; it begins anew instead. Raises Refused in the end."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            work()
            return
        except OperationalError as error:
            if not is_busy(error) or connection.in_atomic_block:
                raise
            if attempt == ATTEMPTS:
                raise Refused(str(OTHERS_AT_WORK)) from error
            time.sleep(min(0.1 * attempt, 1))
