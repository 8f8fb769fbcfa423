"""What a check is, and how it asks.

A check is what must hold, said to a person. A *look* is one query that selects the rows that break one or several
checks, so that what is read together is read once. It selects the columns of COLUMNS. Nothing here writes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import IntegerField, Model
from django.utils.functional import Promise

from crm.registry import Module, modules

Text = str | Promise

COLUMNS = ("code", "object", "object_id", "field", "expected", "actual", "hint")
"""`object` is the model (`memberwd.record`), `hint` which of the check's reasons it is."""

Row = tuple[str, str, int, str, str, str, str]
"""One violation: the values of COLUMNS."""

ERROR, WARNING = "error", "warning"

SHARED = ""
"""Stands for the key of a module where it is about what the modules share: people, products, reservations."""


def in_modules(module: Module | None) -> bool:
    return module is not None


def shared(module: Module | None) -> bool:
    return module is None


def everywhere(_module: Module | None) -> bool:
    return True


@dataclass(frozen=True)
class Check:
    """What must hold. `applies` says in which modules; None stands for what they share.

    `reasons` say of a violation what is wrong, by its hint; they may name its `object`, `field`, and what was
    `expected` there and what is there, `actual`. Repair mends it, but for the hints in `decisions`: these need an
    admin, and so does what it finds that it cannot mend.
    """

    code: str
    title: Text
    sentence: Text
    reasons: Mapping[str, Text]
    severity: str = ERROR
    applies: Callable[[Module | None], bool] = in_modules
    decisions: Collection[str] = ()

    def reason(self, violation: Any, name: str) -> str:
        """Of a violation with the attributes hint, field, expected and actual; `name` is what its row is called."""
        values = {each: getattr(violation, each) for each in ("field", "expected", "actual")}
        return str(self.reasons[violation.hint]) % {"object": name, **values}

    def scopes(self) -> list[str]:
        """The keys of the modules that it applies to, and SHARED if it is about what they share."""
        return [key_of(module) for module in modules_and_shared() if self.applies(module)]


@dataclass(frozen=True)
class Look:
    """One query for the violations of `codes` in one module, in what the modules share, or (SHARED, too) in all of
    them at once.

    It is SQL; or a function that yields the rows, where PostgreSQL alone cannot know. It may yield many. `of` gives the
    look that asks some of its checks, where that is less to ask.
    """

    codes: tuple[str, ...]
    module: Module | None
    sql: str = ""
    rows: Callable[[], Iterable[Row]] | None = None
    of: Callable[[Collection[str]], "Look"] | None = None

    @property
    def scope(self) -> str:
        return key_of(self.module)


def modules_and_shared() -> Iterator[Module | None]:
    """Each module, and None, which stands for what they share."""
    yield from modules()
    yield None


def key_of(module: Module | None) -> str:
    return module.key if module else SHARED


@dataclass(frozen=True)
class RowRule:
    """What a single row can break: all rules of a table are asked in one pass over it.

    In the SQL of `when`, `condition`, `expected` and `actual` the row is `r`; it breaks the rule where both hold. Rules
    of the same `when` are asked only there. One that compares the row with those of a table as large as its own is
    asked `alone`: the others may be asked by several processes at once.
    """

    code: str
    field: str
    condition: str
    actual: str
    expected: str = "''"
    hint: str = ""
    when: str = "true"
    alone: bool = False


def looks_at_rows(model: type[Model], rules: Iterable[RowRule], module: Module | None) -> Iterator[Look]:
    """All these rules in one pass over the table, but for those that are asked alone."""
    rules = list(rules)
    yield _look_at_rows(model, [rule for rule in rules if not rule.alone], module)
    for rule in rules:
        if rule.alone:
            yield _look_at_rows(model, [rule], module)


def _look_at_rows(model: type[Model], rules: Sequence[RowRule], module: Module | None) -> Look:
    values = ",\n".join(
        f"({literal(rule.code)}, {literal(rule.field)}, ({rule.expected})::text, ({rule.actual})::text,"
        f" {literal(rule.hint)}, ({rule.when}) AND ({rule.condition}))"
        for rule in rules
    )
    together: dict[str, list[str]] = {}
    for rule in rules:
        together.setdefault(rule.when, []).append(f"({rule.condition})")
    any_of_them = " OR ".join(f"({when}) AND ({' OR '.join(broken)})" for when, broken in together.items())
    sql = f"""
        SELECT x.x_code, {literal(model._meta.label_lower)}, r."{model._meta.pk.column}", x.x_field,
               coalesce(x.x_expected, ''), coalesce(left(x.x_actual, 200), ''), x.x_hint
        FROM (
            -- What breaks none is passed over before anything is said of it, and by several processes at once.
            SELECT r.* FROM "{model._meta.db_table}" r WHERE {rarely(any_of_them)} OFFSET 0
        ) r CROSS JOIN LATERAL (VALUES {values}) AS x (x_code, x_field, x_expected, x_actual, x_hint, x_broken)
        WHERE x.x_broken
    """

    def of(codes: Collection[str]) -> Look:
        return _look_at_rows(model, [rule for rule in rules if rule.code in codes], module)

    return Look(tuple(dict.fromkeys(rule.code for rule in rules)), module, sql, of=of)


def rarely(condition: str) -> str:
    """The condition, in SQL, so that PostgreSQL expects few rows to meet it: it shares the search for few among several
    processes, and does not where it takes nearly all for suspect.
    """
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END = 1"


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def names_of(module: Module) -> dict[str, str]:
    """What the SQL of a look calls the module's tables, their models and the module itself."""
    models = {"record": module.Record, "batch": module.Batch, "database": module.Database}
    tables = {
        "records": module.Record,
        "batches": module.Batch,
        "databases": module.Database,
        "events": module.Record.pgh_event_model,
        "batch_events": module.Batch.pgh_event_model,
    }
    if module.policy.asking:
        models["request"] = tables["requests"] = module.Request
    return {
        **{name: literal(model._meta.label_lower) for name, model in models.items()},
        **{name: f'"{model._meta.db_table}"' for name, model in tables.items()},
        "module": literal(module.key),
    }


def our_models() -> Iterator[type[Model]]:
    """The models of this project whose rows have a number, without those of the history's events."""
    ours = {module.key for module in modules()}
    for model in apps.get_models():
        package = model.__module__.split(".")[0]
        is_ours = (package == "crm" or package in ours) and not hasattr(model, "pgh_tracked_model")
        if is_ours and isinstance(model._meta.pk, IntegerField):
            yield model


def module_of_model(model: type[Model]) -> Module | None:
    """The module that the model's table belongs to; None for what they share."""
    return next((module for module in modules() if module.key == model._meta.app_label), None)
