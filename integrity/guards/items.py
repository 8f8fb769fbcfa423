"""One entry of the catalogue, with the SQL that makes it and that drops it."""

from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Model

HAVE_INDEX = ("unique", "primary key", "index")
NOT_VALID = " NOT VALID"
"""What a definition ends with while rows, or the entries of an index, may be there that do not keep it."""


@dataclass(frozen=True)
class Item:
    """One entry of the catalogue. `name` is PostgreSQL's; of a rule on one column, the column's.

    The definition is complete: with the table, the kind and the name it is all that is needed to make the item anew.
    Of a trigger it is that of its function and its own. `switches` are the triggers by which it works (of a foreign
    key: PostgreSQL's own, by function) and whether they are on, as in `pg_trigger.tgenabled`.
    """

    table: str
    kind: str
    name: str
    columns: tuple[str, ...]
    definition: str
    switches: dict[str, str] = field(default_factory=dict)
    note: str = ""
    """Of a trigger, its comment; of a column that is not null, the name of the constraint (PostgreSQL 18)."""
    as_dumped: str = ""
    """Of what is declared, the definition as it reads after a dump of it was restored, if that is another."""

    @property
    def valid(self) -> bool:
        return not self.definition.endswith(NOT_VALID)

    @property
    def full(self) -> str:
        """The definition as it is once the rows have been looked at."""
        return self.definition.removesuffix(NOT_VALID)


def creation(item: Item) -> list[str]:
    """What makes it, valid or not as it is; on or off is another matter."""
    table, name = quoted(item.table), quoted(item.name)
    statements = [_creation(item, f"ALTER TABLE {table}", name)]
    if item.kind in HAVE_INDEX and not item.valid:
        statements.append(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {literal(name)}::regclass")
    if item.kind == "trigger" and item.note:
        statements.append(f"COMMENT ON TRIGGER {name} ON {table} IS {literal(item.note)}")
    return statements


def _creation(item: Item, alter_table: str, name: str) -> str:
    if item.kind == "default":
        return f"{alter_table} ALTER COLUMN {name} SET DEFAULT {item.definition}"
    if item.kind == "generated":
        return f"{alter_table} ADD COLUMN {name} {item.definition}"
    if item.kind == "not null" and item.note:
        suffix = "" if item.valid else NOT_VALID
        return f"{alter_table} ADD CONSTRAINT {quoted(item.note)} NOT NULL {name}{suffix}"
    if item.kind == "not null":
        return f"{alter_table} ALTER COLUMN {name} SET NOT NULL"
    if item.definition.startswith("CREATE"):
        return item.full
    return f"{alter_table} ADD CONSTRAINT {name} {item.full if item.kind in HAVE_INDEX else item.definition}"


def removal(item: Item, others: str = "RESTRICT") -> str:
    """What drops it. `others` is what becomes of that which hangs on it: CASCADE or RESTRICT."""
    table, name = quoted(item.table), quoted(item.name)
    if item.kind == "default":
        return f"ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT"
    if item.kind == "generated":
        return f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name} {others}"
    if item.kind == "not null":
        return f"ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL"
    if item.kind in ("trigger", "rule"):
        return f"DROP {item.kind.upper()} {name} ON {table}"
    if item.kind == "function":
        return f"DROP FUNCTION {name}"
    if item.definition.startswith("CREATE"):
        return f"DROP INDEX {name} {others}"
    return f"ALTER TABLE {table} DROP CONSTRAINT {name} {others}"


def declared_creation(model: type[Model], item: Item) -> str | None:
    """The statement of the migrations for a constraint or an index that has a name in the models."""
    for each in [*model._meta.constraints, *model._meta.indexes]:
        if each.name == item.name:
            with DatabaseSchemaEditor(connection, collect_sql=True, atomic=False) as editor:
                return str(each.create_sql(model, editor))
    return None


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def literal(text: str) -> str:
    operations: Any = connection.ops
    return operations.compose_sql("%s", [text])
