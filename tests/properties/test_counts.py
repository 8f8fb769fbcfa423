"""Whatever sequence of statements runs, the stored counts stay true."""

from dataclasses import dataclass

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.distribution.sql import Witness, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of
from tests.factories.records import RequestFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db

UNWORKED = (
    "reach = '', response = '', responded_at = NULL, note = '', follow_up_on = NULL, worked_at = NULL,"
    " validation = '', validation_reason = '', validated_at = NULL, validated_by_id = NULL, replaces_id = NULL"
)
UNTAKEN = "is_reservation_conflict = false, reservation_id = NULL"
ANY = "(SELECT min(id) FROM reservations_reservation)"
TAKEN = f"is_reservation_conflict = false, reservation_id = {ANY}"
FREE = (
    "assignee_id = NULL, batch_id = NULL, assigned_at = NULL, assigned_by_id = NULL, invalid_reason = '',"
    f" {UNTAKEN}, archived_at = NULL, archived_by_id = NULL, archive_reason = '', {UNWORKED}"
)
IN_USE = "archived_at = NULL, archived_by_id = NULL, archive_reason = ''"

# What may be done to any rows that meet the condition. {b} is a batch, {s} its staff member, {d} its database;
# {held} and {freed} are about requests, in the module that has them.
CHANGES = {
    "available": (f"status = 'available', {FREE}{{freed}}", "true"),
    "reserved": (f"status = 'reserved', {FREE}{{freed}}".replace(UNTAKEN, TAKEN), "true"),
    "requested": (f"{{held}}, {FREE}".replace(f" {UNTAKEN},", ""), "true"),
    "give": (
        "status = 'assigned', batch_id = {b}, assignee_id = {s}, assigned_by_id = {s}, assigned_at = now(),"
        f" {UNTAKEN}, {IN_USE}{{freed}}",
        "database_id = {d}",
    ),
    "work": ("reach = 'reachable', note = 'called', worked_at = now()", "status = 'assigned'"),
    "judge": (
        "validation = 'invalid', validation_reason = 'x', validated_at = now(), validated_by_id = assignee_id,"
        " worked_at = now()",
        "status = 'assigned'",
    ),
    "archive": (
        f"status = 'archived', archived_at = now(), archived_by_id = assignee_id, archive_reason = 'x', {UNTAKEN}",
        "batch_id IS NOT NULL",
    ),
    "unarchive": (f"status = 'assigned', {IN_USE}", "status = 'archived'"),
    "flag": (f"is_reservation_conflict = true, invalid_reason = 'x', reservation_id = {ANY}", "status = 'assigned'"),
    "unflag": (f"{UNTAKEN}, invalid_reason = ''", "status = 'assigned'"),
    "spoil": (f"status = 'invalid', {UNTAKEN}, {IN_USE}{{freed}}", "true"),
    "mend": ("status = 'assigned'", "status = 'invalid' AND batch_id IS NOT NULL"),
    "nothing": ("phone_key = '+628123456789'", "true"),
}

ROWS = st.one_of(
    st.just("true"),
    st.builds("row_number %% {} = {}".format, st.integers(2, 4), st.integers(0, 1)),
    st.builds(
        "row_number IN ({})".format,
        st.lists(st.integers(1, 16), min_size=1, max_size=6).map(str).map(lambda ids: ids[1:-1]),
    ),
    st.builds("status = '{}'".format, st.sampled_from(["available", "assigned", "archived", "invalid", "reserved"])),
)


@dataclass(frozen=True)
class Statement:
    """One statement of raw SQL; `batch` is an index. It is rolled back when `kept` is false."""

    what: str
    rows: str
    batch: int
    kept: bool


STATEMENTS = st.builds(
    Statement,
    st.sampled_from([*CHANGES, "delete", "insert", "insert assigned", "swap"]),
    ROWS,
    st.integers(0, 3),
    st.sampled_from([True, True, True, False]),
)


def pool(table: str, database: int, first: int, count: int) -> str:
    return f"""
        INSERT INTO "{table}" (database_id, row_number, customer_id)
        SELECT {database}, n, 'row ' || n FROM generate_series({first}, {first + count - 1}) AS n
    """


def sql_of(statement: Statement, table: str, batches: list, first_row: int, *, requests: bool) -> str:
    batch, other = batches[statement.batch], batches[(statement.batch + 1) % 4]
    names = {
        "b": batch.pk,
        "s": batch.staff_id,
        "d": batch.database_id,
        "held": f"status = 'reserved', {TAKEN}",
        "freed": "",
    }
    if requests:
        own = f'(SELECT id FROM records_request q WHERE q.database_id = "{table}".database_id)'
        names |= {"held": f"status = 'requested', {UNTAKEN}, request_id = {own}", "freed": ", request_id = NULL"}
    if statement.what == "delete":
        return f'DELETE FROM "{table}" WHERE {statement.rows}'
    if statement.what.startswith("insert"):
        assigned = f"'assigned', {batch.pk}, {batch.staff_id}, {batch.staff_id}, now()"
        values = assigned if statement.what == "insert assigned" else "'available', NULL, NULL, NULL, NULL"
        return f"""
            INSERT INTO "{table}" (database_id, row_number, customer_id, status, batch_id, assignee_id, assigned_by_id,
                                   assigned_at)
            SELECT {batch.database_id}, n, 'row ' || n, {values}
            FROM generate_series({first_row}, {first_row + 2}) AS n
        """
    if statement.what == "swap":
        if batch.database_id != other.database_id:
            other = batch
        return f"""
            UPDATE "{table}" SET
                batch_id = CASE batch_id WHEN {batch.pk} THEN {other.pk} ELSE {batch.pk} END,
                assignee_id = CASE batch_id WHEN {batch.pk} THEN {other.staff_id} ELSE {batch.staff_id} END
            WHERE batch_id IN ({batch.pk}, {other.pk}) AND {statement.rows}
        """
    change, condition = CHANGES[statement.what]
    return f'UPDATE "{table}" SET {change} WHERE ({condition}) AND {statement.rows}'.format(**names)


@given(statements=st.lists(STATEMENTS, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stored_counts_are_true_after_any_sequence_of_statements(module, statements):
    make, table = factories_of(module), module.Record._meta.db_table
    with transaction.atomic():
        people = UserFactory.create_batch(2)
        databases = make.database.create_batch(2)
        ReservationFactory()
        batches = [make.batch(database=database, staff=person) for database in databases for person in people]
        requests = [RequestFactory(database=database) for database in databases if module.policy.staff_request]
        for first, database in zip((1, 9), databases, strict=True):
            run(pool(table, database.pk, first, 8))
        witness = Witness(module)
        for number, statement in enumerate(statements):
            sql = sql_of(statement, table, batches, first_row=100_000 + 10 * number, requests=bool(requests))
            with transaction.atomic():
                run(sql)
                transaction.set_rollback(not statement.kept)
            witness.look_and_check()
        transaction.set_rollback(True)
