"""What a check is, and how it asks.

A check is what must hold, said to a person. A *look* is one query that selects the rows that break one or several
checks, so that what is read together is read once. It selects the columns of COLUMNS. Nothing here writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from crm.registry import Module, modules

Text = str | Promise

COLUMNS = ("code", "object", "object_id", "field", "expected", "actual", "hint")
"""`object` is the model (`memberwd.record`), `hint` which of the check's reasons it is."""

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Check:
    """What must hold.

    `reasons` say of a violation what is wrong, by its hint; they may name its `object`, `field`, and what was
    `expected` there and what is there, `actual`.
    """

    code: str
    title: Text
    sentence: Text
    reasons: Mapping[str, Text]
    severity: str = ERROR
    applies: Callable[[Module], bool] = field(default=lambda module: True)

    def reason(self, violation: Any, name: str) -> str:
        """Of a violation with the attributes hint, field, expected and actual; `name` is what its row is called."""
        values = {each: getattr(violation, each) for each in ("field", "expected", "actual")}
        return str(self.reasons[violation.hint]) % {"object": name, **values}

    def scopes(self) -> list[str]:
        """The keys of the modules that it applies to."""
        return [module.key for module in modules() if self.applies(module)]


@dataclass(frozen=True)
class Look:
    """One query for the violations of `codes` in one module."""

    codes: tuple[str, ...]
    module: Module
    sql: str


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def names_of(module: Module) -> dict[str, str]:
    """What the SQL of a look calls the module's tables, and their models."""
    models = {"record": module.Record, "batch": module.Batch, "database": module.Database}
    tables = {"records": module.Record, "batches": module.Batch, "databases": module.Database}
    return {
        **{name: literal(model._meta.label_lower) for name, model in models.items()},
        **{name: f'"{model._meta.db_table}"' for name, model in tables.items()},
    }
