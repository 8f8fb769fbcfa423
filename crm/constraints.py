"""What PostgreSQL forbids and Django has no word for: foreign keys over several columns, and triggers that refuse."""

from collections.abc import Iterable, Sequence
from typing import Any

import pgtrigger
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Model
from django.db.models.constraints import BaseConstraint


class CompositeForeignKey(BaseConstraint):
    """A foreign key over several columns: `fields` of this model must equal `to_fields` of one row that `to` can name.

    `to` is a foreign key field of this model; its target must have a unique constraint over `to_fields`. As in
    SQL, a row with a null in any of `fields` is not checked. It is looked at with every statement, unless a transaction
    that mends several rows says that it be later. It lives in `Meta.constraints`, so that migrations
    and the check of the live catalogue see it like any other constraint.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        to: str,
        to_fields: Sequence[str],
        name: str,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.to = to
        self.to_fields = tuple(to_fields)
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )

    def definition(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        quote = schema_editor.quote_name
        target: Any = model._meta.get_field(self.to).related_model

        def columns(of: Any, names: tuple[str, ...]) -> str:
            return ", ".join(quote(of._meta.get_field(name).column) for name in names)

        return (
            f"FOREIGN KEY ({columns(model, self.fields)})"
            f" REFERENCES {quote(target._meta.db_table)} ({columns(target, self.to_fields)})"
            " DEFERRABLE INITIALLY IMMEDIATE"
        )

    # Each of these is called with a model and an editor; the stubs allow for None.

    def constraint_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        # The target table may be created later in the same migration.
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)}"
            f" {self.definition(model, schema_editor)}"
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """Nothing: forms do not edit these columns, and PostgreSQL checks every row."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompositeForeignKey):
            return self.deconstruct() == other.deconstruct()
        return NotImplemented  # nothing is left undone: it is Python's word for “ask the other one”

    __hash__ = BaseConstraint.__hash__

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs.update(fields=self.fields, to=self.to, to_fields=self.to_fields)
        return path, args, kwargs


def no_truncate() -> pgtrigger.Trigger:
    """TRUNCATE has no transition table: it would empty a table without a trace in the counts or the history."""
    return pgtrigger.Trigger(
        name="no_truncate",
        when=pgtrigger.Before,
        level=pgtrigger.Statement,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION 'TRUNCATE would bypass the counts and the history; use DELETE';",
    )


def refuse(message: str) -> str:
    """What a trigger does to a change that breaks its rule."""
    return f"RAISE EXCEPTION '%: {message}', TG_TABLE_NAME USING ERRCODE = 'check_violation';"


def differs(columns: Iterable[str]) -> str:
    """The condition that an update changes one of the columns."""
    return " OR ".join(f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in columns)


def final(name: str, *columns: str) -> pgtrigger.Trigger:
    """These columns keep what they were first given. It costs nothing to an update that does not set them."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        operation=pgtrigger.UpdateOf(*columns),
        condition=pgtrigger.Condition(differs(columns)),
        func=refuse(", ".join(columns) + " cannot be changed"),
    )
