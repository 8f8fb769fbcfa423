"""Asking for records, and the answers."""

import pytest

from crm.distribution.assignment import assign_random
from crm.distribution.databases import archive_database
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.settings import change_settings
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.notices.services import mute_kinds
from records.models import AutoApprove, Batch, Database, Record, Request
from records.policy import MODULE
from records.requests import (
    approve_requests,
    cancel_request,
    cancel_requests_of,
    change_auto_approve,
    reject_requests,
    request_records,
)
from tests.distribution.sql import ask, run
from tests.factories.distribution import factories_of, fill
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db


def counts(database: Database) -> dict[str, int]:
    """What a recount of the rows says."""
    return dict(ask("SELECT status, count(*) FROM records_record WHERE database_id = %s GROUP BY 1", database.pk))


def state_of(request: Request) -> str:
    return ask("SELECT state FROM records_request WHERE id = %s", request.pk)[0][0]


def texts(user, kind: Kind) -> list[str]:
    return list(Notice.objects.filter(user=user, kind=kind).values_list("text", flat=True))


# --- Asking ------------------------------------------------------------------------------------------------


def test_a_request_holds_exactly_as_many_records_as_it_asks_for(database, staff, witness):
    request = request_records(database=database, quantity=4, by=staff)
    assert request.state == "pending"
    assert counts(database) == {"available": 6, "requested": 4}
    assert ask("SELECT count(*) FROM records_record WHERE request_id = %s", request.pk) == [(4,)]
    witness.look_and_check()


def test_what_is_held_is_nobody_elses(database, staff, other_staff, admin):
    held = request_records(database=database, quantity=6, by=staff)
    with pytest.raises(Refused, match=r"Only 4 records are available, 5 were asked for. Nothing was changed."):
        request_records(database=database, quantity=5, by=other_staff)
    with pytest.raises(Refused, match="Only 4 records are available"):
        assign_random(module=MODULE, database=database, staff=other_staff, count=5, by=admin)
    other = request_records(database=database, quantity=4, by=other_staff)
    assert not set(held.records.values_list("pk", flat=True)) & set(other.records.values_list("pk", flat=True))
    assert counts(database) == {"requested": 10}


@pytest.mark.parametrize("quantity", [0, -1, 101, 10**20])
def test_a_request_is_for_one_record_at_least_and_for_as_many_at_most_as_the_owner_has_set(database, staff, quantity):
    with pytest.raises(Refused, match="Ask for 1 to 100 records at once"):
        request_records(database=database, quantity=quantity, by=staff)
    assert counts(database) == {"available": 10}
    assert not Request.objects.exists()


def test_the_owner_sets_how_many_one_request_may_be_for(database, staff, owner):
    change_settings(module=MODULE, by=owner, most_per_request=3)
    with pytest.raises(Refused, match="Ask for 1 to 3 records at once"):
        request_records(database=database, quantity=4, by=staff)
    request_records(database=database, quantity=3, by=staff)
    assert counts(database) == {"available": 7, "requested": 3}


def test_nobody_asks_for_records_of_an_archived_database(database, staff, admin):
    archive_database(database=database, by=admin)
    with pytest.raises(Refused, match="is archived, and nothing is handed out from it"):
        request_records(database=database, quantity=1, by=staff)
    assert counts(database) == {"available": 10}


def test_admins_and_people_who_left_ask_for_nothing(database, staff, admin):
    run("UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = %s", staff.pk)
    for person in (staff, admin):
        with pytest.raises(Refused, match="is not an active staff member"):
            request_records(database=database, quantity=1, by=person)
    assert not Request.objects.exists()


# --- Approving ---------------------------------------------------------------------------------------------


def test_approval_hands_the_held_records_over_in_a_new_batch(database, staff, admin, witness):
    request = request_records(database=database, quantity=4, by=staff)
    witness.look()
    held = set(request.records.values_list("pk", flat=True))
    decided = approve_requests(requests=[request], by=admin)
    assert (decided.done, decided.records, decided.late, decided.swapped, decided.refused) == (1, 4, 0, 0, [])
    witness.look_and_check()
    batch = Batch.objects.get(staff=staff)
    rows = ask("SELECT id, status, assignee_id, assigned_by_id, batch_id, request_id FROM records_record")
    given = [row for row in rows if row[1] == "assigned"]
    assert {row[0] for row in given} == held
    assert {row[2:] for row in given} == {(staff.pk, admin.pk, batch.pk, None)}
    request.refresh_from_db()
    assert (request.state, request.batch, request.decided_by) == ("approved", batch, admin)


def test_several_requests_are_approved_together_each_into_its_own_batch(database, staff, other_staff, admin, witness):
    requests = [
        request_records(database=database, quantity=2, by=staff),
        request_records(database=database, quantity=3, by=staff),
        request_records(database=database, quantity=4, by=other_staff),
    ]
    witness.look()
    decided = approve_requests(requests=requests, by=admin)
    assert (decided.done, decided.records) == (3, 9)
    witness.look_and_check()
    sizes = Batch.objects.order_by("received_count").values_list("staff", "received_count")
    assert list(sizes) == [(staff.pk, 2), (staff.pk, 3), (other_staff.pk, 4)]


def test_a_held_record_that_is_not_free_any_more_is_swapped_and_the_answer_says_so(database, staff, admin, witness):
    request = request_records(database=database, quantity=4, by=staff)
    take(*request.records.all()[:3])
    witness.look()
    decided = approve_requests(requests=[request], by=admin)
    assert (decided.done, decided.records, decided.swapped) == (1, 4, 3)
    assert counts(database) == {"available": 3, "reserved": 3, "assigned": 4}
    witness.look_and_check()


def test_a_request_that_cannot_be_filled_goes_on_waiting_and_the_others_are_approved(
    database, staff, other_staff, admin, witness
):
    short = request_records(database=database, quantity=6, by=staff)
    full = request_records(database=database, quantity=4, by=other_staff)
    take(*short.records.all())
    witness.look()
    decided = approve_requests(requests=[short, full], by=admin)
    assert (decided.done, decided.records) == (1, 4)
    assert decided.refused == ["Sari Staff, June: Only 0 records are available, 6 were asked for. Nothing was changed."]
    assert (state_of(short), state_of(full)) == ("pending", "approved")
    assert counts(database) == {"requested": 6, "assigned": 4}  # as it was: nothing half-done stays
    witness.look_and_check()


def test_a_request_for_a_database_that_was_archived_meanwhile_goes_on_waiting(database, staff, admin, witness):
    request = request_records(database=database, quantity=4, by=staff)
    witness.look()
    archive_database(database=database, by=admin)
    decided = approve_requests(requests=[request], by=admin)
    assert decided.done == 0
    assert decided.refused == ["Sari Staff, June: “June” is archived, and nothing is handed out from it."]
    assert counts(database) == {"available": 6, "requested": 4}
    reject_requests(requests=[request], by=admin)
    assert counts(database) == {"available": 10}
    witness.look_and_check()


def test_a_request_of_somebody_who_left_is_not_approved(database, staff, other_staff, admin, witness):
    gone = request_records(database=database, quantity=4, by=staff)
    here = request_records(database=database, quantity=2, by=other_staff)
    run("UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = %s", staff.pk)
    witness.look()
    decided = approve_requests(requests=[gone, here], by=admin)
    assert (decided.done, len(decided.refused)) == (1, 1)
    assert "Sari Staff is not an active staff member" in decided.refused[0]
    assert counts(database) == {"available": 4, "requested": 4, "assigned": 2}
    witness.look_and_check()


def test_a_request_is_decided_once(database, staff, admin, witness):
    request = request_records(database=database, quantity=4, by=staff)
    other = request_records(database=database, quantity=1, by=staff)
    approve_requests(requests=[request], by=admin)
    witness.look()
    for decide in (approve_requests, reject_requests):
        decided = decide(requests=[request], by=admin)
        assert (decided.done, decided.records, decided.late) == (0, 0, 1)
    with pytest.raises(Refused, match=r"This request was decided already. Nothing was changed."):
        cancel_request(request=request, by=staff)
    assert (state_of(request), state_of(other)) == ("approved", "pending")
    assert counts(database) == {"available": 5, "requested": 1, "assigned": 4}
    witness.look_and_check()


# --- Rejecting, cancelling, leaving ------------------------------------------------------------------------


def test_a_rejected_request_gives_its_records_back_and_says_why(database, staff, admin, witness):
    request = request_records(database=database, quantity=4, by=staff)
    witness.look()
    decided = reject_requests(requests=[request], by=admin, reason="  Work the old ones first. ")
    assert (decided.done, decided.records, decided.late) == (1, 4, 0)
    assert counts(database) == {"available": 10}
    witness.look_and_check()
    request.refresh_from_db()
    assert (request.state, request.reason, request.decided_by) == ("rejected", "Work the old ones first.", admin)
    assert texts(staff, Kind.REQUEST_DECIDED) == [
        "Your request for 4 records of June was not approved. Work the old ones first."
    ]


def test_a_long_reason_is_kept_as_far_as_there_is_room(database, staff, admin):
    request = request_records(database=database, quantity=1, by=staff)
    reject_requests(requests=[request], by=admin, reason="x" * 1000)
    request.refresh_from_db()
    assert request.reason == "x" * 300


def test_whoever_asked_takes_it_back_and_the_records_are_available_again(database, staff, witness):
    request = request_records(database=database, quantity=4, by=staff)
    witness.look()
    cancel_request(request=request, by=staff)
    assert state_of(request) == "cancelled"
    assert counts(database) == {"available": 10}
    witness.look_and_check()
    request_records(database=database, quantity=10, by=staff)
    assert counts(database) == {"requested": 10}


def test_whoever_leaves_asks_for_nothing_any_more(database, staff, other_staff, admin, witness):
    gone = request_records(database=database, quantity=4, by=staff)
    stays = request_records(database=database, quantity=2, by=other_staff)
    witness.look()
    deactivate_with_records(person=staff, to=[], by=admin)
    assert (state_of(gone), state_of(stays)) == ("cancelled", "pending")
    assert counts(database) == {"available": 8, "requested": 2}
    witness.look_and_check()
    cancel_requests_of(other_staff, by=admin)
    assert counts(database) == {"available": 10}


# --- Approval by the rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module_does", "database_says", "at_once"),
    [
        (False, "inherit", False),
        (True, "inherit", True),
        (False, "auto", True),
        (True, "auto", True),
        (False, "manual", False),
        (True, "manual", False),
    ],
)
def test_the_database_says_who_approves_or_else_the_module(
    database, staff, owner, admin, witness, module_does, database_says, at_once
):
    change_settings(module=MODULE, by=owner, auto_approve=module_does)
    change_auto_approve(database=database, auto_approve=AutoApprove(database_says), by=admin)
    database.refresh_from_db()
    request = request_records(database=database, quantity=4, by=staff)
    witness.look_and_check()
    assert request.state == ("approved" if at_once else "pending")
    assert counts(database) == {"available": 6, "assigned" if at_once else "requested": 4}
    assert bool(Batch.objects.filter(staff=staff, received_count=4)) == at_once
    assert ask("SELECT decided_by_id FROM records_request") == [(None,)]
    assert Notice.objects.filter(kind=Kind.REQUEST_MADE).exists() != at_once


def test_what_waits_already_goes_on_waiting_when_the_rule_changes(database, staff, owner):
    request = request_records(database=database, quantity=4, by=staff)
    change_settings(module=MODULE, by=owner, auto_approve=True)
    assert state_of(request) == "pending"


def test_the_rule_of_one_database_is_not_that_of_another(database, staff, admin):
    other = factories_of(MODULE).database()
    fill(other, 3)
    change_auto_approve(database=database, auto_approve=AutoApprove.AUTO, by=admin)
    database.refresh_from_db()
    assert request_records(database=database, quantity=1, by=staff).state == "approved"
    assert request_records(database=other, quantity=1, by=staff).state == "pending"


# --- Telling -----------------------------------------------------------------------------------------------


def test_admins_are_alerted_while_a_request_waits_and_not_longer(database, staff, admin, owner):
    one, two, three = [request_records(database=database, quantity=n, by=staff) for n in (1, 2, 3)]
    for person in (admin, owner):
        assert sorted(texts(person, Kind.REQUEST_MADE)) == [
            "Sari Staff asks for 1 record of June.",
            "Sari Staff asks for 2 records of June.",
            "Sari Staff asks for 3 records of June.",
        ]
    approve_requests(requests=[one], by=admin)
    assert len(texts(owner, Kind.REQUEST_MADE)) == 2
    reject_requests(requests=[two], by=admin)
    assert texts(owner, Kind.REQUEST_MADE) == ["Sari Staff asks for 3 records of June."]
    cancel_request(request=three, by=staff)
    assert texts(owner, Kind.REQUEST_MADE) == texts(admin, Kind.REQUEST_MADE) == []
    assert texts(staff, Kind.REQUEST_MADE) == []


def test_an_answer_to_one_request_settles_only_its_own_alert(database, staff, admin):
    """Request 1 is not request 10, though the name of the one begins like that of the other."""
    run("SELECT setval(pg_get_serial_sequence('records_request', 'id'), 70000, false)")
    one = request_records(database=database, quantity=1, by=staff)
    run("SELECT setval(pg_get_serial_sequence('records_request', 'id'), 700000, false)")
    ten = request_records(database=database, quantity=2, by=staff)
    assert str(ten.pk).startswith(str(one.pk))
    approve_requests(requests=[one], by=admin)
    assert texts(admin, Kind.REQUEST_MADE) == ["Sari Staff asks for 2 records of June."]


def test_whoever_asked_is_told_and_finds_the_records_there(database, staff, other_staff, admin):
    request = request_records(database=database, quantity=4, by=staff)
    approve_requests(requests=[request], by=admin)
    [notice] = Notice.objects.filter(user=staff)
    assert notice.text == "Your request is approved: 4 records of June are yours."
    assert notice.url == Batch.objects.get(staff=staff).get_absolute_url()
    assert not Notice.objects.filter(user=other_staff).exists()


def test_an_admin_who_does_not_want_to_hear_of_requests_does_not(database, staff, admin, owner):
    mute_kinds(kinds=[Kind.REQUEST_MADE], by=admin)
    request_records(database=database, quantity=1, by=staff)
    assert texts(admin, Kind.REQUEST_MADE) == []
    assert len(texts(owner, Kind.REQUEST_MADE)) == 1


def test_a_record_that_comes_back_from_a_request_is_drawn_like_any_other(database, staff):
    """Above the floor, as every record that left the pool."""
    request = request_records(database=database, quantity=4, by=staff)
    held = list(request.records.values_list("pk", flat=True))
    cancel_request(request=request, by=staff)
    database.refresh_from_db()
    assert database.lottery_floor > 0
    assert all(record.lottery >= database.lottery_floor for record in Record.objects.filter(pk__in=held))
