"""What must not exist of work, validation, replacement, requests and settings cannot be stored: raw SQL is refused."""

import pytest
from django.utils import timezone

from crm.registry import get_module, modules
from tests.distribution.sql import refused, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import ModuleSettingsFactory, SavedViewFactory, factories_of
from tests.factories.notices import MutedKindFactory, NoticeFactory
from tests.factories.records import RequestFactory
from tests.factories.reservations import ReservationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.every_module]

WITHOUT_REQUESTS = [module for module in modules() if not module.policy.staff_request]


@pytest.fixture
def table(module) -> str:
    return module.Record._meta.db_table


@pytest.fixture
def record(make, staff):
    """An assigned record."""
    batch = make.batch(staff=staff)
    return make.record(assigned=True, batch=batch, database=batch.database)


@pytest.fixture
def pooled(make, record):
    return make.record(database=record.database)


@pytest.fixture
def change(table):
    def change(record, assignments: str) -> None:
        run(f'UPDATE "{table}" SET {assignments} WHERE id = %s', record.pk)

    return change


NOTED = [
    "reach = 'reachable'",
    "response = 'yes', responded_at = now()",
    "note = 'called'",
    "follow_up_on = '2026-03-01'",
]
WORK = [*(f"{noted}, worked_at = now()" for noted in NOTED), "worked_at = now()"]
JUDGED = "validation = 'valid', validated_at = now(), validated_by_id = assigned_by_id, worked_at = now()"
REFUSED_AS_INVALID = (
    "validation = 'invalid', validation_reason = 'x', validated_at = now(), validated_by_id = {person},"
    " worked_at = now()"
)


def test_what_staff_note_can_be_stored(change, record):
    """Otherwise the tests below could pass for another reason."""
    for one in (*WORK, JUDGED, REFUSED_AS_INVALID.format(person=record.assignee_id)):
        change(record, one)


@pytest.mark.parametrize("outcome", ["reach = 'maybe'", "reach = 'REACHABLE'", "response = 'y'", "response = 'may'"])
def test_an_outcome_is_one_of_those_known(change, record, outcome):
    with refused("record_outcome_known"):
        change(record, f"{outcome}, responded_at = now(), worked_at = now()")


@pytest.mark.parametrize("noted", [*NOTED, JUDGED.removesuffix(", worked_at = now()")])
def test_what_was_noted_has_its_time(change, record, noted):
    with refused("record_outcome_has_time"):
        change(record, noted)
    change(record, f"{noted}, worked_at = now()")
    with refused("record_outcome_has_time"):
        change(record, "worked_at = NULL")


@pytest.mark.parametrize("response", ["yes", "no"])
def test_a_response_has_its_time_and_only_a_response(change, record, response):
    with refused("record_response_has_time"):
        change(record, f"response = '{response}', worked_at = now()")
    with refused("record_response_has_time"):
        change(record, "responded_at = now()")
    change(record, f"response = '{response}', responded_at = now(), worked_at = now()")
    with refused("record_response_has_time"):
        change(record, "responded_at = NULL")
    with refused("record_response_has_time"):
        change(record, "response = ''")


@pytest.mark.parametrize(
    "mark",
    [
        "validation = 'valid'",
        "validation = 'valid', validated_at = now()",
        "validation = 'valid', validated_by_id = assigned_by_id",
        "validation = 'maybe', validated_at = now(), validated_by_id = assigned_by_id",
        "validated_at = now()",
        "validated_by_id = assigned_by_id",
        "validation_reason = 'left over'",
    ],
)
def test_a_mark_says_what_when_and_by_whom_or_there_is_none(change, record, mark):
    with refused("record_validated_by_somebody"):
        change(record, f"{mark}, worked_at = now()")


def test_an_invalid_record_has_a_reason(change, record):
    with refused("record_invalid_with_reason"):
        change(
            record, "validation = 'invalid', validated_at = now(), validated_by_id = assigned_by_id, worked_at = now()"
        )


@pytest.mark.parametrize("left_over", WORK)
def test_a_record_of_the_pool_keeps_nothing_of_anybodys_work(change, pooled, left_over):
    with refused("record_with_nobody_is_clean"):
        change(pooled, left_over)
    with refused("record_with_nobody_is_clean"):
        change(pooled, f"status = 'reserved', reservation_id = {ReservationFactory().pk}, {left_over}")


def test_a_record_of_the_pool_is_not_validated(change, pooled, staff):
    with refused("record_validated_by_somebody"):
        change(pooled, REFUSED_AS_INVALID.format(person=staff.pk))


def test_a_record_of_the_pool_takes_nobodys_place(change, pooled, archived):
    with refused("record_with_nobody_is_clean|record_replaces_in_a_batch"):
        change(pooled, f"replaces_id = {archived.pk}")


@pytest.mark.parametrize("left_over", [*WORK, JUDGED])
def test_a_worked_record_does_not_go_back_to_the_pool_uncleared(change, record, left_over):
    change(record, left_over)
    with refused("record_with_nobody_is_clean|record_validated_by_somebody"):
        change(
            record,
            "status = 'available', assignee_id = NULL, assigned_at = NULL, assigned_by_id = NULL, batch_id = NULL",
        )


# --- Replacement -------------------------------------------------------------------------------------------


@pytest.fixture
def archived(module, record, admin):
    module.Record.objects.filter(pk=record.pk).update(
        status="archived", archived_at=timezone.now(), archived_by=admin, archive_reason="Wrong number"
    )
    return record


@pytest.fixture
def replacements(make, archived):
    """Two more records of the same batch."""
    return make.record.create_batch(2, assigned=True, batch=archived.batch, database=archived.database)


def test_a_record_is_replaced_once(change, archived, replacements):
    first, second = replacements
    change(first, f"replaces_id = {archived.pk}")
    with refused("record_replaced_once"):
        change(second, f"replaces_id = {archived.pk}")


def test_a_record_takes_the_place_of_one_that_there_is(change, replacements):
    with refused("foreign key"):
        change(replacements[0], "replaces_id = 2000000000")


def test_a_record_does_not_take_its_own_place(change, archived):
    with refused("record_replaces_another"):
        change(archived, f"replaces_id = {archived.pk}")


def test_a_record_takes_a_place_in_its_own_batch_only(make, change, archived, staff, other_staff):
    same_list = {"database": archived.database, "staff": staff}
    for batch in (
        make.batch(**same_list),
        make.batch(database=archived.database, staff=other_staff),
        make.batch(staff=staff),
    ):
        elsewhere = make.record(assigned=True, batch=batch, database=batch.database)
        with refused("record_replaces_in_own_batch"):
            change(elsewhere, f"replaces_id = {archived.pk}")


def test_a_record_and_the_one_whose_place_it_took_stay_together(make, change, archived, replacements, staff):
    other = make.batch(database=archived.database, staff=staff)
    change(replacements[0], f"replaces_id = {archived.pk}")
    with refused("record_replaces_in_own_batch"):
        change(replacements[0], f"batch_id = {other.pk}")
    with refused("record_replaces_in_own_batch"):
        change(archived, f"batch_id = {other.pk}")
    change(replacements[0], f"batch_id = {other.pk}, replaces_id = NULL")
    change(archived, f"batch_id = {other.pk}")


def test_a_record_of_old_data_without_batch_takes_nobodys_place(make, change, archived):
    """Without the batch the composite key would not be checked, and the place could be any."""
    old = make.record(status="invalid", database=archived.database)
    with refused("record_replaces_in_a_batch"):
        change(old, f"replaces_id = {archived.pk}")


def test_a_record_whose_place_was_taken_is_not_deleted(change, table, archived, replacements):
    change(replacements[0], f"replaces_id = {archived.pk}")
    with refused("foreign key"):
        run(f'DELETE FROM "{table}" WHERE id = %s', archived.pk)


# --- Requests ----------------------------------------------------------------------------------------------


def test_both_kinds_of_modules_are_tested():
    assert 0 < len(WITHOUT_REQUESTS) < len(list(modules()))


@pytest.mark.parametrize("module", WITHOUT_REQUESTS, ids=lambda module: module.key)
def test_where_nobody_requests_no_record_is_requested(change, pooled):
    with refused("record_never_requested"):
        change(pooled, "status = 'requested'")


@pytest.fixture
def normal():
    return factories_of(get_module("records"))


@pytest.fixture
def request_(normal, staff):
    return RequestFactory(database=normal.database(), staff=staff)


def test_a_requested_record_names_its_request_and_no_other_does(normal, request_, staff):
    record = normal.record(database=request_.database)
    with refused("record_requested_by_somebody"):
        run("UPDATE records_record SET status = 'requested' WHERE id = %s", record.pk)
    reservation = ReservationFactory()
    for status, named in (("available", None), ("reserved", reservation.pk), ("invalid", None)):
        with refused("record_requested_by_somebody"):
            run(
                "UPDATE records_record SET status = %s, request_id = %s, reservation_id = %s WHERE id = %s",
                *[status, request_.pk, named, record.pk],
            )
    run("UPDATE records_record SET status = 'requested', request_id = %s WHERE id = %s", request_.pk, record.pk)
    with refused("foreign key"):
        run("DELETE FROM records_request WHERE id = %s", request_.pk)
    with refused("record_with_nobody_is_clean"):
        run("UPDATE records_record SET assignee_id = %s WHERE id = %s", staff.pk, record.pk)


def test_a_record_is_held_by_a_request_for_its_own_database(normal, request_):
    foreign = normal.record()
    hold = "UPDATE records_record SET status = 'requested', request_id = %s WHERE id = %s"
    with refused("record_requested_of_own_database"):
        run(hold, request_.pk, foreign.pk)
    with refused("record_requested_of_own_database"):
        run(hold, 2000000000, foreign.pk)
    run(hold, request_.pk, normal.record(database=request_.database).pk)
    with refused("record_requested_of_own_database"):
        run("UPDATE records_request SET database_id = %s WHERE id = %s", foreign.database_id, request_.pk)


def test_a_request_is_answered_with_a_batch_of_its_own_database_and_staff_member(normal, request_, other_staff):
    approve = "UPDATE records_request SET state = 'approved', decided_at = now(), batch_id = %s WHERE id = %s"
    theirs = normal.batch(database=request_.database, staff=other_staff)
    elsewhere = normal.batch(staff=request_.staff)
    for batch in (theirs.pk, elsewhere.pk, 2000000000):
        with refused("records_request_given_own_batch"):
            run(approve, batch, request_.pk)
    own = normal.batch(database=request_.database, staff=request_.staff)
    run(approve, own.pk, request_.pk)
    for column, value in (("staff_id", other_staff.pk), ("database_id", elsewhere.database_id)):
        with refused("records_request_given_own_batch"):
            run(f"UPDATE records_request SET {column} = %s WHERE id = %s", value, request_.pk)
    with refused("records_request_given_own_batch"):
        run("DELETE FROM records_batch WHERE id = %s", own.pk)


def test_a_request_is_for_some(request_):
    for quantity in (0, -1):
        with refused("records_request_for_some|quantity_check"):
            run("UPDATE records_request SET quantity = %s WHERE id = %s", quantity, request_.pk)


@pytest.mark.parametrize(
    "decision",
    [
        "state = 'approved'",
        "state = 'approved', decided_at = now()",
        "state = 'approved', batch_id = {batch}",
        "state = 'rejected'",
        "state = 'cancelled'",
        "state = 'rejected', decided_at = now(), batch_id = {batch}",
        "state = 'cancelled', decided_at = now(), batch_id = {batch}",
        "state = 'lost', decided_at = now()",
        "decided_at = now()",
        "decided_by_id = staff_id",
        "batch_id = {batch}",
    ],
)
def test_a_decision_is_whole_and_a_waiting_request_has_none(normal, request_, decision):
    batch = normal.batch(database=request_.database, staff=request_.staff)
    with refused("records_request_decided_once"):
        run(f"UPDATE records_request SET {decision.format(batch=batch.pk)} WHERE id = %s", request_.pk)


def test_a_batch_is_of_one_request(normal, request_):
    batch = normal.batch(database=request_.database, staff=request_.staff)
    answer = {"state": "approved", "decided_at": timezone.now(), "batch": batch}
    approved = {"database": request_.database, "staff": request_.staff, **answer}
    RequestFactory(**approved)
    with refused("batch_id"):
        RequestFactory(**approved)


def test_a_database_approves_by_itself_or_waits_or_does_as_the_module(request_):
    with refused("records_database_auto_approve_known"):
        run("UPDATE records_database SET auto_approve = 'never' WHERE id = %s", request_.database_id)


# --- Settings, saved views, notifications --------------------------------------------------------------------


def test_a_module_has_its_settings_once():
    ModuleSettingsFactory(module="bonanza")
    ModuleSettingsFactory(module="memberwd")
    with refused("module"):
        ModuleSettingsFactory(module="bonanza")


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("most_per_request", 0, "module_settings_request_some"),
        ("most_per_request", -1, "most_per_request_check|module_settings_request_some"),
        ("most_replacements", -1, "most_replacements_check"),
    ],
)
def test_a_limit_is_one(setting, value, rule):
    stored = ModuleSettingsFactory(most_replacements=0)  # no replacement at once is a limit too
    with refused(rule):
        run(f"UPDATE distribution_modulesettings SET {setting} = %s WHERE id = %s", value, stored.pk)


def test_somebodys_saved_view_of_a_page_has_a_name_of_its_own(staff):
    first = SavedViewFactory(user=staff, name="Mine")
    SavedViewFactory(user=UserFactory(), name="Mine", page=first.page)
    SavedViewFactory(user=staff, name="Mine", page="bonanza/records")
    with refused("saved_view_name_once"):
        SavedViewFactory(user=staff, name="Mine", page=first.page)
    with refused("saved_view_has_name"):
        SavedViewFactory(user=staff, name="")


def test_somebody_is_alerted_once_about_what_waits(staff, other_staff):
    NoticeFactory(user=staff, about="request/1/")
    NoticeFactory(user=other_staff, about="request/1/")
    NoticeFactory(user=staff, about="request/2/")
    NoticeFactory.create_batch(2, user=staff)  # what tells of something that is over may come again
    with refused("notice_alerts_once"):
        NoticeFactory(user=staff, about="request/1/")


def test_a_notification_is_of_a_known_kind(staff):
    with refused("notice_kind_known"):
        NoticeFactory(user=staff, kind="gossip")
    with refused("muted_kind_known"):
        MutedKindFactory(user=staff, kind="gossip")


def test_a_kind_is_muted_once(staff, other_staff):
    MutedKindFactory(user=staff)
    MutedKindFactory(user=other_staff)
    with refused("muted_kind_once"):
        MutedKindFactory(user=staff)
