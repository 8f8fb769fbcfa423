"""The guards that the models declare, and what is wrong with them in the live database."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Model

from integrity.guards.catalogue import expected, guarded_models, read, strangers
from integrity.guards.items import Item

STATES = ["missing", "different", "disabled", "not validated"]
RESTORE_ORDER = (
    "function",
    "trigger",
    "generated",
    "not null",
    "default",
    "primary key",
    "unique",
    "index",
    "check",
    "foreign key",
    "composite key",
)
"""The kinds that can be restored: what does not ask the rows first, what others refer to before those."""

BY_COLUMN = ("column", "not null", "default", "generated")
STRANGE = ("trigger", "rule", "row security")
"""What changes what is stored or read, wherever nobody has declared it."""

ON = ("O", "A")


@dataclass(frozen=True)
class Guard:
    """One rule that the models declare and PostgreSQL keeps.

    `name` is that of the constraint, the index or the trigger; of what Django gives a name to that nobody knows (a
    foreign key, a primary key) and of a rule on one column, the column's.
    """

    model: type[Model]
    kind: str
    name: str
    definition: str
    item: Item = field(compare=False, repr=False)
    """What is to be in the catalogue."""

    @property
    def table(self) -> str:
        return self.model._meta.db_table


@dataclass(frozen=True)
class Fault:
    """A guard that is not as declared. `actual` is what is there, in PostgreSQL's words; empty where nothing is."""

    guard: Guard
    state: str
    actual: str

    @property
    def expected(self) -> str:
        return self.guard.definition

    @property
    def repairable(self) -> bool:
        """It is declared, and of a kind that can be put back without touching the rows."""
        return self.state in STATES and self.guard.kind in RESTORE_ORDER


def faults(models: Iterable[type[Model]]) -> list[Fault]:
    """All that is wrong with the guards of these models. Reads only; never waits for a row.

    The functions that all triggers share are guards of `pghistory.models.Context`.
    """
    tables = {model._meta.db_table: model for model in models}
    live = by_identity(_live(tables), tables)
    declared = [guard for name in tables for guard in _guards_of(name)]
    found = [fault for guard in declared if (fault := fault_of(guard, live[identity(guard.item, guard.model)]))]
    known = {(guard.table, guard.name) for guard in declared}
    for items in live.values():
        for item in items:
            if item.kind in STRANGE and (item.table, item.name) not in known:
                guard = Guard(tables[item.table], item.kind, item.name, "", item)
                found.append(Fault(guard, "undeclared", item.definition))
    for name in strangers(tables):
        item = Item(name, "table", name, (), "")
        found.append(Fault(Guard(tables[name], "table", name, "", item), "shadowed", name))
    return found


_read: ContextVar[dict[str, list[Item]] | None] = ContextVar("what was read of the catalogue", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Within it, the catalogue is read once: for whoever asks several times and changes none of it."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def _live(tables: Iterable[str]) -> list[Item]:
    known = _read.get()
    if known is None:
        return read(tables)
    if not known:
        known |= {model._meta.db_table: [] for model in guarded_models()}
        for item in read(known):
            known[item.table].append(item)
    return [item for name in tables for item in known[name]]


def guards() -> tuple[Guard, ...]:
    """Everything that the models declare."""
    return _guards(connection.pg_version)  # type: ignore[attr-defined]


@functools.cache
def _guards(version: int) -> tuple[Guard, ...]:
    models = {model._meta.db_table: model for model in guarded_models()}
    return tuple(
        Guard(models[item.table], item.kind, _name(item, models[item.table]), item.definition, item)
        for item in expected()
    )


@functools.cache
def _guards_of(table: str) -> tuple[Guard, ...]:
    return tuple(guard for guard in guards() if guard.table == table)


def fault_of(guard: Guard, candidates: list[Item]) -> Fault | None:
    """What is wrong with the guard, if in its place is what was found in the catalogue.

    There may be several foreign keys of one column: if one of them is right, so is the guard.
    """
    if not candidates:
        return Fault(guard, "missing", "")
    states = {_state(guard.item, item): item for item in candidates}
    if None in states:
        return None
    nearest = max(states, key=lambda state: STATES.index(state or ""))
    return Fault(guard, str(nearest), states[nearest].definition)


def _state(declared: Item, item: Item) -> str | None:
    if shape(item.full) not in (shape(declared.full), shape(declared.as_dumped)):
        return "different"
    if any(item.switches.get(switch) not in ON for switch in declared.switches):
        return "disabled"
    return None if item.valid else "not validated"


@functools.lru_cache(maxsize=10_000)
def shape(definition: str) -> str:
    """The definition without what does not matter: an index' name."""
    return re.sub(r"^(CREATE (?:UNIQUE )?INDEX )(\"[^\"]+\"|\S+) ON", r"\1ON", definition)


def restore_order(found: Iterable[Fault]) -> list[Fault]:
    """Those that can be restored, so that each finds restored what it refers to."""
    return sorted(
        (fault for fault in found if fault.repairable), key=lambda fault: RESTORE_ORDER.index(fault.guard.kind)
    )


def live_items(guard: Guard) -> list[Item]:
    """What is now in the place of the guard."""
    return by_identity(read([guard.table]), {guard.table: guard.model})[identity(guard.item, guard.model)]


def by_identity(items: Iterable[Item], tables: Mapping[str, type[Model]]) -> dict[tuple, list[Item]]:
    found = defaultdict(list)
    for item in items:
        found[identity(item, tables[item.table])].append(item)
    return found


def identity(item: Item, model: type[Model]) -> tuple:
    """What tells which guard an entry of the catalogue is, whatever it says.

    What has a name in the models is found by it. The others have a name that Django or PostgreSQL made up, and that
    of an old table may be another: keys and checks are found by their columns, the rest by what they say.
    """
    if item.kind in ("trigger", "function", *BY_COLUMN):
        return item.table, item.kind, item.name
    if item.name in _names(model):
        return item.table, "", item.name
    if item.kind in ("check", "primary key", "foreign key", "composite key"):
        return item.table, item.kind, item.columns
    return item.table, item.kind, shape(item.full)


def _name(item: Item, model: type[Model]) -> str:
    by_columns = item.kind in ("primary key", "foreign key") and item.name not in _names(model)
    return ", ".join(item.columns) if by_columns else item.name


@functools.cache
def _names(model: type[Model]) -> frozenset[str]:
    return frozenset({each.name for each in [*model._meta.constraints, *model._meta.indexes]})
