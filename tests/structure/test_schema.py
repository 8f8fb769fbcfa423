"""The live catalogue of PostgreSQL has what the models say, in every module."""

import importlib
import pkgutil
import re

import pgtrigger
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from factory.django import DjangoModelFactory

import tests.factories
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord, Submission
from crm.registry import modules
from crm.reservations.models import Reservation, ReservationSettings
from tests.distribution.sql import ask, refused, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import ModuleSettingsFactory, factories_of
from tests.factories.products import ProductFactory
from tests.factories.records import RequestFactory
from tests.factories.reservations import ReservationFactory, ReservationSettingsFactory

OURS = ("crm", "records", "bonanza", "memberwd", "integrity")
ALL_MODELS = [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]
EVENTS = [model for model in ALL_MODELS if hasattr(model, "pgh_obj")]
MODELS = [model for model in ALL_MODELS if model not in EVENTS]
BASES = {"Database": BaseDatabase, "Batch": BaseBatch, "Record": BaseRecord}

WITHOUT_CONSTRAINTS = {Submission: "its primary key is its rule: a token takes effect once"}


def name_of(model: type[Model]) -> str:
    return model._meta.label


def factories() -> set[type[Model]]:
    """The models for which there is a factory."""
    found = set()
    for info in pkgutil.iter_modules(tests.factories.__path__):
        for thing in vars(importlib.import_module(f"tests.factories.{info.name}")).values():
            if isinstance(thing, type) and issubclass(thing, DjangoModelFactory) and thing._meta.model:
                found.add(thing._meta.model)
    for module in modules():
        made = factories_of(module)
        found |= {made.database._meta.model, made.batch._meta.model, made.record._meta.model}
    return found


def test_every_model_has_a_factory():
    assert set(MODELS) <= factories()


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_model_has_a_named_constraint(model):
    assert bool(model._meta.constraints) != (model in WITHOUT_CONSTRAINTS)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
@pytest.mark.django_db
def test_every_constraint_is_live_valid_and_says_what_the_model_says(model):
    table = model._meta.db_table
    copy = like(table)
    for constraint in model._meta.constraints:
        live = definition(table, constraint.name)
        assert live, f"{constraint.name} is not in PostgreSQL"
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            sql = str(constraint.create_sql(model, editor))
        run(escaped(sql.replace(f'"{table}"', f'"{copy}"', 1).replace(f" ON {table}", f" ON {copy}")))
        assert live == definition(copy, constraint.name), constraint.name


@pytest.mark.parametrize("model", ALL_MODELS, ids=name_of)
@pytest.mark.django_db
def test_every_index_is_live_and_valid_and_says_what_the_model_says(model):
    table = model._meta.db_table
    copy = like(table)
    for index in model._meta.indexes:
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            sql = str(index.create_sql(model, editor))
        run(escaped(sql.replace(f'"{table}"', f'"{copy}"')))
        live = index_definition(table, index.name)
        assert live, f"{index.name} is not in PostgreSQL"
        assert live == index_definition(copy, index.name)


def escaped(sql: str) -> str:
    return sql.replace("%", "%%")


def like(table: str) -> str:
    """An empty table with the same columns, in a schema of its own, until the test's transaction is rolled back."""
    run("CREATE SCHEMA copies; SET LOCAL search_path TO copies, public")
    run(f'CREATE TABLE "like_{table}" (LIKE "{table}" INCLUDING GENERATED INCLUDING DEFAULTS)')
    return f"like_{table}"


def definition(table: str, name: str) -> str:
    """Of a valid and enforced constraint, or of the unique index that one with a condition or an expression is."""
    found = ask(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s"
        " AND convalidated",
        *[f'"{table}"', name],
    )
    return found[0][0] if found else index_definition(table, name)


def index_definition(table: str, name: str) -> str:
    found = ask(
        "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass AND c.relname = %s AND i.indisvalid AND i.indisready",
        *[f'"{table}"', name],
    )
    return re.sub(r" ON \S+ ", " ON table ", found[0][0]) if found else ""


@pytest.mark.parametrize("model", ALL_MODELS, ids=name_of)
@pytest.mark.django_db
def test_every_trigger_is_live_enabled_and_has_the_body_that_the_model_says(model):
    table = model._meta.db_table
    live = {
        name: (enabled, body)
        for name, enabled, body in ask(
            "SELECT t.tgname, t.tgenabled, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal",
            f'"{table}"',
        )
    }
    declared = {trigger.get_pgid(model): trigger for owner, trigger in pgtrigger.registered() if owner == model}
    assert live.keys() == declared.keys()
    for pgid, trigger in declared.items():
        enabled, body = live[pgid]
        assert enabled == "O", f"{pgid} is disabled"
        assert plain(body) in plain(trigger.compile(model).install_sql), f"{pgid} does something else"


def plain(sql: str) -> str:
    return " ".join(sql.split())


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.every_module
@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.key)
def test_every_module_has_all_that_the_abstract_base_has(module, kind):
    base, model = BASES[kind], getattr(module, kind)
    assert base._meta.constraints
    for what in ("constraints", "indexes"):
        wanted = {each.name % {"app_label": module.key} for each in getattr(base._meta, what)}
        assert wanted <= {each.name for each in getattr(model._meta, what)}
    wanted = {trigger.name for trigger in base.Meta.triggers}
    assert wanted
    assert wanted <= {trigger.name for owner, trigger in pgtrigger.registered() if owner == model}


@pytest.mark.django_db
def test_the_comparison_notices_a_constraint_an_index_and_a_trigger_that_are_not_as_declared():
    module = next(modules())
    table = module.Record._meta.db_table
    status_known = f"{table}_status_known"
    run(f'ALTER TABLE "{table}" DROP CONSTRAINT {status_known}')
    run(f'ALTER TABLE "{table}" ADD CONSTRAINT {status_known} CHECK (status <> %s) NOT VALID', "")
    with pytest.raises(AssertionError, match="is not in PostgreSQL"):
        test_every_constraint_is_live_valid_and_says_what_the_model_says(module.Record)
    run(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT {status_known}')
    run("DROP SCHEMA copies CASCADE")
    with pytest.raises(AssertionError, match="status_known"):
        test_every_constraint_is_live_valid_and_says_what_the_model_says(module.Record)
    run(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
    with pytest.raises(AssertionError, match="is disabled"):
        test_every_trigger_is_live_enabled_and_has_the_body_that_the_model_says(module.Record)


@pytest.fixture
def history(staff):
    """Each tracked model has been changed once."""
    product = ProductFactory()
    for person in (staff, UserFactory()):
        person.name = "Other Name"
        person.save()
    product.name = "Other Name"
    product.save()
    for module in modules():
        make = factories_of(module)
        make.record(assigned=True)
        module.Record.objects.update(phone_key="+628123456789")
    RequestFactory()
    ModuleSettingsFactory()
    ReservationFactory()
    ReservationSettingsFactory()


def test_there_is_a_history_of_everything_that_is_tracked():
    tracked = {module.Record for module in modules()} | {module.Batch for module in modules()}
    tracked |= (
        {Reservation, ReservationSettings}
        | {module.Database for module in modules()}
        | {apps.get_model("accounts.User")}
    )
    assert tracked <= {event.pgh_tracked_model for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
@pytest.mark.usefixtures("history")
def test_history_is_append_only(event):
    table = event._meta.db_table
    assert ask(f'SELECT count(*) FROM "{table}"')[0][0] > 0
    with refused("(?i)cannot (update|delete)"):
        run(f"UPDATE \"{table}\" SET pgh_label = 'x'")
    with refused("(?i)cannot (update|delete)"):
        run(f'DELETE FROM "{table}"')
    if event._meta.app_label in {module.key for module in modules()}:
        with refused("TRUNCATE would bypass"):
            run(f'TRUNCATE "{table}"')


@pytest.mark.django_db
def test_the_models_have_no_change_that_no_migration_makes(capsys):
    call_command("makemigrations", "--check", "--dry-run")  # exits if there is one
    assert "No changes detected" in capsys.readouterr().out
