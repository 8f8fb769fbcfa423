"""What must not exist of work, validation, replacement, requests and settings cannot be stored: raw SQL is refused."""

import pytest
from django.utils import timezone

from crm.registry import get_module, modules
from tests.distribution.sql import refused, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import ModuleSettingsFactory, SavedViewFactory, factories_of
from tests.factories.notices import MutedKindFactory, NoticeFactory
from tests.factories.records import RequestFactory

pytestmark = pytest.mark.django_db

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


WORK = [
    "reach = 'reachable'",
    "response = 'yes'",
    "responded_at = now()",
    "note = 'called'",
    "follow_up_on = '2026-03-01'",
    "worked_at = now()",
]
JUDGED = "validation = 'valid', validated_at = now(), validated_by_id = assigned_by_id"
REFUSED_AS_INVALID = "validation = 'invalid', validation_reason = 'x', validated_at = now(), validated_by_id = {person}"


def test_what_staff_note_can_be_stored(change, record):
    """Otherwise the tests below could pass for another reason."""
    for one in (*WORK, JUDGED, REFUSED_AS_INVALID.format(person=record.assignee_id)):
        change(record, one)


@pytest.mark.parametrize("outcome", ["reach = 'maybe'", "reach = 'REACHABLE'", "response = 'y'", "response = 'may'"])
def test_an_outcome_is_one_of_those_known(change, record, outcome):
    with refused("record_outcome_known"):
        change(record, outcome)


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
        change(record, mark)


def test_an_invalid_record_has_a_reason(change, record):
    with refused("record_invalid_with_reason"):
        change(record, "validation = 'invalid', validated_at = now(), validated_by_id = assigned_by_id")


@pytest.mark.parametrize("left_over", WORK)
def test_a_record_of_the_pool_keeps_nothing_of_anybodys_work(change, pooled, left_over):
    with refused("record_with_nobody_is_clean"):
        change(pooled, left_over)
    with refused("record_with_nobody_is_clean"):
        change(pooled, f"status = 'reserved', {left_over}")


def test_a_record_of_the_pool_is_not_validated(change, pooled, staff):
    with refused("record_validated_by_somebody"):
        change(pooled, REFUSED_AS_INVALID.format(person=staff.pk))


def test_a_record_of_the_pool_takes_nobodys_place(change, pooled, archived):
    with refused("record_with_nobody_is_clean"):
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
    for status in ("available", "reserved", "invalid"):
        with refused("record_requested_by_somebody"):
            run("UPDATE records_record SET status = %s, request_id = %s WHERE id = %s", status, request_.pk, record.pk)
    run("UPDATE records_record SET status = 'requested', request_id = %s WHERE id = %s", request_.pk, record.pk)
    with refused("foreign key"):
        run("DELETE FROM records_request WHERE id = %s", request_.pk)
    with refused("record_with_nobody_is_clean"):
        run("UPDATE records_record SET assignee_id = %s WHERE id = %s", staff.pk, record.pk)


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
    approved = {"database": request_.database, "state": "approved", "decided_at": timezone.now(), "batch": batch}
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
