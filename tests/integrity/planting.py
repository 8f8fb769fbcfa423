"""Damage by raw SQL: how a plant is written, how it is sown, and which rows the health check must name for it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

import pgtrigger

from crm.registry import Module
from tests.distribution.sql import ask, run
from tests.integrity.world import Place, World

T = TypeVar("T")

ON, GUARDS_OFF, OFF = "on", "guards off", "off"
"""Our triggers: all at work; without those that refuse; none at all, as a replica that takes rows over."""

REFUSE = (
    "counts_are_kept_here",
    "counts_start_at_zero",
    "written_by_the_records",
    "import_is_final",
    "product_is_final",
    "owner_is_final",
    "customer_is_final",
    "line_is_final",
)
NEW = {"records": 900_001, "bonanza": 910_001, "memberwd": 920_001}
"""The key of what comes new in the module, of whatever kind."""

NEWCOMERS = {
    "new": "record",
    "new_batch": "batch",
    "new_list": "database",
    "new_request": "request",
}
SHARED_NEWCOMERS = {
    "new_of_memberwd": "memberwd.record",
    "new_reservation": "reservations.reservation",
    "new_upload": "distribution.upload",
    "new_notice": "notices.notice",
    "new_schedule": "django_q.schedule",
    "new_line": "distribution.outcomeline",
}

OF_A_KEY = {"missing_reference", "batch_owner_mismatch", "replacement_broken", "stuck_request", "request_without_batch"}
"""The checks that name what a foreign key forbids."""

Finding = tuple[str, str, int]
"""The check, and the row that it names."""


def every(_module: Module) -> bool:
    return True


def asks(module: Module) -> bool:
    return module.policy.asking is not None


def validates(module: Module) -> bool:
    return module.policy.validates


def once(module: Module) -> bool:
    """For what all modules share."""
    return module.key == "memberwd"


@dataclass(frozen=True)
class Plant:
    """One way to break what checks say.

    In `sql` the tables are {records}, {batches} …, and each place of the world its key. `finds` are the checks that
    name it, all of them, each with the places that it names, or a query for their models and keys: "code: place place;
    code: place". `drops` are the constraints that go before, which guard_missing names besides: without the app's name;
    fk:table.column, null:column for what has no name of its own.
    """

    name: str
    sql: str
    finds: str
    triggers: str = ON
    drops: str = ""
    waits: str = ""
    """The checks of which repair leaves something to an admin."""

    fits: Callable[[Module], bool] = every
    alone: bool = False
    """It does something in all modules: nothing else is planted with it."""

    @property
    def codes(self) -> list[str]:
        return [part.partition(":")[0].strip() for part in self.finds.split(";")]

    @property
    def is_past_the_keys(self) -> bool:
        """It writes what a foreign key forbids to everybody, an undo too."""
        return self.triggers == OFF and bool(OF_A_KEY & set(self.codes))

    def sow(self, world: World, module: Module) -> set[Finding]:
        """Does the damage; exactly what must be found."""
        values = {**tables_of(module), **{name: pk for name, (_label, pk) in world.place(module).places.items()}}
        found = {("guard_missing", drop(module, name), 0) for name in self.drops.split()}
        with silenced(self.triggers):
            run(self.sql.format(**values).replace("%", "%%"))
        for part in self.finds.split(";"):
            code, _, places = part.strip().partition(": ")
            if places.startswith("SELECT"):
                found |= {(code, label, pk) for label, pk in ask(places.format(**values))}
            else:
                found |= {(code, *place(world, module, name)) for name in places.split()}
        return found


def side_by_side(pairs: Iterable[tuple[Module, T]]) -> list[tuple[tuple[Module, T], ...]]:
    """Several that can be done at once: of each module one, for as long as there are."""
    queues: dict[str, list[tuple[Module, T]]] = {}
    for module, each in pairs:
        queues.setdefault(module.key, []).append((module, each))
    return [tuple(filter(None, several)) for several in zip_longest(*queues.values())]


def place(world: World, module: Module, name: str) -> Place:
    if name in NEWCOMERS:
        return f"{module.key}.{NEWCOMERS[name]}", NEW[module.key]
    if name == "new2":
        return f"{module.key}.record", NEW[module.key] + 1
    if name in SHARED_NEWCOMERS:
        return SHARED_NEWCOMERS[name], NEW[module.key]
    return world.place(module)[name]


def tables_of(module: Module) -> dict[str, object]:
    key = module.key
    return {
        "module": key,
        "records": f'"{key}_record"',
        "batches": f'"{key}_batch"',
        "databases": f'"{key}_database"',
        "requests": f'"{key}_request"',
        "events": f'"{key}_recordevent"',
        "reservations": '"reservations_reservation"',
        "conflicts": '"distribution_conflict"',
        "lines": '"distribution_outcomeline"',
        "uploads": '"distribution_upload"',
        "notices": '"notices_notice"',
        "new": NEW[module.key],
    }


@contextmanager
def silenced(triggers: str) -> Iterator[None]:
    if triggers == OFF:
        run("SET LOCAL session_replication_role = replica")
        yield
        run("SET LOCAL session_replication_role = origin")
        return
    [(before,)] = ask("SELECT coalesce(current_setting('pgtrigger.ignore', true), '')")
    if triggers == GUARDS_OFF:
        names = [
            name
            for model, trigger in pgtrigger.registered()
            if trigger.name in REFUSE
            for name in (trigger.get_pgid(model), f"{model._meta.db_table}:{trigger.get_pgid(model)}")
        ]
        ask("SELECT set_config('pgtrigger.ignore', %s, true)", "{" + ",".join(names) + "}")
    yield
    ask("SELECT set_config('pgtrigger.ignore', %s, true)", before)


def drop(module: Module, name: str) -> str:
    """Drops it; the model of its table."""
    kind, _, where = name.rpartition(":")
    if kind:
        table, _, column = where.rpartition(".")
        table = table.format(module=module.key) or f"{module.key}_record"
        if kind == "null":
            run(f'ALTER TABLE "{table}" ALTER "{column}" DROP NOT NULL')
        else:
            _drop_foreign_key(table, column)
        return table.replace("_", ".", 1)
    shared = name.startswith(("reservation_", "conflict_", "upload_", "notice_"))
    full = name if shared else f"{module.key}_{name}"
    [(table, is_constraint)] = ask(
        "SELECT conrelid::regclass::text, true FROM pg_constraint"
        " WHERE conname = %s AND connamespace = 'public'::regnamespace"
        " UNION ALL SELECT indrelid::regclass::text, false FROM pg_index WHERE indexrelid = to_regclass(%s)"
        " LIMIT 1",
        full,
        full,
    )
    run(f'ALTER TABLE "{table}" DROP CONSTRAINT "{full}" CASCADE' if is_constraint else f'DROP INDEX "{full}"')
    return table.replace("_", ".", 1)


def _drop_foreign_key(table: str, column: str) -> None:
    found = ask(
        "SELECT c.conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid"
        " AND c.conkey = ARRAY[a.attnum] WHERE c.contype = 'f' AND c.conrelid = %s::regclass AND a.attname = %s",
        table,
        column,
    )
    for (constraint,) in found:
        run(f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint}"')
