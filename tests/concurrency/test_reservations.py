"""Reservations, and what else happens to the same customers at the same moment.

Whoever comes second waits, and finds what the first has done: never a `reserved` record that nothing covers, never an
assigned record of somebody else's customer without its flag.
"""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from crm.accounts.models import User
from crm.accounts.services import deactivate_person, edit_person, reactivate_person
from crm.distribution.assignment import assign_picked, assign_random, recall_records, transfer_records
from crm.distribution.conflicts import hand_to_owners, keep_records
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.undo import undo
from crm.distribution.validation import restore_archived
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import get_module, modules
from crm.reservations.entries import Entry, add_reservations
from crm.reservations.expiry import run_expiry
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    approve_reservations,
    ask_reservation,
    move_reservations,
    reject_reservations,
    release_reservations,
    restore_reservations,
)
from records.models import Request
from records.requests import approve_requests, cancel_request, reject_requests, request_records
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.properties.invariants import broken_rules

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = get_module("bonanza")


@pytest.fixture(autouse=True)
def everything_holds_afterwards(db):
    yield
    assert {module.key: broken_rules(module) for module in modules()} == {module.key: {} for module in modules()}


@pytest.fixture
def database():
    """Six records in the pool."""
    database = factories_of(MODULE).database()
    fill(database, 6)
    return database


@pytest.fixture
def reserver():
    return UserFactory(username="rudi")


@pytest.fixture
def record(database):
    return database.records.order_by("pk").first()


@pytest.fixture
def reserve(record, reserver, admin):
    """Reserves the record's customer for somebody."""
    return lambda: add_reservation(
        product=record.database.product, customer_id=record.customer_id, staff=reserver, by=admin
    )


def every() -> Reservation:
    return Reservation.objects.all()


def one(record):
    return MODULE.Record.objects.with_ids([record.pk])


def test_a_customer_that_is_assigned_at_this_moment_is_flagged(workers, record, reserve, staff, admin):
    with transaction.atomic():
        assign_picked(module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin)
        reserving = workers.start(reserve)
        workers.wait_until_blocked()
    effect = reserving.result(10)
    assert (effect.reserved, effect.conflicts) == (0, 1)


def test_a_customer_that_is_reserved_at_this_moment_is_not_assigned(workers, record, reserve, staff, admin):
    with transaction.atomic():
        assert reserve().reserved == 1
        assigning = workers.start(
            lambda: assign_picked(
                module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin
            )
        )
        workers.wait_until_blocked()
    with pytest.raises(Refused, match="reserved by somebody else"):
        assigning.result(10)


def test_a_record_that_is_recalled_while_its_customer_is_reserved_is_reserved(workers, record, reserve, staff, admin):
    assign_picked(module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin)
    with transaction.atomic():
        recall_records(records=one(record), by=admin)
        reserving = workers.start(reserve)
        workers.wait_until_blocked()
    assert (reserving.result(10).reserved, one(record).get().status) == (1, "reserved")


def test_a_record_that_is_recalled_while_its_customer_is_released_is_available(workers, record, reserve, staff, admin):
    assign_picked(module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin)
    reserve()
    with transaction.atomic():
        release_reservations(reservations=every(), by=admin)
        recalling = workers.start(lambda: recall_records(records=one(record), by=admin))
        workers.wait_until_blocked()
    assert (recalling.result(10).count, one(record).get().status) == (1, "available")


def test_an_import_that_ends_while_a_customer_is_reserved_sees_the_reservation(workers, record, reserve, admin):
    content = f"id\n{record.customer_id}\nsomebody else\n".encode()
    upload = receive_upload(
        module=MODULE,
        product=record.database.product,
        name="More",
        file_name="more.csv",
        content=[content],
        by=admin,
    )
    with transaction.atomic():
        reserve()
        importing = workers.start(lambda: import_upload(upload, admin))
        workers.wait_until_blocked()
    database = importing.result(10)
    assert (database.reserved_count, database.available_count) == (1, 1)


def test_a_customer_that_is_reserved_while_an_import_ends_is_reserved_in_it(workers, record, reserve, admin):
    content = f"id\n{record.customer_id}\nsomebody else\n".encode()
    upload = receive_upload(
        module=MODULE,
        product=record.database.product,
        name="More",
        file_name="more.csv",
        content=[content],
        by=admin,
    )
    with transaction.atomic():
        database = import_upload(upload, admin)
        reserving = workers.start(reserve)
        workers.wait_until_blocked()
    assert reserving.result(10).reserved == 2
    database.refresh_from_db()
    assert (database.reserved_count, database.available_count) == (1, 1)


def test_two_admins_who_approve_the_same_reservation_approve_it_once(workers, record, staff, admin, owner):
    asked = ask_reservation(product=record.database.product, customer_id=record.customer_id, by=staff)
    with transaction.atomic():
        first = approve_reservations(reservations=every(), by=admin)
        approving = workers.start(lambda: approve_reservations(reservations=every(), by=owner))
        workers.wait_until_blocked()
    second = approving.result(10)
    assert [(effect.done, effect.late, effect.reserved) for effect in (first, second)] == [(1, 0, 1), (0, 1, 0)]
    asked.refresh_from_db()
    assert asked.decided_by == admin


def test_of_two_who_reserve_the_same_customer_one_is_refused(workers, record, reserve, staff, admin):
    with transaction.atomic():
        reserve()
        second = workers.start(
            lambda: add_reservation(
                product=record.database.product, customer_id=record.customer_id.upper(), staff=staff, by=admin
            )
        )
        workers.wait_until_blocked()
    with pytest.raises(Refused, match="has reserved this customer"):
        second.result(10)


def test_two_reservations_of_one_record_by_id_and_by_phone_wait_for_each_other(workers, reserver, staff, admin):
    database = factories_of(MODULE).database()
    [pk] = fill(database, 1, customer_id="C1", phone="0812 4412 9545", phone_key="+6281244129545")
    with transaction.atomic():
        add_reservation(product=database.product, customer_id="c1", staff=reserver, by=admin)
        second = workers.start(
            lambda: add_reservation(
                product=database.product, customer_id="other", phone="0812 4412 9545", staff=staff, by=admin
            )
        )
        workers.wait_until_blocked()
    assert second.result(10).reserved == 0
    release_reservations(reservations=every().of(reserver), by=admin)
    assert MODULE.Record.objects.get(pk=pk).reservation.staff == staff


def long_ago() -> None:
    """Every reservation began so long ago that it is due."""
    Reservation.objects.update(since=timezone.now() - timedelta(days=31))


def test_what_is_moved_while_the_night_begins_does_not_end(workers, record, reserve, staff, admin):
    reserve()
    long_ago()
    with transaction.atomic():
        move_reservations(reservations=every(), to=staff, by=admin)
        ending = workers.start(run_expiry)
        workers.wait_until_blocked()
    assert ending.result(10).expired == 0
    assert every().get().status == "active"


def test_what_the_night_ends_is_not_moved(workers, record, reserve, staff, admin):
    reserve()
    long_ago()
    with transaction.atomic():
        assert run_expiry().expired == 1
        moving = workers.start(lambda: move_reservations(reservations=every(), to=staff, by=admin))
        workers.wait_until_blocked()
    assert (moving.result(10).done, moving.result().late) == (0, 1)
    assert one(record).get().status == "available"


def test_the_night_has_no_record_in_hand_while_it_waits_for_what_it_warns_of(workers, database, reserver, admin):
    """Somebody releases what ends soon and waits for the counts that the night is changing."""
    due, ending = database.records.order_by("pk")[:2]
    for record in (due, ending):
        add_reservation(product=database.product, customer_id=record.customer_id, staff=reserver, by=admin)
    every().filter(customer_key=due.customer_key).update(since=timezone.now() - timedelta(days=31))
    every().filter(customer_key=ending.customer_key).update(since=timezone.now() - timedelta(days=27))
    with transaction.atomic():
        soon = every().filter(customer_key=ending.customer_key)
        soon.locked()
        night = workers.start(run_expiry)
        workers.wait_until_blocked()
        release_reservations(reservations=soon, by=admin)
    assert (night.result(10).expired, night.result().warned) == (1, 0)


def test_whoever_leaves_locks_what_they_asked_for_with_the_rest(workers, staff, reserver, admin):
    """Somebody reserves a customer of whom the one who leaves has one record and has asked for another."""
    normal = get_module("records")
    product = factories_of(normal).database().product
    asked = factories_of(normal).record(customer_id="C1", database=factories_of(normal).database(product=product))
    request_records(database=asked.database, quantity=1, by=staff)
    held = factories_of(normal).record(customer_id="C1", database=factories_of(normal).database(product=product))
    assign_picked(module=normal, database=held.database, staff=staff, record_ids=[held.pk], by=admin)
    with transaction.atomic():
        normal.Record.objects.with_ids([asked.pk]).locked_ids()
        leaving = workers.start(lambda: deactivate_with_records(person=staff, to=[], by=admin))
        workers.wait_until_blocked()
        normal.Record.objects.with_ids([held.pk]).locked_ids()  # would wait for whoever leaves, in a ring
    assert leaving.result(10).recalled == 1


@pytest.mark.parametrize("act", ["move", "leave"])
def test_counts_are_locked_in_one_order_before_the_first_changes(workers, reserver, staff, other_staff, admin, act):
    """The first statement changes the count of the second database, a later one that of the first."""
    product = factories_of(MODULE).database().product
    first, second = (
        factories_of(MODULE).record(customer_id="C1", database=factories_of(MODULE).database(product=product))
        for _each in range(2)
    )
    assign_picked(module=MODULE, database=first.database, staff=staff, record_ids=[first.pk], by=admin)
    add_reservation(product=product, customer_id="C1", staff=staff, by=admin)
    acts = {
        "move": lambda: move_reservations(reservations=every(), to=reserver, by=admin),
        "leave": lambda: deactivate_with_records(person=staff, to=[other_staff], by=admin),
    }
    with transaction.atomic():
        MODULE.Database.objects.select_for_update().get(pk=first.database.pk)
        acting = workers.start(acts[act])
        workers.wait_until_blocked()
        MODULE.Database.objects.select_for_update(nowait=True).get(pk=second.database.pk)
    acting.result(10)


def test_a_new_name_and_a_recall_do_not_wait_for_each_other_in_a_ring(
    workers, record, reserve, reserver, staff, admin, owner
):
    """The recall tells somebody whose name is being changed, and has a record whose reason is to be changed."""
    assign_picked(module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin)
    reserve()
    with transaction.atomic():
        one(record).locked_ids()
        renaming = workers.start(
            lambda: edit_person(person=reserver, username="rudolf", name="Rudi", email="", by=owner)
        )
        workers.wait_until_blocked()
        Notice.objects.create(user=reserver, kind=Kind.RECORDS_TAKEN_BACK, text="Taken")
    renaming.result(10)
    assert one(record).get().invalid_reason == "Reserved by rudolf"


def test_two_nightly_runs_at_once_end_each_reservation_once(workers, record, reserve):
    reserve()
    late = timezone.localdate() + timedelta(days=40)
    nights = workers.run(lambda: run_expiry(late), lambda: run_expiry(late))
    assert sorted(night.expired for night in nights) == [0, 1]


def test_whoever_is_deactivated_meanwhile_gets_no_reservation(workers, record, reserve, reserver, admin):
    with transaction.atomic():
        deactivate_person(person=reserver, by=admin)
        reserving = workers.start(reserve)
        workers.wait_until_blocked()
    with pytest.raises(Refused, match="not an active staff member"):
        reserving.result(10)


def test_two_lists_of_the_same_customers_do_not_wait_for_each_other_in_a_ring(
    workers, database, staff, reserver, admin
):
    names = [record.customer_id for record in database.records.order_by("pk")]
    together = threading.Barrier(2)

    def enter(person, customers):
        together.wait()
        entries = [Entry(line, customer) for line, customer in enumerate(customers)]
        return add_reservations(product=database.product, staff=person, entries=entries, by=admin).effect.done

    done = workers.run(lambda: enter(staff, names), lambda: enter(reserver, names[::-1]))
    assert sum(done) == 6


def test_restoring_and_entering_the_same_customer_at_once_end_in_one_reservation(
    workers, record, reserve, reserver, staff, admin
):
    reserve()
    release_reservations(reservations=every(), by=admin)
    together = threading.Barrier(2)

    def restore():
        together.wait()
        return restore_reservations(reservations=every().ended(), by=admin).done

    def enter():
        together.wait()
        try:
            return add_reservation(
                product=record.database.product, customer_id=record.customer_id, staff=staff, by=admin
            ).done
        except Refused:
            return 0

    assert sum(workers.run(restore, enter)) == 1
    assert every().active().count() == 1


@pytest.mark.proof
def test_everybody_at_once_at_the_same_few_customers(workers, admin, owner, staff, other_staff, reserver):
    """Twelve rounds of thirteen that reserve, release, assign, recall, transfer, request, hand over, keep, leave,
    change names and let nights pass, all at the same records of two modules: nobody ends in anything but Refused, and
    everything holds.
    """
    team, product = [staff, other_staff, reserver], factories_of(MODULE).database().product
    databases = {}
    for module in (MODULE, get_module("records")):
        databases[module] = factories_of(module).database(product=product)
        for number in range(8):
            factories_of(module).record(database=databases[module], customer_id=f"C{number}")
    normal = get_module("records")
    undone = []

    def reserve(turn):
        person = team[turn % 3]
        add_reservation(product=product, customer_id=f"c{turn % 8}", staff=person, by=admin)

    def many(turn):
        entries = [Entry(n, f"C{(turn + n) % 8}") for n in range(4)]
        add_reservations(product=product, staff=team[turn % 3], entries=entries, by=owner)

    def end(turn):
        chosen = list(every().active().order_by("?").values_list("pk", flat=True)[:2])
        service = [release_reservations, restore_reservations][turn % 2]
        service(reservations=every().filter(pk__in=chosen) if turn % 2 == 0 else every(), by=admin)

    def move(turn):
        move_reservations(reservations=every(), to=team[turn % 3], by=owner)

    def assign(turn):
        module = [MODULE, normal][turn % 2]
        assign_random(module=module, database=databases[module], staff=team[turn % 3], count=2, by=admin)

    def recall(turn):
        module = [MODULE, normal][turn % 2]
        undone.append((module, recall_records(records=module.Record.objects.all(), by=admin).undo))

    def pass_on(turn):
        module = [MODULE, normal][turn % 2]
        if turn % 3:
            transfer_records(records=module.Record.objects.all(), to=team[turn % 3], by=owner)
        else:
            hand_to_owners(records=module.Record.objects.all(), by=owner)

    def ask(turn):
        request = request_records(database=databases[normal], quantity=2, by=team[turn % 3])
        if turn % 2:
            approve_requests(requests=[request], by=admin)
        else:
            cancel_request(request=request, by=team[turn % 3])

    def pass_a_night(turn):
        for pk in every().active().values_list("pk", flat=True)[:2]:  # one at a time, for this locks in no order
            every().filter(pk=pk).update(since=timezone.now() - timedelta(days=31 - turn % 6))
        run_expiry()

    def leave(turn):
        person = team[turn % 3]
        receivers = [each for each in team if each != person][: turn % 3]
        deactivate_with_records(person=person, to=receivers, by=owner)
        reactivate_person(person=person, by=owner)

    def rename(turn):
        person = User.objects.get(pk=team[turn % 3].pk)
        edit_person(person=person, username=f"name{turn}", name=person.name, email="", by=owner)

    def answer(turn):
        ask_reservation(product=product, customer_id=f"C{turn % 8}", by=team[turn % 3])
        service = [approve_reservations, reject_reservations][turn % 2]
        service(reservations=every(), by=admin)
        reject_requests(requests=Request.objects.pending(), by=admin)

    def keep(turn):
        keep_records(records=MODULE.Record.objects.all(), note="stays", by=admin)

    def play(what, turn):
        try:
            what(turn)
            if undone and turn % 3 == 0:
                _module, key = undone[-1]
                undo(key=key, by=admin)
        except Refused:
            return

    for turn in range(12):
        acts = [reserve, many, end, move, assign, recall, pass_on, ask]
        acts += [pass_a_night, leave, rename, answer, keep]
        results = workers.run(*[lambda act=act, turn=turn: play(act, turn) for act in acts])
        assert results == [None] * len(acts), results
        assert {module.key: broken_rules(module) for module in modules()} == {module.key: {} for module in modules()}


def test_a_restored_record_and_a_reservation_meet(workers, record, reserve, staff, admin):
    assign_picked(module=MODULE, database=record.database, staff=staff, record_ids=[record.pk], by=admin)
    one(record).update(
        status="archived",
        archived_at=timezone.now(),
        archived_by=admin,
        archive_reason="Wrong",
        validation="invalid",
        validation_reason="Wrong",
        validated_at=timezone.now(),
        validated_by=staff,
        worked_at=timezone.now(),
    )
    with transaction.atomic():
        restore_archived(records=one(record), by=admin)
        reserving = workers.start(reserve)
        workers.wait_until_blocked()
    assert reserving.result(10).reserved == 1
