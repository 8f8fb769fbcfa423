"""Putting guards back as they are declared, and, to undo that, as they were."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.apps import apps
from django.db import (
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
    connection,
    transaction,
)
from django.utils.translation import gettext as _

from crm.errors import Refused
from integrity.guards.catalogue import guarded_models, read, triggers_of
from integrity.guards.comparison import ON, RESTORE_ORDER, Fault, Guard, fault_of, guards, live_items
from integrity.guards.items import HAVE_INDEX, NOT_VALID, Item, creation, declared_creation, quoted, removal

SWITCH = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
HOLDS_OTHERS = ("unique", "primary key", "generated")
"""Kinds that something else may hang on: foreign keys on a unique constraint, indexes on a column."""


class Blocked(Refused):
    """The guard cannot be put back, and nothing was changed. `reason` is for the user: what stands in the way."""

    def __init__(self, guard: Guard, reason: str) -> None:
        super().__init__(reason)
        self.guard = guard
        self.reason = reason


def restore(fault: Fault) -> None:
    """Makes the guard what it is declared to be; nothing happens if it is that already.

    All rows are looked at: a constraint that one of them breaks raises `Blocked`, and the transaction goes on. The
    table is locked until the end of the transaction. What PostgreSQL has to drop on the way (the constraints, indexes
    and triggers on a generated column, the foreign keys to a unique constraint) is put back as it was in the same
    call, be it right or wrong; what was missing on top of that is a fault of its own.
    """
    guard = fault.guard
    if not fault.repairable:
        raise Blocked(guard, _("Nobody declares it, so nobody knows what it should be."))
    with _changing(guard):
        now = live_items(guard)
        left = fault_of(guard, now)
        if left is None:
            return
        if guard.kind == "trigger":
            model: Any = guard.model
            trigger = triggers_of(model)[guard.item.name]
            (trigger.enable if left.state == "disabled" else trigger.install)(model)
        elif left.state == "not validated":
            _validate(next(item for item in now if not item.valid))
        else:
            _replace(now, [guard.item])
        if fault_of(guard, live_items(guard)):
            raise Blocked(guard, _("It is still not as declared after it was put back."))


def before_image(fault: Fault) -> dict[str, Any]:
    """All that is needed to put back what is there now, as JSON. To be asked for before `restore`.

    Of a generated column that is now a plain one, the values that the expression would not give are part of it.
    """
    guard = fault.guard
    now = live_items(guard)
    return {
        "model": guard.model._meta.label_lower,
        "kind": guard.kind,
        "name": guard.name,
        "was": [asdict(item) for item in now],
        "functions": _functions(guard) if guard.kind == "trigger" and fault.state != "disabled" else {},
        "plain": _plain_column(guard) if guard.kind == "generated" and not now else None,
    }


def put_back(image: dict[str, Any]) -> None:
    """Undoes a `restore`: the guard is missing, off, not validated or different again, as the image says.

    Raises `Blocked` if it has been changed since it was restored, or where PostgreSQL refuses, and `Refused` if it is
    no longer declared.
    """
    was = [Item(**{**item, "columns": tuple(item["columns"])}) for item in image["was"]]
    if image.get("state") == "undeclared":
        guard = Guard(apps.get_model(image["model"]), image["kind"], image["name"], "", was[0])
        with _changing(guard):
            for item in was:
                _create(item)
        return
    guard = _guard(image)
    with _changing(guard):
        now = live_items(guard)
        if now == was and not image["plain"]:
            return
        if fault_of(guard, now):
            raise Blocked(guard, _("It has been changed since."))
        if image["plain"]:
            _make_plain(guard, image["plain"])
        else:
            _replace(now, was)
        for name, definition in image["functions"].items():
            _run(definition or f"DROP FUNCTION {name}")


def remove(fault: Fault) -> None:
    """Drops what nobody has declared. `put_back` makes it anew."""
    with _changing(fault.guard):
        for item in live_items(fault.guard):
            _run(removal(item))


def _guard(image: dict[str, Any]) -> Guard:
    key = (image["model"], image["kind"], image["name"])
    for guard in guards():
        if (guard.model._meta.label_lower, guard.kind, guard.name) == key:
            return guard
    raise Refused(_("“%(name)s” is no longer declared.") % {"name": key[2]})


@contextmanager
def _changing(guard: Guard) -> Iterator[None]:
    """All or nothing, in a savepoint if there is a transaction. A lock that is not to be had is an OperationalError."""
    try:
        with transaction.atomic():
            # A table is not altered while rows of it wait to be checked at the commit. Later ones may wait again.
            _run("SET CONSTRAINTS ALL IMMEDIATE")
            yield
            _run("SET CONSTRAINTS ALL DEFERRED")
    except (IntegrityError, DataError, InternalError, NotSupportedError, ProgrammingError) as error:
        raise Blocked(guard, str(error).strip()) from error


def _replace(now: list[Item], then: list[Item]) -> None:
    """Drops what is there and is not to be, and makes what is to be there and is not."""
    if [item.definition for item in now] == [item.definition for item in then] and all(map(_is_on, now)):
        for item in then:
            _switch(item)
        return
    gone = [item for item in now if item not in then]
    if then and then[0].kind == "generated":
        gone = then  # a plain column may be in its place
    before = _read_all() if any(item.kind in HOLDS_OTHERS for item in gone) else []
    views = _views()
    for item in gone:
        if item.kind != "function" or not then:  # otherwise it is replaced
            _run(removal(item, "CASCADE" if then else "RESTRICT"))
    for item in then:
        if item not in now or item in gone:
            _create(item)
    if views != _views():
        raise NotSupportedError(_("A view that somebody has made would be lost."))
    if before and then:
        _create_lost(before, gone)


def _is_on(item: Item) -> bool:
    return all(state in ON for state in item.switches.values())


def _create_lost(before: list[Item], gone: list[Item]) -> None:
    """Makes anew what was dropped along with something else."""
    there = {_key(item) for item in [*_read_all(), *gone]}
    made = [item for item in before if item.kind in RESTORE_ORDER and item.kind not in ("default", "generated")]
    lost = [item for item in made if _key(item) not in there]
    for item in sorted(lost, key=lambda item: RESTORE_ORDER.index(item.kind)):
        _create(item)


def _read_all() -> list[Item]:
    return read(model._meta.db_table for model in guarded_models())


def _key(item: Item) -> tuple[str, str, str]:
    return item.table, item.kind, item.name


def _create(item: Item) -> None:
    declared = next((each for each in guards() if (each.item.table, each.item.name) == (item.table, item.name)), None)
    own = declared and declared.definition == item.full and declared_creation(declared.model, item)
    if own:
        # PostgreSQL's own words are not always understood as they were meant to be said.
        _run(own if item.kind in HAVE_INDEX or item.valid else own + NOT_VALID)
        for statement in creation(item)[1:]:
            _run(statement)
    else:
        for statement in creation(item):
            _run(statement)
    _switch(item)


def _switch(item: Item) -> None:
    """Switches the triggers by which it works on or off. PostgreSQL's own ask for a superuser."""
    if item.kind == "trigger":
        triggers = [(item.table, item.name, item.name)]
    elif _is_on(item):
        return
    else:
        triggers = _ask(
            "SELECT r.relname, t.tgname, p.proname FROM pg_constraint c JOIN pg_trigger t ON t.tgconstraint = c.oid"
            " JOIN pg_class r ON r.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE c.conrelid = %s::regclass AND c.conname = %s",
            quoted(item.table),
            item.name,
        )
    for table, name, switch in triggers:
        _run(f"ALTER TABLE {quoted(table)} {SWITCH[item.switches.get(switch, 'O')]} TRIGGER {quoted(name)}")


def _validate(item: Item) -> None:
    if item.kind in HAVE_INDEX:
        _run(f"REINDEX INDEX {quoted(item.name)}")
    else:
        name = item.note if item.kind == "not null" else item.name
        _run(f"ALTER TABLE {quoted(item.table)} VALIDATE CONSTRAINT {quoted(name)}")


def _functions(guard: Guard) -> dict[str, str | None]:
    """The functions that installing a trigger writes, as they are; None for one that is not there."""
    names = [guard.name, "_pgtrigger_should_ignore"]
    found = _ask(
        "SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc"
        " WHERE pronamespace = current_schema()::regnamespace AND proname = ANY(%s::text[])",
        names,
    )
    return {**dict.fromkeys(names), **dict(found)}


def _plain_column(guard: Guard) -> dict[str, Any] | None:
    """Of a plain column in the place of a generated one, the values that nothing would compute; None without one."""
    if not _ask(
        "SELECT FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
        quoted(guard.table),
        guard.name,
    ):
        return None
    expression = re.sub(r"^.*? GENERATED ALWAYS AS (.*) \w+$", r"\1", guard.definition, flags=re.DOTALL)
    key, column = quoted(str(guard.model._meta.pk.column)), quoted(guard.name)
    values = _ask(
        f"SELECT {key}::text, {column}::text FROM {quoted(guard.table)}"
        f" WHERE {column}::text IS DISTINCT FROM ({expression})::text ORDER BY {key}"
    )
    return {"values": [list(value) for value in values]}


def _make_plain(guard: Guard, plain: dict[str, Any]) -> None:
    table, key, column = quoted(guard.table), quoted(str(guard.model._meta.pk.column)), quoted(guard.name)
    _run(f"ALTER TABLE {table} ALTER COLUMN {column} DROP EXPRESSION")
    if plain["values"]:
        keys, values = zip(*plain["values"], strict=True)
        _run(
            f"UPDATE {table} SET {column} = v.value FROM unnest(%s::text[], %s::text[]) AS v(key, value)"
            f" WHERE {key}::text = v.key",
            list(keys),
            list(values),
        )


def _views() -> list[tuple]:
    return _ask(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm')"
    )


def _run(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)


def _ask(query: str, *params: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, params or None)
        return cursor.fetchall()
