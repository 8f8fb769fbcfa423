"""The ground on which a repair works: what it is to repair, the rows that it may touch, locked, and what they were.

Two temporary tables of the transaction: `integrity_target`, what has been found and is to be repaired;
`integrity_touched`, the rows that a step may change, each with an image of what it was. What each step has changed of
them goes into `integrity_change`.
"""

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pghistory.trigger
import pgtrigger
from django.apps import apps
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Model

from crm.accounts.models import User
from crm.distribution.alerts import settle_invalid_alerts
from crm.errors import OTHERS_AT_WORK, Refused, is_busy
from crm.products.models import Product
from crm.registry import modules
from crm.reservations.covering import matches
from crm.reservations.models import Reservation
from integrity.check import Text, key_of, literal, module_of_model, names_of
from integrity.checks import checks
from integrity.models import Change, Finding, Run

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

TABLES = """
    DROP TABLE IF EXISTS integrity_target, integrity_left, integrity_touched;
    CREATE TEMPORARY TABLE integrity_target (
        code text, object text, object_id bigint, field text, hint text, expected text, decision integer
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE integrity_left (code text, object text, object_id bigint, field text) ON COMMIT DROP;
    CREATE TEMPORARY TABLE integrity_touched (
        object text, object_id bigint, at tid, row jsonb, PRIMARY KEY (object, object_id)
    ) ON COMMIT DROP
"""
TARGETS = f"""
    INSERT INTO integrity_target (code, object, object_id, field, hint, expected, decision)
    SELECT f.code, f.object, f.object_id, f.field, f.hint, f.expected, %(decision)s
    FROM "{Finding._meta.db_table}" f
    WHERE f.run_id = %(run)s AND NOT EXISTS (
        SELECT 1 FROM unnest(%(objects)s::text[], %(ids)s::bigint[]) AS o (object, id)
        WHERE o.object = f.object AND o.id = f.object_id
    )
"""
# A guard against which rows stood may be put back once they are repaired, or decided about.
REPARABLE = " AND (NOT f.needs_decision OR f.code = 'guard_missing' AND NOT f.hint = ANY(%(hints)s::text[]))"

# What was decided of some rows goes before what was decided of all.
DECIDED = """
    AND f.needs_decision AND f.code = %(code)s AND f.hint = ANY(%(hints)s::text[])
    AND (%(only)s::jsonb IS NULL OR EXISTS (
        SELECT 1 FROM jsonb_array_elements(%(only)s::jsonb) o
        WHERE o IN (jsonb_build_array(f.object, f.object_id), jsonb_build_array(f.object, f.object_id, f.field))))
    AND NOT EXISTS (SELECT 1 FROM integrity_target t WHERE t.decision IS NOT NULL
                    AND (t.code, t.object, t.object_id, t.field) = (f.code, f.object, f.object_id, f.field))
"""
LEFT_NO_MORE = """
    DELETE FROM integrity_left l USING integrity_target t
    WHERE (t.code, t.object, t.object_id) = (l.code, l.object, l.object_id) AND l.field IN ('', t.field)
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

# A row that was updated is at another place of its table than before: only those are compared. A row that is new has
# no image, one that is gone has nothing after it.
CHANGES = """
    WITH now AS (
        SELECT t.object_id, t.row AS before, to_jsonb(m) AS after, m.ctid AS at
        FROM integrity_touched t LEFT JOIN "{table}" m ON m."{pk}" = t.object_id
        WHERE t.object = %(object)s AND t.at IS DISTINCT FROM m.ctid
    ), images AS (
        UPDATE integrity_touched t SET row = now.after, at = now.at FROM now
        WHERE t.object = %(object)s AND t.object_id = now.object_id
    ), meant AS MATERIALIZED (
        SELECT object_id, min(code) AS code FROM integrity_target
        WHERE object = %(object)s AND code = ANY(%(codes)s::text[]) GROUP BY 1
    )
    INSERT INTO integrity_change (run_id, number, code, module, object, object_id, before, after, why, row_hash)
    SELECT %(run)s, %(number)s + row_number() OVER (ORDER BY d.object_id),
           coalesce(m.code, (%(codes)s::text[])[1]), %(module)s, %(object)s, d.object_id,
           CASE WHEN d.after IS NULL THEN d.before WHEN d.before IS NOT NULL THEN (
               SELECT jsonb_object_agg(key, value) FROM jsonb_each(d.before) WHERE d.after -> key IS DISTINCT FROM value
           ) END,
           CASE WHEN d.before IS NULL THEN d.after WHEN d.after IS NOT NULL THEN (
               SELECT jsonb_object_agg(key, value) FROM jsonb_each(d.after) WHERE d.before -> key IS DISTINCT FROM value
           ) END,
           %(why)s, coalesce(md5(d.after::text), '')
    FROM now d LEFT JOIN meant m USING (object_id) WHERE d.before IS DISTINCT FROM d.after
"""


@dataclass(frozen=True)
class Step:
    """One kind of repair: what it is for, why a row becomes what it becomes, and whose rows it may change."""

    codes: tuple[str, ...]
    why: Text
    work: Callable[["Ground"], None]
    models: Callable[[], Iterable[type[Model]]]
    always: bool = False
    """Also in a repair of other checks: it puts right what the other steps have moved."""
    choice: str = ""
    """It carries out what an admin has decided so, and nothing without that."""

    def is_for(self, run: Run) -> bool:
        if self.choice:
            return any((each["code"], each["choice"]) == (self.codes[0], self.choice) for each in run.decisions)
        return self.always or not run.codes or bool(set(self.codes) & set(run.codes))


@dataclass(frozen=True)
class Target:
    """A finding that an admin has decided about."""

    object: str
    object_id: int
    field: str
    hint: str
    expected: str


@dataclass(frozen=True)
class Decided:
    """What one decision is about: the `number` it has among those of the run, its rows, and to whom they go."""

    number: int
    code: str
    staff: User | None
    rows: list[Target]

    def ids(self, model: type[Model]) -> list[int]:
        return sorted({each.object_id for each in self.rows if each.object == model._meta.label_lower})


class Ground:
    """Of one repair, inside its transaction. Foreign keys are looked at at the end of the transaction: one step puts
    right what another has left.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.changes = 0
        self._until = 0.0
        self._has_locked = False
        self.execute(TABLES)
        self.execute("SET CONSTRAINTS ALL DEFERRED")
        self.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(silenced()) + "}"])

    def set_out(self, found: Run, choices: Sequence[tuple[Collection[str], str]] = ()) -> None:
        """What that run has found is to be repaired: finds the rows that this may touch, and locks them.

        `choices` are, for each decision of the run, the hints that it is for, and the SQL of what it touches besides.
        """
        left_out = [(str(name), int(pk)) for name, pk in self.run.left_out]
        values = {"run": found.pk, "objects": [name for name, _pk in left_out], "ids": [pk for _name, pk in left_out]}
        self.execute("DELETE FROM integrity_target")
        guards = checks()["guard_missing"].decisions
        self.execute(TARGETS + REPARABLE, {**values, "decision": None, "hints": list(guards)})
        decisions = sorted(enumerate(self.run.decisions), key=lambda each: each[1]["only"] is None)
        for number, each in decisions:
            only = None if each["only"] is None else json.dumps(each["only"])
            hints, also = choices[number]
            chosen = {"decision": number, "code": each["code"], "hints": list(hints), "only": only}
            self.execute(TARGETS + DECIDED, {**values, **chosen})
            if also:
                self._touch(f"{also} FROM integrity_target t WHERE t.decision = {number}")
        self.execute(LEFT_NO_MORE)
        self.execute("ANALYZE integrity_target")
        self._touch_found()
        self.execute("ANALYZE integrity_touched")
        self.lock_touched()
        for model in self.models():
            self.take_images(model)

    def targets(self, codes: Collection[str], model: type[Model], *, hints: Collection[str] | None = None) -> list[int]:
        """The rows of the model for which one of the checks, with one of the hints, is to be repaired."""
        rows = self.execute(
            """
            SELECT DISTINCT object_id FROM integrity_target
            WHERE code = ANY(%(codes)s::text[]) AND object = %(object)s AND decision IS NULL
                  AND (%(hints)s::text[] IS NULL OR hint = ANY(%(hints)s::text[])) ORDER BY 1
            """,
            {"codes": list(codes), "object": model._meta.label_lower, "hints": None if hints is None else list(hints)},
        )
        return [pk for (pk,) in rows]

    def has_targets(self, code: str) -> bool:
        return bool(self.execute("SELECT 1 FROM integrity_target WHERE code = %s AND decision IS NULL LIMIT 1", [code]))

    def is_target(self, code: str, model: type[Model], field: str) -> bool:
        """Of a guard: it is to be put back."""
        return bool(
            self.execute(
                "SELECT 1 FROM integrity_target WHERE (code, object, field) = (%s, %s, %s) AND decision IS NULL",
                [code, model._meta.label_lower, field],
            )
        )

    def decided(self, number: int) -> Decided | None:
        """What the decision of that number is about; None if it is about nothing that was found."""
        rows = self.execute(
            "SELECT object, object_id, field, hint, expected FROM integrity_target WHERE decision = %s"
            " ORDER BY 1, 2, 3",
            [number],
        )
        each = self.run.decisions[number]
        staff = User.objects.filter(pk=each["staff"]).first() if each["staff"] else None
        return Decided(number, each["code"], staff, [Target(*row) for row in rows]) if rows else None

    def leave(self, code: str, label: str, ids: Iterable[int], field: str = "") -> None:
        """These cannot be repaired: an admin decides. `field` names one guard of a table."""
        keys = list(ids)
        self.execute("INSERT INTO integrity_left SELECT %s, %s, unnest(%s::bigint[]), %s", [code, label, keys, field])
        self.execute(
            "DELETE FROM integrity_target t USING integrity_left l WHERE (t.code, t.object, t.object_id)"
            " = (l.code, l.object, l.object_id) AND (l.field = '' OR l.field = t.field)"
        )

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

    def take_images(self, model: type[Model]) -> None:
        self.execute(
            f"""
            UPDATE integrity_touched t SET row = to_jsonb(m), at = m.ctid FROM "{model._meta.db_table}" m
            WHERE t.object = %s AND t.row IS NULL AND m."{model._meta.pk.column}" = t.object_id
            """,
            [model._meta.label_lower],
        )

    def work(self, step: Step) -> None:
        """Takes the step, and keeps what has become different."""
        step.work(self)
        touched = self.models()
        for model in [model for model in dict.fromkeys(step.models()) if model in touched]:
            self.execute(
                CHANGES.format(table=model._meta.db_table, pk=model._meta.pk.column),
                {
                    "run": self.run.pk,
                    "number": self.changes,
                    "object": model._meta.label_lower,
                    "module": key_of(module_of_model(model)),
                    "codes": list(step.codes),
                    "why": str(step.why),
                },
            )
            [(self.changes,)] = self.execute(
                "SELECT coalesce(max(number), 0) FROM integrity_change WHERE run_id = %s", [self.run.pk]
            )

    def note(self, code: str, model: type[Model], *, before: Any, after: Any, why: Text) -> None:
        """Keeps a change of what is no row: a guard of the table."""
        self.changes += 1
        Change.objects.create(
            run=self.run,
            number=self.changes,
            code=code,
            module=key_of(module_of_model(model)),
            object=model._meta.label_lower,
            object_id=0,
            before=before,
            after=after,
            why=str(why),
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

    def _touch_found(self) -> None:
        self._touch("SELECT object, object_id FROM integrity_target WHERE object_id <> 0")
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
                self._touch(text.format(**names))

    def _touch(self, query: str) -> None:
        self.execute(
            f"INSERT INTO integrity_touched (object, object_id) SELECT DISTINCT * FROM ({query}) AS q"
            " ON CONFLICT DO NOTHING"
        )

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


def settle_alerts(ground: Ground) -> None:
    """Whose invalid records wait is named by an alert, and nobody else."""
    for module in modules():
        if module.policy.validates and (ids := ground.touched(module.Record)):
            waiting = module.Record.objects.with_ids(ids).marked_invalid().order_by()
            settle_invalid_alerts(module, *User.objects.filter(pk__in=waiting.values("assignee")))


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
