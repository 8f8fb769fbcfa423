"""What must not exist cannot be stored, by any writer: raw SQL is refused too."""

import pytest
from django.utils import timezone

from records.models import Request
from tests.distribution.sql import ask, refused, run
from tests.factories.reservations import ReservationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.every_module]

ANY = "(SELECT min(id) FROM reservations_reservation)"


@pytest.fixture(autouse=True)
def reservation(db):
    return ReservationFactory()


@pytest.fixture
def table(module) -> str:
    return module.Record._meta.db_table


@pytest.fixture
def batch(make, staff):
    return make.batch(staff=staff)


@pytest.fixture
def record(make, batch):
    """An assigned record."""
    return make.record(assigned=True, batch=batch, database=batch.database)


@pytest.fixture
def pooled(make):
    return make.record()


@pytest.fixture
def archived(make, record, admin, module):
    module.Record.objects.filter(pk=record.pk).update(
        status="archived", archived_at=timezone.now(), archived_by=admin, archive_reason="Wrong number"
    )
    return record


def test_a_whole_record_of_each_kind_can_be_stored(record, pooled, archived, module):
    """Otherwise the tests below could pass for another reason."""
    assert sorted(module.Record.objects.values_list("status", flat=True)) == ["archived", "available"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("assignee_id = NULL", "assigned_to_somebody"),
        ("batch_id = NULL", "assigned_to_somebody"),
        ("assigned_at = NULL", "assigned_to_somebody"),
        ("assigned_by_id = NULL", "assigned_to_somebody"),
        ("status = 'available'", "with_nobody_is_clean"),
        ("status = 'reserved'", "names_its_reservation|with_nobody_is_clean"),
        ("is_reservation_conflict = true, invalid_reason = 'x'", "names_its_reservation"),
        (f"reservation_id = {ANY}", "names_its_reservation"),
        (f"reservation_id = {ANY}, is_reservation_conflict = true", "conflict_on_assigned"),
        ("kept_despite = '{1}'", "kept_with_note"),
        ("kept_note = 'because'", "kept_with_note"),
        ("status = 'archived'", "archived_with_reason"),
        ("status = 'archived', archived_at = now(), archived_by_id = assigned_by_id", "archived_with_reason"),
        ("status = 'archived', archived_at = now(), archive_reason = 'x'", "archived_with_reason"),
        ("archive_reason = 'x'", "archived_with_reason"),
        ("archived_at = now()", "archived_with_reason"),
        ("status = 'lost'", "status_known"),
        ("status = ''", "status_known"),
        ("status = 'ASSIGNED'", "status_known"),
        ("is_reservation_conflict = true", "conflict_on_assigned|names_its_reservation"),
    ],
)
def test_an_assigned_record_is_whole(table, record, change, rule):
    with refused(f"record_{rule}"):
        run(f'UPDATE "{table}" SET {change} WHERE id = %s', record.pk)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("assigned_at = now()", "with_nobody_is_clean"),
        ("invalid_reason = 'left over'", "with_nobody_is_clean"),
        ("archive_reason = 'left over'", "archived_with_reason"),
        ("archived_at = now()", "archived_with_reason"),
        ("is_reservation_conflict = true, invalid_reason = 'x'", "conflict_on_assigned|with_nobody_is_clean"),
        ("status = 'reserved'", "names_its_reservation"),
        (f"reservation_id = {ANY}", "names_its_reservation"),
        (f"status = 'reserved', reservation_id = {ANY}, is_reservation_conflict = true", "conflict_on_assigned"),
        ("kept_despite = '{1}', kept_note = 'because'", "kept_with_note"),
        ("status = 'assigned'", "assigned_to_somebody"),
        ("status = 'invalid', is_reservation_conflict = true, invalid_reason = 'x'", "conflict_on_assigned"),
    ],
)
def test_a_record_of_the_pool_is_clean(table, pooled, change, rule):
    with refused(rule):
        run(f'UPDATE "{table}" SET {change} WHERE id = %s', pooled.pk)


def pooled_as(status: str, request: Request | None) -> str:
    """The assignments that make a free record one of the pool in that status."""
    if status == "reserved":
        return f"status = 'reserved', reservation_id = {ReservationFactory().pk}"
    return f"reservation_id = NULL, {pooled_by(status, request)}"


def pooled_by(status: str, request: Request | None) -> str:
    return f"status = 'requested', request_id = {request.pk}" if status == "requested" else f"status = '{status}'"


def pool_statuses(module) -> list[str]:
    return ["available", "reserved", *(["requested"] if module.policy.staff_request else [])]


@pytest.mark.parametrize("column", ["assignee_id", "assigned_by_id"])
def test_a_record_of_the_pool_is_with_nobody(module, table, pooled, request_in, staff, column):
    request = request_in(pooled.database)
    for status in pool_statuses(module):
        run(f'UPDATE "{table}" SET {pooled_as(status, request)} WHERE id = %s', pooled.pk)
        with refused("with_nobody_is_clean"):
            run(f'UPDATE "{table}" SET {column} = %s WHERE id = %s', staff.pk, pooled.pk)


def test_a_record_of_the_pool_is_in_no_batch(module, table, make, request_in, staff):
    batch = make.batch(staff=staff)
    pooled = make.record(database=batch.database)
    request = request_in(batch.database)
    for status in pool_statuses(module):
        run(f'UPDATE "{table}" SET {pooled_as(status, request)} WHERE id = %s', pooled.pk)
        with refused("with_nobody_is_clean"):
            run(f'UPDATE "{table}" SET batch_id = %s, assignee_id = %s WHERE id = %s', batch.pk, staff.pk, pooled.pk)
        with refused("record_batch_of_somebody|with_nobody_is_clean"):
            run(f'UPDATE "{table}" SET batch_id = %s WHERE id = %s', batch.pk, pooled.pk)


def test_an_assigned_record_is_not_requested_at_the_same_time(module, table, record, request_in):
    request = request_in(record.database)
    if request is None:
        with refused("record_never_requested"):
            run(f"UPDATE \"{table}\" SET status = 'requested' WHERE id = %s", record.pk)
        return
    with refused("with_nobody_is_clean"):
        run(f'UPDATE "{table}" SET {pooled_as("requested", request)} WHERE id = %s', record.pk)
    with refused("record_requested_by_somebody"):
        run(f'UPDATE "{table}" SET request_id = %s WHERE id = %s', request.pk, record.pk)


@pytest.mark.parametrize(
    "change",
    [
        "archive_reason = ''",
        "archived_by_id = NULL",
        "archived_at = NULL",
        "assignee_id = NULL",
        "batch_id = NULL",
        "is_reservation_conflict = true, invalid_reason = 'x'",
        f"reservation_id = {ANY}",
    ],
)
def test_an_archived_record_says_who_and_why_and_keeps_where_it_was(table, archived, change):
    with refused("archived_with_reason|conflict_on_assigned|names_its_reservation"):
        run(f'UPDATE "{table}" SET {change} WHERE id = %s', archived.pk)


@pytest.mark.parametrize("state", ["assigned", "archived", "invalid"])
def test_a_record_is_not_in_another_persons_batch(table, make, record, archived, other_staff, state):
    theirs = make.batch(database=record.database, staff=other_staff)
    if state != "archived":
        run(
            f'UPDATE "{table}" SET status = %s, archived_at = NULL, archived_by_id = NULL, archive_reason = %s'
            " WHERE id = %s",
            *[state, "", record.pk],
        )
    with refused("record_in_own_batch"):
        run(f'UPDATE "{table}" SET batch_id = %s WHERE id = %s', theirs.pk, record.pk)
    with refused("record_in_own_batch"):
        run(f'UPDATE "{table}" SET assignee_id = %s WHERE id = %s', other_staff.pk, record.pk)


def test_a_record_is_not_in_a_batch_of_another_database(table, make, record, staff):
    elsewhere = make.batch(staff=staff)
    with refused("record_in_own_batch"):
        run(f'UPDATE "{table}" SET batch_id = %s WHERE id = %s', elsewhere.pk, record.pk)


def test_a_record_is_not_in_a_batch_that_does_not_exist(table, record):
    with refused("record_in_own_batch"):
        run(f'UPDATE "{table}" SET batch_id = 2000000000 WHERE id = %s', record.pk)


def test_a_record_of_old_data_is_not_in_a_batch_without_its_person(table, make, record):
    """Without the person the composite key would not be checked, and the batch could be any."""
    with refused("record_batch_of_somebody"):
        run(f"UPDATE \"{table}\" SET status = 'invalid', assignee_id = NULL WHERE id = %s", record.pk)


def test_a_batch_with_records_cannot_be_deleted(module, record):
    with refused("record_in_own_batch"):
        run(f'DELETE FROM "{module.Batch._meta.db_table}" WHERE id = %s', record.batch_id)


def test_a_database_with_records_cannot_be_deleted(module, pooled):
    with refused("foreign key"):
        run(f'DELETE FROM "{module.Database._meta.db_table}" WHERE id = %s', pooled.database_id)


def test_a_person_with_records_cannot_be_deleted(record):
    with refused("foreign key"):
        run("DELETE FROM accounts_user WHERE id = %s", record.assignee_id)


@pytest.mark.parametrize("customer_id", ["", "  ", "\t\u00a0\u200b\ufeff"])
def test_a_record_names_a_customer(make, customer_id):
    with refused("record_names_a_customer"):
        make.record(customer_id=customer_id)


@pytest.mark.parametrize("again", ["Budi 1", "budi 1", "  BUDI\u00a0\t1 "])
def test_a_customer_is_in_a_database_once(make, again):
    first = make.record(customer_id="Budi 1")
    with refused("record_customer_once"):
        make.record(database=first.database, customer_id=again)
    make.record(customer_id=again)  # another database may have them


def test_ids_that_look_alike_are_different_customers(make):
    database = make.database()
    for customer_id in ("007", "7", "7.0", "nan", "0"):
        make.record(database=database, customer_id=customer_id)
    assert database.records.count() == 5


def test_a_row_of_the_file_is_in_a_database_once(make):
    first = make.record()
    with refused("record_row_once"):
        make.record(database=first.database, row_number=first.row_number)


@pytest.mark.parametrize(
    "phone_key", ["0812345678", "+0812345678", "+62", "+62 812 345 678", "", "+628123456789012345"]
)
def test_a_phone_key_is_e164(table, pooled, phone_key):
    with refused("phone_key_is_e164|too long"):
        run(f'UPDATE "{table}" SET phone_key = %s WHERE id = %s', phone_key, pooled.pk)


def test_the_customer_key_cannot_be_written_by_hand(table, pooled):
    with refused("customer_key"):
        run(f"UPDATE \"{table}\" SET customer_key = 'OTHER' WHERE id = %s", pooled.pk)


@pytest.mark.parametrize(
    "change",
    [
        "id = id + 1000000",
        "row_number = row_number + 1",
        "customer_id = 'somebody else'",
        "customer_name = 'Somebody Else'",
        "phone = '0811111111'",
        "data = '[\"x\"]'",
    ],
)
def test_what_was_imported_is_final(table, pooled, change):
    with refused("cannot be changed"):
        run(f'UPDATE "{table}" SET {change} WHERE id = %s', pooled.pk)


def test_a_record_stays_in_its_database(table, pooled, make):
    with refused("cannot be changed"):
        run(f'UPDATE "{table}" SET database_id = %s WHERE id = %s', make.database().pk, pooled.pk)


def test_a_database_keeps_its_product(module, make):
    database, other = make.database(), make.database()
    with refused("product_id cannot be changed"):
        run(
            f'UPDATE "{module.Database._meta.db_table}" SET product_id = %s WHERE id = %s',
            other.product_id,
            database.pk,
        )


@pytest.mark.parametrize("column", ["staff_id", "database_id"])
def test_a_batch_keeps_its_owner_and_its_database(module, make, column):
    batch, other = make.batch(), make.batch()
    with refused("cannot be changed"):
        run(
            f'UPDATE "{module.Batch._meta.db_table}" SET {column} = %s WHERE id = %s',
            getattr(other, column),
            batch.pk,
        )


def test_a_database_is_archived_by_somebody(module, make):
    database = make.database()
    with refused("database_archived_by_somebody"):
        run(f'UPDATE "{module.Database._meta.db_table}" SET archived_at = now() WHERE id = %s', database.pk)


def counts_of(module, model: str) -> list[str]:
    columns = [field.column for field in getattr(module, model)._meta.fields if field.column.endswith("_count")]
    return [column for column in columns if column not in ("duplicate_count", "rejected_count", "blank_count")]


@pytest.mark.parametrize("model", ["Database", "Batch"])
def test_a_stored_count_cannot_be_written_by_hand(module, make, record, model):
    table = getattr(module, model)._meta.db_table
    columns = counts_of(module, model)
    assert len(columns) >= 6
    for column in columns:
        with refused("stored counts are kept by the triggers"):
            run(f'UPDATE "{table}" SET {column} = {column} + 1')
    with refused("stored counts are kept by the triggers"):  # sums that hold make no difference
        run(f'UPDATE "{table}" SET {", ".join(f"{column} = 0" for column in columns)}')


@pytest.mark.parametrize("model", ["Database", "Batch"])
def test_a_stored_count_starts_at_zero(module, make, staff, model):
    batch = make.batch(staff=staff)
    for column in counts_of(module, model):
        with refused("stored counts start at zero"):
            if model == "Batch":
                make.batch(database=batch.database, staff=staff, **{column: 1})
            else:
                make.database(product=batch.database.product, **{column: 1})


@pytest.mark.parametrize("statement", ["TRUNCATE {record}", "TRUNCATE {database} CASCADE", "TRUNCATE {batch} CASCADE"])
def test_truncate_is_refused(module, pooled, statement):
    tables = {name: getattr(module, name.title())._meta.db_table for name in ("record", "database", "batch")}
    with refused("TRUNCATE would bypass"):
        run(statement.format(**tables))
    assert module.Record.objects.count() == 1


def test_the_deprecated_status_of_old_data_can_be_stored_and_is_counted_apart(module, make, record):
    pooled = make.record(database=record.database)
    table = module.Record._meta.db_table
    run(
        f"UPDATE \"{table}\" SET status = 'invalid', invalid_reason = 'taken' WHERE database_id = %s",
        record.database_id,
    )
    make.record(database=record.database, status="invalid")

    assert ask(
        f'SELECT record_count, assigned_count, available_count, invalid_count FROM "{module.Database._meta.db_table}"'
        " WHERE id = %s",
        record.database_id,
    ) == [(3, 0, 0, 3)]
    assert ask(
        f'SELECT received_count, current_count, left_count, invalid_count FROM "{module.Batch._meta.db_table}"'
        " WHERE id = %s",
        record.batch_id,
    ) == [(1, 0, 0, 1)]
    assert ask(f'SELECT batch_id FROM "{table}" WHERE id = %s', pooled.pk) == [(None,)]


def test_nobody_can_be_given_an_unknown_batch_by_an_insert(table, make, staff):
    database = make.database()
    with refused("record_in_own_batch"):
        run(
            f'INSERT INTO "{table}" (database_id, row_number, customer_id, status, assignee_id, assigned_by_id,'
            " assigned_at, batch_id) VALUES (%s, 2, 'a', 'assigned', %s, %s, now(), 2000000000)",
            *[database.pk, staff.pk, staff.pk],
        )
