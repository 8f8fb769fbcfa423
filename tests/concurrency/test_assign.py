"""Many people at the same records at the same time: real threads, real connections."""

import re
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from crm.accounts.services import deactivate_person
from crm.distribution.assignment import (
    TooFew,
    assign_picked,
    assign_random,
    recall_records,
    transfer_records,
)
from crm.distribution.forms import OnceForm
from crm.distribution.imports.uploads import undo_import
from crm.distribution.models import Submission
from crm.errors import Refused
from crm.registry import get_module
from tests.distribution.sql import Witness, ask
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = get_module("memberwd")


@pytest.fixture
def database():
    return factories_of(MODULE).database()


@pytest.fixture
def witness(database):
    return Witness(MODULE)


@contextmanager
def locked(rows):
    """Another transaction holds these rows, and gives them back unchanged."""
    with transaction.atomic():
        list(rows.select_for_update().order_by("pk"))
        yield
        transaction.set_rollback(True)


@pytest.mark.proof
def test_eight_workers_assign_until_nothing_is_left_and_no_record_goes_to_two(workers, database, witness, admin):
    fill(database, 4000)
    witness.look()
    people = UserFactory.create_batch(8)
    together = threading.Barrier(8)

    def work_until_empty(number: int) -> list[int]:
        sizes, count = [], 30 + 7 * number
        together.wait()
        while count:
            try:
                done = assign_random(module=MODULE, database=database, staff=people[number], count=count, by=admin)
            except TooFew as few:
                count = few.possible if few.possible < count else count - 1
            else:
                assert done.count == count == done.batch.received_count
                sizes.append(done.count)
        return sizes

    sizes = workers.run(*[lambda number=number: work_until_empty(number) for number in range(8)])

    assert sum(sum(each) for each in sizes) == 4000
    assert ask(f"SELECT status, count(*) FROM {MODULE.Record._meta.db_table} GROUP BY 1") == [("assigned", 4000)]
    for person, each in zip(people, sizes, strict=True):
        assert MODULE.Record.objects.held_by(person).count() == sum(each)
        batches = MODULE.Batch.objects.of(person).order_by("pk")
        assert list(batches.values_list("current_count", flat=True)) == each
    assert len([each for each in sizes if each]) == 8, "they did not work at the same time"
    handed_out = "SELECT count(*), count(DISTINCT pgh_obj_id) FROM memberwd_recordevent"
    assert ask(handed_out) == [(4000, 4000)], "a record was handed out twice"
    witness.look_and_check()


def test_of_two_who_want_more_than_there_is_one_gets_all_and_the_other_a_true_number(workers, database, witness, admin):
    fill(database, 100)
    witness.look()
    people = UserFactory.create_batch(2)
    together = threading.Barrier(2)

    def want_sixty(person):
        together.wait()
        return assign_random(module=MODULE, database=database, staff=person, count=60, by=admin)

    results = workers.run(*[lambda person=person: want_sixty(person) for person in people])

    won = [result for result in results if not isinstance(result, Exception)]
    lost = [result for result in results if isinstance(result, TooFew)]
    assert [done.count for done in won] == [60]
    assert [few.possible for few in lost] == [40]
    assert "Only 40 records are available, 60 were asked for" in str(lost[0])
    assert MODULE.Record.objects.assigned().count() == 60
    assert MODULE.Batch.objects.count() == 1
    witness.look_and_check()


def test_rows_that_others_merely_hold_locked_are_waited_for(workers, database, admin, staff):
    ids = fill(database, 100)
    with locked(MODULE.Record.objects.with_ids(ids[:60])):
        asked = workers.start(lambda: assign_random(module=MODULE, database=database, staff=staff, count=60, by=admin))
        time.sleep(0.5)
        assert not asked.done(), "it should wait, not declare a shortage that is none"
    assert asked.result(5).count == 60


def test_the_wait_ends_and_nothing_is_changed(workers, database, admin, staff, monkeypatch):
    monkeypatch.setattr("crm.distribution.draw.WAIT_SECONDS", 0.3)
    ids = fill(database, 100)
    with locked(MODULE.Record.objects.with_ids(ids[:60])):
        asked = workers.start(lambda: assign_random(module=MODULE, database=database, staff=staff, count=60, by=admin))
        with pytest.raises(TooFew, match="Others are handing out these records") as few:
            asked.result(5)
    assert few.value.possible == 40
    assert not MODULE.Batch.objects.exists()
    assert MODULE.Database.objects.get().lottery_floor == 0


def test_a_hand_out_that_finds_enough_does_not_wait_for_rows_that_others_hold(workers, database, admin, staff):
    ids = fill(database, 100)
    with locked(MODULE.Record.objects.with_ids(ids[:60])):
        asked = workers.start(lambda: assign_random(module=MODULE, database=database, staff=staff, count=40, by=admin))
        assert asked.result(5).count == 40


def test_picking_the_same_records_at_once_gives_them_to_one(workers, database, witness, admin):
    ids = fill(database, 40)
    witness.look()
    people = UserFactory.create_batch(4)
    together = threading.Barrier(4)

    def pick(person):
        together.wait()
        return assign_picked(module=MODULE, database=database, staff=person, record_ids=ids, by=admin)

    results = workers.run(*[lambda person=person: pick(person) for person in people])

    assert sorted(getattr(result, "count", 0) for result in results) == [0, 0, 0, 40]
    assert [result.possible for result in results if isinstance(result, TooFew)] == [0, 0, 0]
    witness.look_and_check()


def test_a_form_that_is_sent_twice_at_once_takes_effect_once(workers, database, witness, admin, staff):
    fill(database, 50)
    witness.look()
    token = OnceForm()["token"].value()
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(admin)
    together = threading.Barrier(2)

    def send(client):
        together.wait()
        url = reverse("assign_at_random", args=[MODULE, database.pk])
        return client.post(url, {"staff": staff.pk, "count": 20, "token": token}, follow=True)

    pages = workers.run(*[lambda client=client: send(client) for client in clients])

    assert [page.status_code for page in pages] == [200, 200]
    for said in ("20 records assigned to Sari Staff.", "This was sent already and took effect once."):
        assert sum(said in page.content.decode() for page in pages) == 1
    assert MODULE.Record.objects.assigned().count() == 20
    assert MODULE.Batch.objects.count() == Submission.objects.count() == 1
    witness.look_and_check()


def test_nobody_is_deactivated_while_they_are_given_records(workers, database, admin, staff):
    fill(database, 5)
    with transaction.atomic():
        assign_random(module=MODULE, database=database, staff=staff, count=5, by=admin)
        deactivation = workers.start(lambda: deactivate_person(person=staff, by=admin))
        workers.wait_until_blocked()
    with pytest.raises(Refused, match="holds records in Member WD"):
        deactivation.result(5)
    staff.refresh_from_db()
    assert staff.is_active


def test_nobody_is_given_records_while_they_are_deactivated(workers, database, admin, staff, other_staff):
    fill(database, 10)
    assign_random(module=MODULE, database=database, staff=other_staff, count=5, by=admin)
    with transaction.atomic():
        deactivate_person(person=staff, by=admin)
        hand_overs = [
            workers.start(lambda: assign_random(module=MODULE, database=database, staff=staff, count=5, by=admin)),
            workers.start(lambda: transfer_records(records=MODULE.Record.objects.all(), to=staff, by=admin)),
        ]
        workers.wait_until_blocked(2)
    for hand_over in hand_overs:
        with pytest.raises(Refused, match="is not an active staff member"):
            hand_over.result(5)
    assert not MODULE.Record.objects.held_by(staff).exists()


def test_recall_and_transfer_of_the_same_records_come_one_after_the_other(workers, database, witness, admin):
    ids = fill(database, 120)
    witness.look()
    people = UserFactory.create_batch(4)
    rounds = 6
    together = threading.Barrier(6)

    def repeat(action):
        def run():
            for number in range(rounds):
                together.wait()
                action(number)

        return run

    def assign(number):
        with suppress(TooFew):
            assign_random(module=MODULE, database=database, staff=people[number % 4], count=60, by=admin)

    everything = MODULE.Record.objects.with_ids(ids)
    backwards = MODULE.Record.objects.with_ids(ids[::-1]).order_by("-pk")
    results = workers.run(
        repeat(assign),
        repeat(lambda number: recall_records(records=everything.filter(row_number__gt=0), by=admin)),
        repeat(lambda number: recall_records(records=backwards, by=admin)),
        repeat(lambda number: transfer_records(records=everything, to=people[(number + 1) % 4], by=admin)),
        repeat(lambda number: transfer_records(records=backwards, to=people[(number + 2) % 4], by=admin)),
        repeat(assign),
    )

    assert results == [None] * 6
    stored = MODULE.Database.objects.get()
    assert stored.available_count + stored.assigned_count == stored.record_count == 120
    wrong = MODULE.Record.objects.assigned().exclude(batch__staff_id__in=[person.pk for person in people])
    assert not wrong.exists()
    received = sum(MODULE.Batch.objects.values_list("received_count", flat=True))
    left = sum(MODULE.Batch.objects.values_list("left_count", flat=True))
    assert received - left == stored.assigned_count
    check_without_a_past(witness)


def check_without_a_past(witness: Witness) -> None:
    """What is there, after many statements at once: what came and went is not known to the witness."""
    there = ("current_count", "archived_count", "invalid_count")
    stored, true = witness._stored_of_batches(), witness._true_of_batches()
    for pk, counts in stored.items():
        assert {name: counts[name] for name in there} == {name: true[pk][name] for name in there}
        assert counts["received_count"] == counts["current_count"] + counts["left_count"]
    assert witness._stored_of_databases() == witness._true_of_databases()


def test_hand_overs_over_several_databases_do_not_deadlock(workers, witness, admin):
    databases = factories_of(MODULE).database.create_batch(3)
    for each in databases:
        fill(each, 60)
    people = UserFactory.create_batch(4)
    together = threading.Barrier(4)

    def churn(number):
        order = databases[number % 3 :] + databases[: number % 3]
        together.wait()
        for each in order * 2:
            assign_random(module=MODULE, database=each, staff=people[number], count=5, by=admin)
            moving = MODULE.Record.objects.filter(assignee=people[number])
            transfer_records(records=moving, to=people[(number + 1) % 4], by=admin)
        recall_records(records=MODULE.Record.objects.filter(assignee=people[number]), by=admin)

    assert workers.run(*[lambda number=number: churn(number) for number in range(4)]) == [None] * 4
    witness.look()
    check_without_a_past(witness)


def test_undoing_an_import_and_assigning_its_records_do_not_wait_for_each_other_in_a_ring(
    workers, database, admin, staff
):
    fill(database, 20)
    with transaction.atomic():
        list(MODULE.Database.objects.select_for_update().filter(pk=database.pk))
        undone = workers.start(lambda: undo_import(database=database, by=admin))
        workers.wait_until_blocked(1)
        assigned = workers.start(
            lambda: assign_random(module=MODULE, database=database, staff=staff, count=5, by=admin)
        )
        time.sleep(0.3)

    results = [undone.exception(10), assigned.exception(10)]
    assert all(error is None or isinstance(error, Refused) for error in results), results
    assert results.count(None) == 1, "one of the two takes place"
    if results[0] is None:
        assert not MODULE.Record.objects.exists()
    else:
        assert MODULE.Record.objects.assigned().count() == 5


def test_an_import_is_undone_once(workers, database, admin):
    fill(database, 20)
    results = workers.run(*[lambda: undo_import(database=database, by=admin)] * 3)
    assert results.count(None) == 1
    assert [str(error) for error in results if error] == ["This import is undone already."] * 2
    assert not MODULE.Database.objects.exists()


def test_every_thread_has_given_its_connection_back(workers):
    workers.run(lambda: ask("SELECT 1"))
    assert len(connections.all(initialized_only=True)) == 1


def test_waiting_for_somebody_elses_rows_ends_with_a_sentence(database, client, admin):
    """Another connection holds the rows for longer than a page waits: no 500, nothing changed."""
    record = factories_of(MODULE).record(database=database, assigned=True)
    client.force_login(admin)
    url = reverse("recall_records", args=[MODULE])
    shown = client.post(url, {"ids": [record.pk]}).content.decode()
    expected = re.search(r'name="expected" value="([^"]*)"', shown)[1]
    other = connections.create_connection("default")
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(f'SELECT 1 FROM "{MODULE.Record._meta.db_table}" WHERE id = %s FOR UPDATE', [record.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        answer = client.post(url, {"ids": [record.pk], "expected": expected, "token": OnceForm()["token"].value()})
    finally:
        other.rollback()
        other.close()
        connection.close()
    assert answer.status_code == 422
    assert "Others are working on these records" in answer.content.decode()
    record.refresh_from_db()
    assert record.status == "assigned"
