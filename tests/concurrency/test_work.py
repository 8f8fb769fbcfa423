"""Two people at the same records at the same moment: one effect, a clear sentence for the other, true counts."""

import threading
from collections.abc import Callable
from concurrent.futures import wait
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction

from crm.accounts.models import User
from crm.accounts.services import deactivate_person
from crm.distribution.assignment import Returned, assign_random, recall_records, transfer_records
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.models import Validation
from crm.distribution.settings import change_settings
from crm.distribution.undo import Undone, undo
from crm.distribution.validation import (
    Validated,
    archive_invalid,
    purge_archived,
    replace_invalid,
    restore_archived,
    validate_records,
)
from crm.distribution.work import Noted, note_outcome
from crm.errors import Refused
from crm.notices.models import Notice
from crm.registry import get_module, modules
from records.models import Request
from records.requests import approve_requests, cancel_request, reject_requests, request_records
from tests.distribution.sql import ask
from tests.distribution.sql import run as execute
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.properties.invariants import broken_rules

pytestmark = pytest.mark.django_db(transaction=True)

NORMAL, MEMBERS = get_module("records"), get_module("memberwd")
ROUNDS = 5
"""Of each race. Who wins is chance; what comes of it must not be."""


@pytest.fixture
def normal():
    """A database of Normal DB with forty records in the pool."""
    database = factories_of(NORMAL).database()
    fill(database, 40)
    return database


@pytest.fixture
def members():
    database = factories_of(MEMBERS).database()
    fill(database, 60)
    return database


@pytest.fixture
def race(workers):
    """Starts functions at the same moment; what each returned, or the error in which it ended."""

    def race(*functions: Callable[[], Any]) -> list[Any]:
        together = threading.Barrier(len(functions))

        def run(function: Callable[[], Any]) -> Any:
            connection.ensure_connection()
            together.wait()
            return function()

        results = workers.run(*[lambda function=function: run(function) for function in functions])
        assert [error for error in results if isinstance(error, Exception) and not isinstance(error, Refused)] == []
        return results

    return race


@pytest.fixture
def batch(members, staff, admin):
    """Eight records of Member WD with Sari."""
    return assign_random(module=MEMBERS, database=members, staff=staff, count=8, by=admin).batch


def of(batch):
    return batch.module.Record.objects.with_ids(list(batch.records.assigned().values_list("pk", flat=True)))


def mark(records, by) -> Validated:
    return validate_records(records=records, by=by, validation=Validation.INVALID, reason="Wrong number")


def check_counts() -> None:
    """Everything that always holds, the stored counts among it."""
    for module in modules():
        assert broken_rules(module) == {}


def refusals(results: list[Any]) -> list[str]:
    return [str(result) for result in results if isinstance(result, Refused)]


# --- Requests ------------------------------------------------------------------------------------------------


def test_a_request_that_is_approved_and_cancelled_at_once_is_one_of_both(race, normal, staff, admin):
    for _ in range(ROUNDS):
        request = request_records(database=normal, quantity=3, by=staff)
        held = NORMAL.Record.objects.held_by(staff).count()
        approved, cancelled = race(
            lambda request=request: approve_requests(requests=[request], by=admin),
            lambda request=request: cancel_request(request=request, by=staff),
        )
        request.refresh_from_db()
        now = NORMAL.Record.objects.held_by(staff).count()
        if request.state == "approved":
            assert (approved.done, approved.late, now - held) == (1, 0, 3)
            assert str(cancelled) == "This request was decided already. Nothing was changed."
        else:
            assert request.state == "cancelled"
            assert (approved.done, approved.late, now - held, cancelled) == (0, 1, 0, None)
        check_counts()


def test_a_request_that_two_admins_decide_at_once_is_decided_once(race, normal, staff, admin, owner):
    for decide in (approve_requests, reject_requests):
        for _ in range(ROUNDS // 2):
            request = request_records(database=normal, quantity=3, by=staff)
            batches = NORMAL.Batch.objects.count()
            results = race(
                lambda request=request: approve_requests(requests=[request], by=admin),
                lambda request=request, decide=decide: decide(requests=[request], by=owner),
            )
            assert sorted((each.done, each.late) for each in results) == [(0, 1), (1, 0)]
            request.refresh_from_db()
            assert NORMAL.Batch.objects.count() - batches == (request.state == "approved")
            check_counts()


def test_admins_who_decide_many_requests_at_once_do_not_wait_for_each_other_in_a_ring(
    workers, staff, other_staff, admin, owner
):
    """One begins in the second database, the other in the first, where it is held up a moment by an alert."""
    first, second = factories_of(NORMAL).database.create_batch(2)
    for database in (first, second):
        fill(database, 20)
    wishes = [(second, staff), (first, staff), (first, other_staff), (second, other_staff)]
    one, two, three, four = (request_records(database=database, quantity=3, by=by) for database, by in wishes)
    with transaction.atomic():
        assert list(Notice.objects.filter(about=f"request/{three.pk}/").select_for_update())
        rejected = workers.start(lambda: reject_requests(requests=[three, four], by=owner))
        workers.wait_until_blocked(1)
        approved = workers.start(lambda: approve_requests(requests=[one, two], by=admin))
        workers.wait_until_blocked(2)
    assert rejected.result(10).done == 2
    assert approved.result(10).done == 2
    check_counts()


# --- A recall while the staff member works ---------------------------------------------------------------------


def test_what_is_noted_while_it_is_recalled_is_noted_or_refused(race, members, staff, admin):
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=8, by=admin).batch
        records = of(batch)
        noted, recalled = race(
            lambda records=records: note_outcome(records=records, by=staff, note="called"),
            lambda records=records: recall_records(records=records, by=admin),
        )
        assert recalled.count == 8
        if isinstance(noted, Refused):
            assert str(noted) == "These records are no longer with you. Nothing was changed."
        else:
            assert isinstance(noted, Noted)
            assert noted.count == 8
        assert records.in_pool().filter(note="", worked_at=None).count() == 8, "nothing is left over in the pool"
        check_counts()


def test_what_is_marked_as_invalid_while_it_is_recalled_is_marked_or_refused(race, members, staff, admin, owner):
    change_settings(module=MEMBERS, by=owner, auto_replace=True, most_replacements=100)
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=4, by=admin).batch
        records = of(batch)
        marked, recalled = race(
            lambda records=records: mark(records, staff),
            lambda records=records: recall_records(records=records, by=admin),
        )
        if isinstance(marked, Refused):
            assert str(marked) == "These records are no longer with you. Nothing was changed."
            assert recalled.count == 4
            assert not records.archived().exists()
        else:
            assert (marked.count, marked.replacement.replaced) == (4, 4)
            assert (recalled.count, recalled.skipped) == (0, 4), "what is archived is not recalled"
        assert records.archived().count() + records.in_pool().count() == 4
        recall_records(records=MEMBERS.Record.objects.all(), by=admin)
        check_counts()


# --- Replacing ---------------------------------------------------------------------------------------------------


def test_two_admins_who_replace_the_same_records_at_once_replace_each_once(race, members, staff, admin, owner):
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=4, by=admin).batch
        mark(of(batch), staff)
        results = race(
            lambda batch=batch: replace_invalid(records=batch.records.all(), by=admin),
            lambda batch=batch: replace_invalid(records=batch.records.all(), by=owner),
        )
        assert [result.replaced for result in results if not isinstance(result, Refused)] == [4]
        assert refusals(results) == ["None of these records waits as invalid any more. Nothing was changed."]
        assert (batch.records.archived().count(), batch.records.assigned().count()) == (4, 4)
        check_counts()
        recall_records(records=batch.records.all(), by=admin)


def test_of_two_clicks_at_once_one_has_the_last_replacement_of_the_batch(race, batch, staff, owner):
    change_settings(module=MEMBERS, by=owner, auto_replace=True, most_replacements=1)
    for round_ in range(3):
        first, second = of(batch).filter(validation="")[:2]
        results = race(
            *[
                lambda record=record: mark(MEMBERS.Record.objects.filter(pk=record.pk), staff)
                for record in (first, second)
            ]
        )
        assert sum(result.replacement.replaced for result in results) == (1 if round_ == 0 else 0)
        assert batch.records.filter(replaces__isnull=False).count() == 1
        check_counts()


def test_staff_of_one_database_share_its_last_records(race, members, staff, other_staff, admin, owner):
    """Two left, and two people who each mark two at once: two are replaced, and two wait."""
    change_settings(module=MEMBERS, by=owner, auto_replace=True, most_replacements=100)

    def mark_two(person: User) -> Validated:
        mine = MEMBERS.Record.objects.held_by(person).order_by("pk").values_list("pk", flat=True)[:2]
        return mark(MEMBERS.Record.objects.with_ids(list(mine)), person)

    for person in (staff, other_staff):
        assign_random(module=MEMBERS, database=members, staff=person, count=29, by=admin)
    results = race(lambda: mark_two(staff), lambda: mark_two(other_staff))
    assert sum(result.replacement.replaced for result in results) == 2
    assert sum(result.replacement.waiting for result in results) == 2
    assert not MEMBERS.Record.objects.in_pool().exists()
    check_counts()


@pytest.fixture
def chain(members, batch, staff, admin):
    """Records each of which took the place of the one before it; the last is assigned, and the third has a lower key
    than the first."""
    first = batch.records.order_by("-pk").first().pk
    lowest, *others = MEMBERS.Record.objects.in_pool().order_by("pk").values_list("pk", flat=True)
    links = [first, others[0], lowest, others[1]]
    for link, successor in pairwise(links):
        execute("UPDATE memberwd_record SET lottery = 0 WHERE id = %s", successor)
        mark(MEMBERS.Record.objects.filter(pk=link), staff)
        replace_invalid(records=batch.records.all(), by=admin)
        assert MEMBERS.Record.objects.get(replaces=link).pk == successor
    return links


@pytest.mark.parametrize("service", [restore_archived, purge_archived])
def test_two_admins_who_empty_the_archive_at_once_do_not_wait_for_each_other_in_a_ring(
    workers, chain, admin, owner, service
):
    """One wants the first and the third of a chain of replacements, the other the second."""
    first, second, third, last = chain
    with transaction.atomic():
        list(MEMBERS.Record.objects.select_for_update().filter(pk=first))
        ends = workers.start(lambda: service(records=MEMBERS.Record.objects.with_ids([first, third]), by=admin))
        workers.wait_until_blocked(1)
        middle = workers.start(lambda: restore_archived(records=MEMBERS.Record.objects.filter(pk=second), by=owner))
        workers.wait_until_blocked(2)
    assert (ends.result(10), middle.result(10)) == (2, 1)
    assert MEMBERS.Record.objects.get(pk=last).replaces is None
    check_counts()


def test_a_record_is_replaced_and_archived_at_once_by_two_admins(race, members, staff, admin, owner):
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=3, by=admin).batch
        mark(of(batch), staff)
        results = race(
            lambda batch=batch: replace_invalid(records=batch.records.all(), by=admin),
            lambda batch=batch: archive_invalid(records=batch.records.all(), by=owner),
        )
        assert len(refusals(results)) == 1
        assert batch.records.archived().count() == 3
        assert batch.records.assigned().count() in (0, 3)
        check_counts()


# --- Somebody leaves -----------------------------------------------------------------------------------------------


def test_nobody_leaves_with_records_that_are_assigned_at_the_same_moment(race, members, admin, owner):
    for _ in range(ROUNDS):
        person = UserFactory()
        assign_random(module=MEMBERS, database=members, staff=person, count=3, by=admin)
        assigned, left = race(
            lambda person=person: assign_random(module=MEMBERS, database=members, staff=person, count=3, by=admin),
            lambda person=person: deactivate_with_records(person=person, to=[], by=owner),
        )
        person.refresh_from_db()
        assert not person.is_active
        assert left.recalled == (3 if isinstance(assigned, Refused) else 6)
        assert not MEMBERS.Record.objects.held_by(person).exists()
        if isinstance(assigned, Refused):
            assert "is not an active staff member" in str(assigned)
        check_counts()


def test_nobody_leaves_with_a_request_that_is_approved_at_the_same_moment(race, normal, admin, owner):
    for _ in range(ROUNDS):
        person = UserFactory()
        request = request_records(database=normal, quantity=3, by=person)
        approved, left = race(
            lambda request=request: approve_requests(requests=[request], by=admin),
            lambda person=person: deactivate_with_records(person=person, to=[], by=owner),
        )
        request.refresh_from_db()
        assert not NORMAL.Record.objects.held_by(person).exists()
        if request.state == "approved":
            assert (approved.done, left.recalled) == (1, 3)
        else:
            assert request.state == "cancelled"
            assert left.recalled == 0
            assert isinstance(approved, Refused) or approved.late == 1
        assert NORMAL.Record.objects.in_pool().count() == 40
        check_counts()


def test_a_plain_deactivation_and_an_approval_at_once_end_in_one_of_both(race, normal, admin, owner):
    for _ in range(ROUNDS):
        person = UserFactory()
        request = request_records(database=normal, quantity=2, by=person)
        approved, left = race(
            lambda request=request: approve_requests(requests=[request], by=admin),
            lambda person=person: deactivate_person(person=person, by=owner),
        )
        person.refresh_from_db()
        if isinstance(left, Refused):
            assert "holds records in Normal DB" in str(left)
            assert (person.is_active, approved.done) == (True, 1)
        else:
            assert not person.is_active
            assert isinstance(approved, Refused) or approved.late == 1
            assert not NORMAL.Record.objects.held_by(person).exists()
        check_counts()
        recall_records(records=NORMAL.Record.objects.all(), by=admin)


def test_whoever_leaves_and_the_admin_who_recalls_do_not_wait_for_each_other_in_a_ring(
    workers, members, staff, other_staff, admin, owner
):
    """The records are spread over two people, one after the other, while the very last is recalled."""
    receiver = UserFactory()
    batch = assign_random(module=MEMBERS, database=members, staff=staff, count=10, by=admin).batch
    in_order = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    with transaction.atomic():
        list(MEMBERS.Record.objects.select_for_update().filter(pk=in_order[5]))  # the first of the second share
        left = workers.start(lambda: deactivate_with_records(person=staff, to=[other_staff, receiver], by=owner))
        workers.wait_until_blocked(1)
        recalled = workers.start(
            lambda: recall_records(records=MEMBERS.Record.objects.filter(pk=in_order[9]), by=admin)
        )
        wait([recalled], timeout=1)
    assert recalled.result(10).count == 1
    assert left.result(10).transferred == 9
    check_counts()


def test_whoever_leaves_and_the_admin_who_turns_their_request_down_do_not_wait_in_a_ring(
    workers, normal, staff, admin, owner
):
    batch = assign_random(module=NORMAL, database=normal, staff=staff, count=5, by=admin).batch
    request = request_records(database=normal, quantity=3, by=staff)
    with transaction.atomic():
        list(NORMAL.Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk))
        left = workers.start(lambda: deactivate_with_records(person=staff, to=[], by=owner))
        workers.wait_until_blocked(1)
        rejected = workers.start(lambda: reject_requests(requests=[request], by=admin))
        workers.wait_until_blocked(2)
    assert left.result(10).recalled == 5
    assert (rejected.result(10).done, rejected.result(10).late) == (0, 1)
    assert Request.objects.get().state == "cancelled"
    check_counts()


# --- Taking back ---------------------------------------------------------------------------------------------------


def test_what_is_recalled_while_it_is_taken_back_ends_in_the_pool(race, members, staff, admin):
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=6, by=admin).batch
        records = of(batch)
        key = note_outcome(records=records, by=staff, note="called").undo
        undone, recalled = race(
            lambda key=key: undo(key=key, by=staff),
            lambda records=records: recall_records(records=records, by=admin),
        )
        assert recalled.count == 6
        if isinstance(undone, Refused):
            assert "changed since, so this cannot be undone" in str(undone)
        else:
            assert undone == Undone(6, 0)
        assert records.in_pool().filter(note="").count() == 6
        check_counts()


def test_what_is_taken_back_twice_at_once_comes_back_once(race, batch, staff, admin):
    for _ in range(ROUNDS):
        records = of(batch)
        key = recall_records(records=records, by=admin).undo
        results = race(*[lambda key=key: undo(key=key, by=admin)] * 2)
        assert [result for result in results if isinstance(result, Undone)] == [Undone(8, 0)]
        assert len(refusals(results)) == 1
        assert batch.records.assigned().count() == 8
        check_counts()


def test_a_recall_is_taken_back_or_its_records_are_handed_out(race, members, staff, other_staff, admin, owner):
    """All of the pool, so that the hand-out wants the very records that come back."""
    for _ in range(ROUNDS):
        batch = assign_random(module=MEMBERS, database=members, staff=staff, count=60, by=admin).batch
        key = recall_records(records=batch.records.all(), by=admin).undo
        undone, assigned = race(
            lambda key=key: undo(key=key, by=admin),
            lambda: assign_random(module=MEMBERS, database=members, staff=other_staff, count=60, by=owner),
        )
        assert isinstance(undone, Refused) != isinstance(assigned, Refused)
        assert MEMBERS.Record.objects.assigned().count() == 60
        assert MEMBERS.Record.objects.filter(batch=batch).count() in (0, 60)
        check_counts()
        recall_records(records=MEMBERS.Record.objects.all(), by=admin)


def test_a_replacement_comes_back_while_its_original_is_restored(race, batch, staff, admin, owner):
    for _ in range(ROUNDS):
        original = MEMBERS.Record.objects.filter(pk=batch.records.assigned().order_by("pk").first().pk)
        mark(original, staff)
        replace_invalid(records=original, by=admin)
        replacement = MEMBERS.Record.objects.filter(pk=MEMBERS.Record.objects.get(replaces=original.get()).pk)
        key = recall_records(records=replacement, by=admin).undo
        undone, restored = race(
            lambda key=key: undo(key=key, by=admin),
            lambda original=original: restore_archived(records=original, by=owner),
        )
        assert (undone, restored) == (Undone(1, 0), 1)
        assert replacement.get().replaces is None
        check_counts()


def test_two_transfers_of_the_same_records_at_once_leave_them_with_one(race, batch, staff, other_staff, admin, owner):
    third = UserFactory()
    records = of(batch)
    for _ in range(ROUNDS):
        transfer_records(records=records, to=staff, by=admin)
        results = race(
            lambda: transfer_records(records=records, to=other_staff, by=admin),
            lambda: transfer_records(records=records, to=third, by=owner),
        )
        assert all(isinstance(result, Returned) for result in results)
        holders = ask("SELECT assignee_id, count(*) FROM memberwd_record WHERE status = 'assigned' GROUP BY 1")
        assert len(holders) == 1
        assert holders[0][1] == 8
        check_counts()
