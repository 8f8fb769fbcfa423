"""Stored counts equal the rows, whoever writes and however."""

from dataclasses import dataclass

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.models import BaseBatch, BaseDatabase
from crm.figures import get_figure
from crm.registry import Module, get_module, modules
from tests.distribution.sql import Witness, ask, run
from tests.factories.distribution import factories_of, fill
from tests.factories.reservations import ReservationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.every_module]


@dataclass
class World:
    """Two databases, two staff members, three batches; ten records in the pool, seven with staff."""

    module: Module
    admin: User
    one: BaseDatabase
    two: BaseDatabase
    sari_one: BaseBatch
    tono_one: BaseBatch
    sari_two: BaseBatch

    @property
    def table(self) -> str:
        return f'"{self.module.Record._meta.db_table}"'

    def sql(self, statement: str, *params) -> int:
        return run(statement.replace("{r}", self.table), *params)

    def give(self, batch: BaseBatch, count: int) -> int:
        return self.sql(
            """
            UPDATE {r} SET status = 'assigned', batch_id = %s, assignee_id = %s, assigned_by_id = %s,
                           assigned_at = now()
            WHERE id IN (SELECT id FROM {r} WHERE database_id = %s AND status = 'available' ORDER BY id LIMIT %s)
            """,
            *[batch.pk, batch.staff_id, self.admin.pk, batch.database_id, count],
        )


@pytest.fixture
def reservation(db):
    return ReservationFactory()


@pytest.fixture
def world(module, admin, staff, other_staff, reservation) -> World:
    make = factories_of(module)
    one, two = make.database(), make.database()
    world = World(
        module,
        admin,
        one,
        two,
        make.batch(database=one, staff=staff),
        make.batch(database=one, staff=other_staff),
        make.batch(database=two, staff=staff),
    )
    fill(one, 10)
    fill(two, 7)
    world.give(world.sari_one, 3)
    world.give(world.tono_one, 2)
    world.give(world.sari_two, 2)
    return world


@pytest.fixture
def witness(world, module) -> Witness:
    """Begins with what `world` did, which was all arrivals."""
    witness = Witness(module)
    witness.check()
    return witness


FREE = "assignee_id = NULL, batch_id = NULL, assigned_at = NULL, assigned_by_id = NULL, invalid_reason = ''"
ANY = "(SELECT min(id) FROM reservations_reservation)"
ARCHIVE = "archived_at = now(), archived_by_id = assignee_id, archive_reason = 'x', is_reservation_conflict = false"

STATEMENTS = {
    "everything back to the pool, over databases and batches": (
        f"UPDATE {{r}} SET status = 'available', {FREE} WHERE status = 'assigned'"
    ),
    "half of them back": f"UPDATE {{r}} SET status = 'available', {FREE} WHERE status = 'assigned' AND id %% 2 = 0",
    "several statuses in one statement": (
        "UPDATE {r} SET status = CASE id %% 3 WHEN 0 THEN 'reserved' WHEN 1 THEN 'invalid' ELSE 'available' END,"
        f" reservation_id = CASE id %% 3 WHEN 0 THEN {ANY} END WHERE status = 'available'"
    ),
    "conflicts": (
        "UPDATE {r} SET is_reservation_conflict = true, invalid_reason = 'x',"
        f" reservation_id = {ANY} WHERE status = 'assigned'"
    ),
    "archived": f"UPDATE {{r}} SET status = 'archived', {ARCHIVE} WHERE status = 'assigned'",
    "the deprecated status": "UPDATE {r} SET status = 'invalid' WHERE status = 'assigned'",
    "the deprecated status in the pool": "UPDATE {r} SET status = 'invalid' WHERE status = 'available'",
    "deleted": "DELETE FROM {r} WHERE id %% 2 = 1",
    "all deleted": "DELETE FROM {r}",
    "nothing deleted": "DELETE FROM {r} WHERE id < 0",
    "nothing updated": "UPDATE {r} SET status = 'reserved' WHERE id < 0",
    "everything updated to what it is": "UPDATE {r} SET status = status, batch_id = batch_id",
    "one leaves, one comes, in one statement": (
        """
        WITH leaver AS (SELECT id, batch_id, assignee_id, assigned_by_id FROM {r}
                        WHERE status = 'assigned' ORDER BY id LIMIT 1),
             comer AS (SELECT min(id) AS id FROM {r} WHERE status = 'available'
                       AND database_id = (SELECT database_id FROM {r} WHERE id = (SELECT id FROM leaver)))
        UPDATE {r} AS r SET
            status = CASE WHEN r.id = leaver.id THEN 'available' ELSE 'assigned' END,
            batch_id = CASE WHEN r.id = comer.id THEN leaver.batch_id END,
            assignee_id = CASE WHEN r.id = comer.id THEN leaver.assignee_id END,
            assigned_by_id = CASE WHEN r.id = comer.id THEN leaver.assigned_by_id END,
            assigned_at = CASE WHEN r.id = comer.id THEN now() END
        FROM leaver, comer WHERE r.id IN (leaver.id, comer.id)
        """
    ),
    "two updates and a deletion in one statement": (
        f"""
        WITH reserved AS (
                 UPDATE {{r}} SET status = 'reserved', reservation_id = {ANY} WHERE status = 'available' AND id %% 2 = 0
             ),
             purged AS (DELETE FROM {{r}} WHERE status = 'available' AND id %% 2 = 1)
        UPDATE {{r}} SET status = 'available', {FREE} WHERE status = 'assigned'
        """
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_counts_are_true_after_a_statement_of_raw_sql(world, witness, name):
    world.sql(STATEMENTS[name])
    witness.look_and_check()


@pytest.mark.parametrize("module", [get_module("records")], ids=["records"])
def test_counts_are_true_when_requests_take_records_and_give_them_back(world, witness, request_in):
    one, two = request_in(world.one), request_in(world.two)
    world.sql(
        "UPDATE {r} SET status = CASE id %% 3 WHEN 0 THEN 'requested' WHEN 1 THEN 'reserved' ELSE 'available' END,"
        f" reservation_id = CASE id %% 3 WHEN 1 THEN {ANY} END,"
        " request_id = CASE id %% 3 WHEN 0 THEN CASE database_id WHEN %s THEN %s::bigint ELSE %s END END"
        " WHERE status = 'available'",
        *[world.one.pk, one.pk, two.pk],
    )
    witness.look_and_check()
    assert world.module.Record.objects.requested().exists()
    world.sql(
        f"UPDATE {{r}} SET status = CASE status WHEN 'requested' THEN 'available' ELSE 'reserved' END,"
        f" reservation_id = CASE status WHEN 'requested' THEN NULL::bigint ELSE {ANY} END, request_id = NULL, {FREE}"
    )
    witness.look_and_check()


def test_two_people_swap_their_batches_in_one_statement(world, witness):
    sari, tono = world.sari_one, world.tono_one
    moved = world.sql(
        """
        UPDATE {r} SET batch_id = CASE batch_id WHEN %s THEN %s ELSE %s END,
                       assignee_id = CASE batch_id WHEN %s THEN %s ELSE %s END
        WHERE batch_id IN (%s, %s)
        """,
        *[sari.pk, tono.pk, sari.pk, sari.pk, tono.staff_id, sari.staff_id, sari.pk, tono.pk],
    )
    witness.look_and_check()
    assert moved == 5
    rows = dict(world.module.Batch.objects.values_list("pk", "current_count"))
    assert (rows[sari.pk], rows[tono.pk]) == (2, 3)
    assert dict(world.module.Batch.objects.values_list("pk", "left_count")) == {
        sari.pk: 3,
        tono.pk: 2,
        world.sari_two.pk: 0,
    }


def test_a_list_of_ids_over_databases_and_batches(world, witness):
    ids = [pk for (pk,) in ask(f"SELECT id FROM {world.table} ORDER BY random() LIMIT 9")]
    world.sql(f"UPDATE {{r}} SET status = 'available', {FREE} WHERE id = ANY(%s)", ids)
    witness.look_and_check()


def test_an_assigned_record_goes_through_the_deprecated_status_and_back(world, witness):
    for status in ("invalid", "assigned", "invalid"):
        world.sql("UPDATE {r} SET status = %s WHERE batch_id = %s", status, world.sari_one.pk)
        witness.look_and_check()
    assert [
        (batch.received_count, batch.current_count, batch.invalid_count)
        for batch in [world.module.Batch.objects.get(pk=world.sari_one.pk)]
    ] == [(3, 0, 3)]


def test_bulk_create_and_insert_of_rows_that_are_assigned_already(world, witness):
    fill(world.one, 4)
    witness.look_and_check()
    batch = world.sari_two
    fill(
        world.two,
        5,
        status="assigned",
        batch=batch,
        assignee=batch.staff,
        assigned_by=world.admin,
        assigned_at=timezone.now(),
    )
    witness.look_and_check()


def test_bulk_update_and_queryset_update(world, witness, reservation):
    records = list(world.module.Record.objects.filter(status="available"))
    for number, record in enumerate(records):
        record.status = "reserved" if number % 2 else "invalid"
        record.reservation = reservation if number % 2 else None
    world.module.Record.objects.bulk_update(records, ["status", "reservation"])
    witness.look_and_check()
    world.module.Record.objects.reserved().update(status="available", reservation=None)
    witness.look_and_check()
    world.module.Record.objects.all().delete()
    witness.look_and_check()


def test_save_and_delete_of_one_record(world, witness, reservation):
    record = world.module.Record.objects.in_pool().first()
    record.status, record.reservation = "reserved", reservation
    record.save()
    witness.look_and_check()
    record.delete()
    witness.look_and_check()


def test_copy_into_both_databases_at_once(world, witness, reservation):
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {world.table} (database_id, row_number, customer_id, status, reservation_id) FROM STDIN"
        ) as copy,
    ):
        for number in range(50):
            database = world.one if number % 3 else world.two
            kind = ("reserved", reservation.pk) if number % 5 else ("available", None)
            copy.write_row((database.pk, 1000 + number, f"copied {number}", *kind))
    witness.look_and_check()


def test_insert_that_updates_on_conflict(world, witness):
    world.sql(
        """
        INSERT INTO {r} (database_id, row_number, customer_id)
        SELECT %s, n, 'upsert ' || n FROM generate_series(5000, 5009) AS n
        """,
        world.one.pk,
    )
    witness.look_and_check()
    world.sql(
        f"""
        INSERT INTO {{r}} (database_id, row_number, customer_id)
        SELECT %s, n, 'upsert ' || n FROM generate_series(5005, 5015) AS n
        ON CONFLICT (database_id, row_number) DO UPDATE SET status = 'reserved', reservation_id = {ANY}
        """,
        world.one.pk,
    )
    witness.look_and_check()


def test_merge_that_updates_deletes_and_inserts(world, witness):
    world.sql(
        f"""
        MERGE INTO {{r}} AS r USING (
            SELECT id, row_number FROM {{r}} WHERE status = 'available'
            UNION ALL SELECT -n, n FROM generate_series(1, 3) AS n
        ) AS s ON r.id = s.id
        WHEN MATCHED AND r.id %% 2 = 0 THEN DELETE
        WHEN MATCHED THEN UPDATE SET status = 'reserved', reservation_id = {ANY}
        WHEN NOT MATCHED THEN
            INSERT (database_id, row_number, customer_id) VALUES (%s, 9000 + s.row_number, 'm' || s.id)
        """,
        world.two.pk,
    )
    witness.look_and_check()


def test_a_savepoint_that_is_rolled_back_leaves_no_trace(world, witness):
    with transaction.atomic():
        world.sql("DELETE FROM {r}")
        transaction.set_rollback(True)
    witness.look_and_check()


def test_a_statement_that_fails_half_way_leaves_no_trace(world, witness):
    """The first rows could be written, the last could not."""
    with pytest.raises(DatabaseError), transaction.atomic():
        world.sql(
            f"UPDATE {{r}} SET status = 'reserved', reservation_id = {ANY}"
            " WHERE id IN (SELECT id FROM {r} ORDER BY batch_id NULLS FIRST)"
        )
    witness.look_and_check()


def versions(*tables: str) -> list[tuple]:
    return [row for table in tables for row in ask(f'SELECT id, xmin::text, ctid::text FROM "{table}" ORDER BY id')]


def test_an_update_that_moves_nothing_touches_neither_databases_nor_batches(world, module):
    tables = (module.Database._meta.db_table, module.Batch._meta.db_table)
    before = versions(*tables)
    world.sql("UPDATE {r} SET phone_key = '+628123456789'")
    world.sql("UPDATE {r} SET assigned_at = now() WHERE status = 'assigned'")
    world.sql("UPDATE {r} SET status = status")
    world.sql("UPDATE {r} SET status = 'reserved' WHERE false")
    assert versions(*tables) == before


def test_only_the_databases_and_batches_concerned_are_touched(world, module):
    before = versions(module.Database._meta.db_table, module.Batch._meta.db_table)
    world.sql(f"UPDATE {{r}} SET status = 'available', {FREE} WHERE batch_id = %s", world.sari_two.pk)
    after = versions(module.Database._meta.db_table, module.Batch._meta.db_table)
    changed = [old[0] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [world.two.pk, world.sari_two.pk]


def test_received_is_what_is_there_and_what_left(world, module):
    world.sql(f"UPDATE {{r}} SET status = 'archived', {ARCHIVE} WHERE batch_id = %s AND id %% 2 = 0", world.sari_one.pk)
    world.sql("DELETE FROM {r} WHERE id = (SELECT min(id) FROM {r} WHERE batch_id = %s)", world.sari_one.pk)
    world.give(world.sari_one, 2)
    for batch in module.Batch.objects.all():
        parts = (batch.current_count, batch.archived_count, batch.left_count, batch.invalid_count)
        assert batch.received_count == sum(parts)
    sari = module.Batch.objects.get(pk=world.sari_one.pk)
    assert (sari.initial_count, sari.received_count, sari.left_count) == (3, 5, 1)


def test_the_counts_of_the_other_modules_stay_as_they_are(world):
    others = [other for other in modules() if other != world.module]
    for other in others:
        fill(factories_of(other).database(), 3)
    witnesses = [Witness(other) for other in others]
    world.sql("DELETE FROM {r}")
    assert [list(other.Database.objects.values_list("record_count", flat=True)) for other in others] == [[3], [3]]
    for witness in witnesses:
        witness.look_and_check()


def test_a_record_that_is_inserted_with_a_batch_is_in_the_list_of_arrivals(module, make):
    """The triggers count it as received; so does the history, and again when it leaves."""
    record = make.record(assigned=True)
    batch = record.batch
    batch.refresh_from_db()
    assert get_figure("batch.received").rows_of(batch).count() == batch.received_count == 1
    run(f'DELETE FROM "{module.Record._meta.db_table}" WHERE id = %s', record.pk)
    batch.refresh_from_db()
    assert get_figure("batch.left").rows_of(batch).count() == batch.left_count == 1


def test_rows_written_by_hand_need_only_what_nobody_else_knows(module, staff):
    """So that raw SQL can add a product, a database, a batch and a record."""
    tables = {name: getattr(module, name)._meta.db_table for name in ("Database", "Batch", "Record")}
    insert = "INSERT INTO {} VALUES ({}) RETURNING id"
    (product,) = ask("INSERT INTO products_product (name) VALUES ('By hand') RETURNING id")[0]
    (database,) = ask(insert.format(f"{tables['Database']} (product_id, name)", "%s, 'By hand'"), product)[0]
    (batch,) = ask(insert.format(f"{tables['Batch']} (database_id, staff_id)", "%s, %s"), database, staff.pk)[0]
    run(
        f"INSERT INTO {tables['Record']} (database_id, row_number, customer_id, status, assignee_id, assigned_by_id,"
        " assigned_at, batch_id) VALUES (%s, 2, 'c', 'assigned', %s, %s, now(), %s)",
        database, staff.pk, staff.pk, batch,
    )  # fmt: skip
    assert module.Batch.objects.get(pk=batch).current_count == 1
