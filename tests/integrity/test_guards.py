"""Every guard that the models declare is looked for in PostgreSQL's own catalogue: there, the same, on, validated."""

import pytest
from django.db import connection

from integrity.guards import guarded_models, guards
from integrity.models import Run
from integrity.runs import make_run, work_run
from tests.distribution.sql import ask, run

pytestmark = pytest.mark.django_db

RECORDS = "memberwd_record"
OUTCOME = f"{RECORDS}_outcome_known"
OWN_BATCH = f"{RECORDS}_in_own_batch"
KNOWN = "CHECK (reach IN ('', 'reachable', 'one_tick', 'unreachable') AND response IN ('', 'yes', 'no'))"

# What is done, and each guard that is named for it: of which table, by which name, and what is wrong with it.
DAMAGE = {
    "a check is dropped": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME}",
        {("memberwd.record", OUTCOME, "missing")},
    ),
    "a weaker one is there instead": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME};"
        f" ALTER TABLE {RECORDS} ADD CONSTRAINT {OUTCOME} CHECK (response <> 'perhaps')",
        {("memberwd.record", OUTCOME, "different")},
    ),
    "it was never held against the rows": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME};"
        f" ALTER TABLE {RECORDS} ADD CONSTRAINT {OUTCOME} {KNOWN} NOT VALID",
        {("memberwd.record", OUTCOME, "not validated")},
    ),
    "dropped and made again as it was": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME}; ALTER TABLE {RECORDS} ADD CONSTRAINT {OUTCOME} {KNOWN}",
        set(),
    ),
    "a foreign key over several columns is dropped": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OWN_BATCH}",
        {("memberwd.record", OWN_BATCH, "missing")},
    ),
    "it refers to less": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OWN_BATCH};"
        f" ALTER TABLE {RECORDS} ADD CONSTRAINT {OWN_BATCH} FOREIGN KEY (batch_id) REFERENCES memberwd_batch (id)",
        {("memberwd.record", OWN_BATCH, "different")},
    ),
    "it was added without looking at the rows": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OWN_BATCH};"
        f" ALTER TABLE {RECORDS} ADD CONSTRAINT {OWN_BATCH} FOREIGN KEY (batch_id, database_id, assignee_id)"
        " REFERENCES memberwd_batch (id, database_id, staff_id) DEFERRABLE NOT VALID",
        {("memberwd.record", OWN_BATCH, "not validated")},
    ),
    "a unique index is dropped": (
        f"DROP INDEX {RECORDS}_replaced_once",
        {("memberwd.record", f"{RECORDS}_replaced_once", "missing")},
    ),
    "a unique index is for fewer rows": (
        f"DROP INDEX {RECORDS}_replaced_once;"
        f" CREATE UNIQUE INDEX {RECORDS}_replaced_once ON {RECORDS} (replaces_id) WHERE replaces_id > 100",
        {("memberwd.record", f"{RECORDS}_replaced_once", "different")},
    ),
    "an index is not unique any more": (
        f"DROP INDEX {RECORDS}_replaced_once;"
        f" CREATE INDEX {RECORDS}_replaced_once ON {RECORDS} (replaces_id) WHERE replaces_id IS NOT NULL",
        {("memberwd.record", f"{RECORDS}_replaced_once", "different")},
    ),
    "an index was never finished": (
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{RECORDS}_replaced_once'::regclass",
        {("memberwd.record", f"{RECORDS}_replaced_once", "not validated")},
    ),
    "a unique constraint is dropped": (
        f"ALTER TABLE {RECORDS} DROP CONSTRAINT {RECORDS}_customer_once",
        {("memberwd.record", f"{RECORDS}_customer_once", "missing")},
    ),
    "a column may be empty": (
        f"ALTER TABLE {RECORDS} ALTER customer_id DROP NOT NULL",
        {("memberwd.record", "customer_id (not null)", "missing")},
    ),
    "a column has another default": (
        f"ALTER TABLE {RECORDS} ALTER status SET DEFAULT 'assigned'",
        {("memberwd.record", "status (default)", "different")},
    ),
    "a column is narrower": (
        f"ALTER TABLE {RECORDS} ALTER kept_note TYPE varchar(299)",
        {("memberwd.record", "kept_note (column)", "different")},
    ),
    "nobody numbers the rows": (
        f"ALTER TABLE {RECORDS} ALTER id DROP IDENTITY",
        {("memberwd.record", "id (column)", "different")},
    ),
    "a key is not worked out any more": (
        f"ALTER TABLE {RECORDS} ALTER customer_key DROP EXPRESSION",
        {("memberwd.record", "customer_key (generated)", "missing")},
    ),
    "a trigger is off": (
        f"ALTER TABLE {RECORDS} DISABLE TRIGGER {{count_updated}}",
        {("memberwd.record", "{count_updated}", "disabled")},
    ),
    "a trigger is for replicas alone": (
        f"ALTER TABLE {RECORDS} ENABLE REPLICA TRIGGER {{count_updated}}",
        {("memberwd.record", "{count_updated}", "disabled")},
    ),
    "a trigger is dropped": (
        f"DROP TRIGGER {{seal_imported}} ON {RECORDS}",
        {("memberwd.record", "{seal_imported}", "missing")},
    ),
    "a trigger does nothing": (
        "CREATE OR REPLACE FUNCTION {count_updated}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        {("memberwd.record", "{count_updated}", "different")},
    ),
    "the history can be rewritten": (
        "DROP TRIGGER {append_only} ON memberwd_recordevent",
        {("memberwd.recordevent", "{append_only}", "missing")},
    ),
    "a trigger that nobody has declared": (
        "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        f" CREATE TRIGGER mine BEFORE UPDATE ON {RECORDS} FOR EACH ROW EXECUTE FUNCTION mine()",
        {("memberwd.record", "mine", "undeclared")},
    ),
    "a rule that nobody has declared": (
        f"CREATE RULE mine AS ON DELETE TO {RECORDS} DO INSTEAD NOTHING",
        {("memberwd.record", "mine", "undeclared")},
    ),
    "rows are hidden": (
        f"ALTER TABLE {RECORDS} ENABLE ROW LEVEL SECURITY",
        {("memberwd.record", "row security", "undeclared")},
    ),
    "another table stands before it": (
        "CREATE SCHEMA before; CREATE TABLE before.memberwd_batch (id bigint); SET LOCAL search_path TO before, public",
        {("memberwd.batch", "memberwd_batch", "shadowed")},
    ),
    "every new session works without triggers": (
        "DO $$ BEGIN EXECUTE"
        " 'ALTER DATABASE ' || current_database() || ' SET session_replication_role = replica'; END $$",
        {("pghistory.context", "session_replication_role", "all")},
    ),
    "an empty schema stands before it": ("CREATE SCHEMA before; SET LOCAL search_path TO before, public", set()),
}


@pytest.fixture
def triggers() -> dict[str, str]:
    """Ours, by the name that the models have for them: of the records of Member WD, and of their history."""
    rows = ask("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", RECORDS)
    events = ask("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass", "memberwd_recordevent")
    return {name.removeprefix("pgtrigger_").rpartition("_")[0]: name for (name,) in rows + events}


def look() -> Run:
    return work_run(make_run(by=None, origin="command", codes=["guard_missing"]))


def named(found: Run) -> set[tuple[str, str, str]]:
    assert (found.state, found.error) == ("finished", "")
    return set(found.findings.values_list("object", "field", "hint"))


def test_nothing_is_missing(db):
    assert named(look()) == set()


@pytest.mark.parametrize("name", DAMAGE)
def test_exactly_what_was_done_is_named(triggers, name):
    sql, expected = DAMAGE[name]
    run(sql.format(**triggers) if "{" in sql else sql)
    assert named(look()) == {(table, guard.format(**triggers), state) for table, guard, state in expected}


def test_all_triggers_off(db):
    run(f"ALTER TABLE {RECORDS} DISABLE TRIGGER ALL")
    off = named(look())
    assert {(table, state) for table, _name, state in off} == {("memberwd.record", "disabled")}
    own = {guard.name for guard in guards() if guard.table == RECORDS and guard.kind == "trigger"}
    assert own < {name for _table, name, _state in off}
    assert OWN_BATCH in {name for _table, name, _state in off}, "PostgreSQL keeps foreign keys by triggers, too"


def test_after_a_dump_was_restored_nothing_is_missing(db):
    """PostgreSQL puts `IN (…)` into other words when it reads what it has said itself."""
    [(definition,)] = ask("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", OUTCOME)
    run(f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME}")
    run(f"ALTER TABLE {RECORDS} ADD CONSTRAINT {OUTCOME} {definition}".replace("%", "%%"))
    [(restored,)] = ask("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", OUTCOME)
    assert restored != definition
    assert named(look()) == set()


def test_every_table_of_ours_is_guarded(db):
    tables = {guard.table for guard in guards()}
    assert tables == {model._meta.db_table for model in guarded_models()}
    ours = ("accounts_", "products_", "notices_", "reservations_", "distribution_", "records_", "bonanza_", "memberwd_")
    assert {name for name in connection.introspection.table_names() if name.startswith(ours)} <= tables


def test_a_check_of_one_module_says_nothing_of_the_others(db):
    run("ALTER TABLE bonanza_record DROP CONSTRAINT bonanza_record_outcome_known")
    run(f"ALTER TABLE {RECORDS} DROP CONSTRAINT {OUTCOME}")
    found = work_run(make_run(by=None, origin="command", keys=["memberwd"], codes=["guard_missing"]))
    assert named(found) == {("memberwd.record", OUTCOME, "missing")}
