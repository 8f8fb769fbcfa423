"""What reservations do to records, in every module and in both directions."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.accounts.services import edit_person
from crm.distribution.assignment import assign_picked, assign_random, recall_records, transfer_records
from crm.distribution.conflicts import hand_to_owners, in_each_module, keep_records
from crm.distribution.draw import TooFew
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.models import Conflict
from crm.distribution.undo import undo
from crm.notices.models import Kind, Notice
from crm.products.services import deactivate_product
from crm.registry import modules
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    approve_reservations,
    ask_reservation,
    change_permanence,
    move_reservations,
    release_reservations,
    restore_reservations,
)
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

each_module = pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.key)


def pk(effect) -> Reservation:
    return Reservation.objects.filter(pk=effect.reservations[0].pk)


def state(module, key):
    record = module.Record.objects.get(pk=key)
    return record.status, record.reservation_id, record.is_reservation_conflict, record.invalid_reason


@pytest.fixture
def reserver(db):
    return UserFactory(username="rudi", name="Rudi Reserver")


@each_module
def test_fifty_stay_fifty(module, admin, staff, reserver):
    """The earlier CRM's failure: the conflict was a status, and the fiftieth record fell out of the count."""
    database = factories_of(module).database()
    keys = fill(database, 50)
    batch = assign_random(module=module, database=database, staff=staff, count=50, by=admin).batch
    customer = module.Record.objects.get(pk=keys[7]).customer_id
    effect = add_reservation(product=database.product, customer_id=f" {customer.upper()}  ", staff=reserver, by=admin)
    assert (effect.reserved, effect.conflicts) == (0, 1)
    database.refresh_from_db()
    batch.refresh_from_db()
    assert (database.assigned_count, database.conflict_count, batch.current_count) == (50, 1, 50)
    assert state(module, keys[7]) == ("assigned", effect.reservations[0].pk, True, "Reserved by rudi")
    assert module.Record.objects.held_by(staff).count() == 50
    done = release_reservations(reservations=pk(effect), by=admin)
    assert (done.freed, done.cleared) == (0, 1)
    database.refresh_from_db()
    assert (database.assigned_count, database.conflict_count) == (50, 0)
    assert state(module, keys[7]) == ("assigned", None, False, "")


@each_module
def test_a_covered_record_is_kept_out_of_the_pool_for_its_owner(module, admin, staff, reserver):
    database = factories_of(module).database()
    keys = fill(database, 3)
    customer = module.Record.objects.get(pk=keys[0]).customer_id
    effect = add_reservation(product=database.product, customer_id=customer, staff=reserver, by=admin)
    assert (effect.reserved, effect.conflicts) == (1, 0)
    assert state(module, keys[0]) == ("reserved", effect.reservations[0].pk, False, "")
    with pytest.raises(TooFew):
        assign_random(module=module, database=database, staff=staff, count=3, by=admin)
    with pytest.raises(TooFew, match="1 of the chosen records is reserved by somebody else"):
        assign_picked(module=module, database=database, staff=staff, record_ids=keys, by=admin)
    assign_picked(module=module, database=database, staff=reserver, record_ids=keys[:2], by=admin)
    assert state(module, keys[0]) == ("assigned", None, False, "")
    recall_records(records=module.Record.objects.held_by(reserver), by=admin)
    assert state(module, keys[0])[0] == "reserved"
    assert state(module, keys[1])[0] == "available"
    assert release_reservations(reservations=pk(effect), by=admin).freed == 1
    assert state(module, keys[0]) == ("available", None, False, "")


@each_module
def test_another_product_is_untouched(module, admin, staff, reserver):
    database = factories_of(module).database()
    [key] = fill(database, 1, customer_id="C1", phone="0812 4412 9545", phone_key="+6281244129545")
    other = ProductFactory()
    effect = add_reservation(product=other, customer_id="c1", phone="+62 812-4412-9545", staff=reserver, by=admin)
    assert (effect.reserved, effect.conflicts) == (0, 0)
    assert state(module, key)[0] == "available"


@each_module
def test_the_phone_covers_too_and_ending_one_of_two_leaves_the_other_in_force(module, admin, staff, reserver):
    database = factories_of(module).database()
    [key] = fill(database, 1, customer_id="C1", phone="0812 4412 9545", phone_key="+6281244129545")
    assign_picked(module=module, database=database, staff=staff, record_ids=[key], by=admin)
    first = add_reservation(product=database.product, customer_id="c1", staff=reserver, by=admin)
    third = UserFactory(username="tina")
    second = add_reservation(
        product=database.product, customer_id="other id", phone="+62 812-4412-9545", staff=third, by=admin
    )
    assert (first.conflicts, second.conflicts) == (1, 0)
    assert release_reservations(reservations=pk(first), by=admin).cleared == 0
    assert state(module, key) == ("assigned", second.reservations[0].pk, True, "Reserved by tina")
    assert Conflict.objects.open().get().reserved_by == third
    assert Conflict.objects.closed().get().resolution == "reservation.release"
    assert release_reservations(reservations=pk(second), by=admin).cleared == 1
    assert state(module, key) == ("assigned", None, False, "")


@each_module
def test_moving_reverses_and_applies_again(module, admin, staff, other_staff, reserver):
    product = ProductFactory()
    keys = {}
    for person in (staff, other_staff, reserver, None):
        database = factories_of(module).database(product=product)
        [keys[person]] = fill(database, 1, customer_id="C1")
        if person:
            assign_picked(module=module, database=database, staff=person, record_ids=[keys[person]], by=admin)
    effect = add_reservation(product=product, customer_id="C1", staff=reserver, by=admin)
    assert (effect.reserved, effect.conflicts) == (1, 2)
    move_reservations(reservations=pk(effect), to=staff, by=admin)
    assert state(module, keys[staff]) == ("assigned", None, False, "")
    assert state(module, keys[other_staff])[2:] == (True, "Reserved by sari")
    assert state(module, keys[reserver])[2:] == (True, "Reserved by sari")
    assert state(module, keys[None])[0] == "reserved"
    assert Conflict.objects.open().count() == 2
    assert set(Conflict.objects.closed().values_list("resolution", flat=True)) == {"reservation.move"}


@each_module
def test_a_transfer_leaves_what_a_third_person_has_reserved(module, admin, staff, other_staff, reserver):
    database = factories_of(module).database()
    fill(database, 3)
    batch = assign_random(module=module, database=database, staff=staff, count=3, by=admin).batch
    customer = batch.records.order_by("pk").first().customer_id
    add_reservation(product=database.product, customer_id=customer, staff=reserver, by=admin)
    done = transfer_records(records=batch.records.all(), to=other_staff, by=admin)
    assert (done.count, done.skipped, done.reserved) == (2, 0, 1)
    done = transfer_records(records=batch.records.all(), to=reserver, by=admin)
    assert (done.count, done.reserved) == (1, 0)
    assert not module.Record.objects.in_conflict().exists()
    assert Conflict.objects.get().resolution == "records.transfer"


def test_asking_changes_nothing_until_an_admin_approves(admin, staff, other_staff):
    module = next(modules())
    database = factories_of(module).database()
    [key] = fill(database, 1, customer_id="C1")
    asked = ask_reservation(product=database.product, customer_id="c1", by=staff)
    assert state(module, key)[0] == "available"
    effect = approve_reservations(reservations=Reservation.objects.filter(pk=asked.pk), by=admin)
    assert (effect.done, effect.late, effect.reserved) == (1, 0, 1)
    assert state(module, key)[0] == "reserved"
    assert approve_reservations(reservations=Reservation.objects.filter(pk=asked.pk), by=admin).late == 1
    assert change_permanence(reservations=Reservation.objects.all(), permanent=True, by=admin) == 1
    release_reservations(reservations=Reservation.objects.all(), by=admin)
    add_reservation(product=database.product, customer_id="C 1", staff=other_staff, by=admin)
    effect = restore_reservations(reservations=Reservation.objects.filter(pk=asked.pk), by=admin)
    assert (effect.done, effect.reserved) == (1, 1)


def test_a_renamed_owner_is_named_in_the_reasons(owner, admin, staff, reserver, django_capture_on_commit_callbacks):
    module = next(modules())
    database = factories_of(module).database()
    [key] = fill(database, 1, customer_id="C1")
    assign_picked(module=module, database=database, staff=staff, record_ids=[key], by=admin)
    add_reservation(product=database.product, customer_id="C1", staff=reserver, by=admin)
    with django_capture_on_commit_callbacks(execute=True):
        edit_person(person=reserver, username="rudolf", name="Rudi", email="", by=owner)
    assert state(module, key)[2:] == (True, "Reserved by rudolf")
    assert Conflict.objects.count() == 1


def assigned(module, product, staff, admin, **fields) -> int:
    """A record of the product that is with the person."""
    database = factories_of(module).database(product=product)
    [key] = fill(database, 1, **fields)
    assign_picked(module=module, database=database, staff=staff, record_ids=[key], by=admin)
    return key


PHONE = {"phone": "0812 4412 9545", "phone_key": "+6281244129545"}


@each_module
def test_an_older_reservation_that_comes_into_force_later_resolves_no_conflict(
    module, admin, staff, other_staff, reserver
):
    """The record goes on naming the reservation that it names; nothing began and nothing ended."""
    product = ProductFactory()
    key = assigned(module, product, staff, admin, customer_id="C1", **PHONE)
    ask_reservation(product=product, customer_id="C1", by=other_staff)
    by_phone = add_reservation(
        product=product, customer_id="other", phone="0812 4412 9545", staff=reserver, by=admin
    ).reservations[0]
    effect = approve_reservations(reservations=Reservation.objects.of(other_staff), by=admin)
    assert (effect.done, effect.conflicts) == (1, 0)
    assert state(module, key)[1] == by_phone.pk
    assert Conflict.objects.get().closed_at is None
    release_reservations(reservations=Reservation.objects.of(reserver), by=admin)
    assert state(module, key)[2:] == (True, "Reserved by tono")


@each_module
def test_whoever_leaves_hands_reservations_on_as_a_move_does(module, admin, staff, other_staff, reserver):
    """Kept records are flagged anew, the log names the new owner, and the holder is told."""
    product = ProductFactory()
    flagged = assigned(module, product, staff, admin, customer_id="C1")
    kept = assigned(module, product, staff, admin, customer_id="C2")
    for customer in ("C1", "C2"):
        add_reservation(product=product, customer_id=customer, staff=reserver, by=admin)
    keep_records(records=module.Record.objects.filter(pk=kept), note="stays", by=admin)
    Notice.objects.all().delete()
    left = deactivate_with_records(person=reserver, to=[other_staff], by=admin)
    assert (left.moved, left.ended) == (2, 0)
    assert [state(module, key)[2:] for key in (flagged, kept)] == [(True, "Reserved by tono")] * 2
    assert set(Conflict.objects.open().values_list("reserved_by", flat=True)) == {other_staff.pk}
    assert Conflict.objects.filter(resolution="person.leave").get().reserved_by == reserver
    assert Notice.objects.filter(user=staff, kind=Kind.RECORDS_RESERVED).count() == 1


@each_module
def test_the_note_of_a_kept_record_is_that_of_no_other_conflict(module, admin, staff, other_staff, reserver):
    product = ProductFactory()
    key = assigned(module, product, staff, admin, customer_id="C1", **PHONE)
    add_reservation(product=product, customer_id="C1", staff=reserver, by=admin)
    keep_records(records=module.Record.objects.filter(pk=key), note="stays", by=admin)
    add_reservation(product=product, customer_id="other", phone="0812 4412 9545", staff=other_staff, by=admin)
    release_reservations(reservations=Reservation.objects.of(other_staff), by=admin)
    assert dict(Conflict.objects.values_list("resolution", "note")) == {
        "conflict.keep": "stays",
        "reservation.release": "",
    }
    assert module.Record.objects.get(pk=key).kept_note == "stays"


def test_a_move_that_ends_no_conflict_says_so(admin, staff, other_staff, reserver):
    module, product = next(modules()), ProductFactory()
    assigned(module, product, staff, admin, customer_id="C1")
    assigned(module, product, reserver, admin, customer_id="C1")
    add_reservation(product=product, customer_id="C1", staff=reserver, by=admin)
    effect = move_reservations(reservations=Reservation.objects.all(), to=other_staff, by=admin)
    assert (effect.done, effect.conflicts, effect.cleared) == (1, 1, 0)


def test_nothing_comes_into_force_for_an_inactive_product(owner, admin, staff):
    product = ProductFactory()
    ask_reservation(product=product, customer_id="C1", by=staff)
    add_reservation(product=product, customer_id="C2", staff=staff, by=admin)
    release_reservations(reservations=Reservation.objects.active(), by=admin)
    deactivate_product(product=product, by=owner)
    for service in (approve_reservations, restore_reservations):
        effect = service(reservations=Reservation.objects.all(), by=admin)
        assert (effect.done, len(effect.refused)) == (0, 1)


def test_what_is_kept_in_several_modules_and_taken_back_is_told_once(admin, staff, reserver):
    product = ProductFactory()
    keys = {module: assigned(module, product, staff, admin, customer_id="C1") for module in modules()}
    add_reservation(product=product, customer_id="C1", staff=reserver, by=admin)
    selections = [module.Record.objects.filter(pk=key) for module, key in keys.items()]
    kept = in_each_module(
        name="conflict.keep",
        selections=selections,
        work=lambda records: keep_records(records=records, note="stays", by=admin),
        by=admin,
    )
    Notice.objects.all().delete()
    assert undo(key=kept[0].undo, by=admin).count == 3
    assert Notice.objects.get(user=staff, kind=Kind.RECORDS_RESERVED).text.startswith("The customers of 3 records")


@pytest.mark.parametrize("count", [1, 12])
def test_the_number_of_statements_does_not_grow(count, admin, staff):
    """Nor with the reservations that are answered, nor with the owners that records are handed to."""
    module, product, owners = next(modules()), ProductFactory(), UserFactory.create_batch(count)
    for number, person in enumerate(owners):
        assigned(module, product, staff, admin, customer_id=f"C{number}")
        ask_reservation(product=product, customer_id=f"C{number}", by=person)
    with CaptureQueriesContext(connection) as asked:
        approve_reservations(reservations=Reservation.objects.all(), by=admin)
    assert len(asked) <= 40
    with CaptureQueriesContext(connection) as asked:
        assert hand_to_owners(records=module.Record.objects.all(), by=admin).count == count
    assert len(asked) <= 30 + count  # each owner is locked by a statement
