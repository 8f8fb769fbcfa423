"""An action on 5,000 records asks the database as often as one on 50: its cost does not grow with the selection."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.accounts.models import User
from crm.distribution.assignment import assign_picked, recall_records, transfer_records
from crm.distribution.models import BaseDatabase, Validation
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.settings import change_settings
from crm.distribution.undo import undo
from crm.distribution.validation import (
    archive_invalid,
    purge_archived,
    replace_invalid,
    restore_archived,
    validate_records,
)
from crm.distribution.work import note_outcome
from crm.registry import Module, get_module, modules
from tests.distribution.sql import ask, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of

pytestmark = pytest.mark.django_db

PEOPLE = 3
"""Staff members who have the records, each in a batch of their own: of few records and of many, the same people."""


class Stage:
    """`count` records of one database with three staff members, and as many again in the pool."""

    def __init__(self, module: Module, count: int, team: list[User], admin: User) -> None:
        self.module = module
        self.count = count
        self.team = team
        self.admin = admin
        self.database: BaseDatabase = factories_of(module).database()
        run(
            f'INSERT INTO "{module.Record._meta.db_table}" (database_id, row_number, customer_id)'
            " SELECT %s, n, 'c' || n FROM generate_series(1, %s) AS n",
            *[self.database.pk, count * 2],
        )
        keys = list(self.database.records.order_by("pk").values_list("pk", flat=True)[:count])
        for number, person in enumerate(team):
            part = keys[number::PEOPLE]
            assign_picked(module=module, database=self.database, staff=person, record_ids=part, by=admin)
        self.ids = keys
        self.settle()

    def settle(self) -> None:
        """PostgreSQL looks at the tables by itself, but may do so before the test's rows are there, and take them
        for empty; then no plan is like one of a working system."""
        for model in (self.module.Record, self.module.Batch, apps.get_model(self.module.key, "RecordEvent")):
            run(f'ANALYZE "{model._meta.db_table}"')

    @property
    def records(self) -> RecordQuerySet:
        return self.module.Record.objects.with_ids(self.ids)

    def mark_invalid(self) -> None:
        for person in self.team:
            validate_records(records=self.records, by=person, validation=Validation.INVALID, reason="Wrong number")

    def archive(self) -> None:
        self.mark_invalid()
        archive_invalid(records=self.records, by=self.admin)


def ready(stage: Stage) -> None:
    """As it is."""


def replace_by_themselves(stage: Stage) -> None:
    change_settings(module=stage.module, by=stage.admin, auto_replace=True, most_replacements=10_000)


def invalid(stage: Stage) -> None:
    stage.mark_invalid()


def archived(stage: Stage) -> None:
    stage.archive()


def _validate(stage: Stage) -> Any:
    return [
        validate_records(records=stage.records, by=person, validation=Validation.INVALID, reason="Wrong number")
        for person in stage.team
    ]


def _undo_of(action: Callable[[Stage], Any]) -> tuple[Callable[[Stage], None], Callable[[Stage], Any]]:
    def before(stage: Stage) -> None:
        stage.undo = action(stage).undo  # type: ignore[attr-defined]

    return before, lambda stage: undo(key=stage.undo, by=stage.admin)  # type: ignore[attr-defined]


def _recall(stage: Stage) -> Any:
    return recall_records(records=stage.records, by=stage.admin)


def _replace(stage: Stage) -> Any:
    stage.mark_invalid()
    return replace_invalid(records=stage.records, by=stage.admin)


def _transfer(stage: Stage) -> Any:
    return transfer_records(records=stage.records, to=stage.other, by=stage.admin)  # type: ignore[attr-defined]


# What is done before, the action, and of how many records it says that it did it, given how many were chosen.
ACTIONS: dict[str, tuple[Callable[[Stage], None], Callable[[Stage], Any], Callable[[Any], int]]] = {
    "note an outcome": (
        ready,
        lambda stage: [note_outcome(records=stage.records, by=each, response="yes") for each in stage.team],
        lambda done: sum(each.count for each in done),
    ),
    "validate": (ready, _validate, lambda done: sum(each.count for each in done)),
    "validate and replace at once": (
        replace_by_themselves,
        _validate,
        lambda done: sum(each.replacement.replaced for each in done),
    ),
    "replace": (
        invalid,
        lambda stage: replace_invalid(records=stage.records, by=stage.admin),
        lambda done: done.replaced,
    ),
    "archive": (invalid, lambda stage: archive_invalid(records=stage.records, by=stage.admin), lambda done: done.count),
    "restore": (archived, lambda stage: restore_archived(records=stage.records, by=stage.admin), lambda done: done),
    "purge": (archived, lambda stage: purge_archived(records=stage.records, by=stage.admin), lambda done: done),
    "recall": (ready, _recall, lambda done: done.count),
    "transfer": (ready, _transfer, lambda done: done.count),
    "undo a recall": (*_undo_of(_recall), lambda done: done.count),
    "undo a transfer": (*_undo_of(_transfer), lambda done: done.count),
    "undo a replacement": (*_undo_of(_replace), lambda done: done.count // 2),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_the_number_of_queries_does_not_grow_with_the_selection(admin, name):
    before, action, done_of = ACTIONS[name]
    team = [UserFactory() for _ in range(PEOPLE)]
    other = UserFactory()
    queries = {}
    for count in (50, 1500):
        stage = Stage(get_module("memberwd"), count, team, admin)
        stage.other = other
        before(stage)
        stage.settle()
        with CaptureQueriesContext(connection) as captured:
            done = action(stage)
        assert done_of(done) == count
        queries[count] = len(captured)
    assert queries[1500] == queries[50]


def test_a_trigger_that_compares_old_and_new_rows_is_planned_for_each_statement():
    """PL/pgSQL plans a plain statement once for a connection: for one row, and then for thousands the same way."""
    for module in modules():
        bodies = ask(
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE tgrelid = %s::regclass AND tgoldtable IS NOT NULL AND tgnewtable IS NOT NULL",
            module.Record._meta.db_table,
        )
        assert len(bodies) == 3
        for name, body in bodies:
            assert "EXECUTE $" in body, name


def test_triggers_learn_without_an_exception_that_nobody_ignores_them():
    """One for each row of an import would make it quadratic."""
    assert ask("SELECT current_setting('pgtrigger.ignore')") == [("{}",)]
