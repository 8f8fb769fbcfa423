"""Many reservations at once: every line is answered, whatever else is in the list."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.distribution.assignment import assign_random
from crm.distribution.models import Conflict
from crm.errors import Refused
from crm.products.services import deactivate_product
from crm.registry import modules
from crm.reservations.entries import MOST_ENTRIES, Entry, Outcome, add_reservations
from crm.reservations.models import Reservation
from crm.reservations.services import add_reservation, ask_reservation, release_reservations
from tests.distribution.sql import Witness
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

each_module = pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.key)


def entries(*customers: str) -> list[Entry]:
    return [Entry(number, customer) for number, customer in enumerate(customers, start=1)]


def outcomes(entered) -> list[str]:
    return [answer.outcome.value for answer in entered.answers]


def test_every_line_is_answered_with_what_became_of_it(admin, staff, other_staff):
    product = ProductFactory()
    add_reservation(product=product, customer_id="Taken", staff=other_staff, by=admin)
    ask_reservation(product=product, customer_id="asked", by=staff)
    add_reservation(product=ProductFactory(), customer_id="free", staff=other_staff, by=admin)
    lines = [*entries("free", "  TAKEN ", "asked", "Free", "", "\u00a0"), Entry(7, "other", "no phone")]
    entered = add_reservations(product=product, staff=staff, entries=lines, by=admin)
    assert outcomes(entered) == ["added", "reserved", "pending", "repeated", "bad", "bad", "bad"]
    assert [answer.detail for answer in entered.answers[1:4]] == [
        str(other_staff),
        str(staff),
        "The same customer as in line 1.",
    ]
    assert "not a phone number" in entered.answers[6].detail
    assert entered.count(Outcome.ADDED) == entered.effect.done == 1
    assert Reservation.objects.active().of(staff).get().customer_id == "free"


def test_the_phone_covers_too_and_what_was_released_is_free(admin, staff, other_staff):
    module = next(modules())
    database = factories_of(module).database()
    fill(database, 1, customer_id="C1", phone="0812 4412 9545", phone_key="+6281244129545")
    release_reservations(
        reservations=Reservation.objects.filter(
            pk=add_reservation(product=database.product, customer_id="x", staff=other_staff, by=admin)
            .reservations[0]
            .pk
        ),
        by=admin,
    )
    lines = [Entry(1, "x", "+62 812-4412-9545")]
    entered = add_reservations(
        product=database.product, staff=staff, entries=lines, is_permanent=True, note=" VIP ", by=admin
    )
    assert (outcomes(entered), entered.effect.reserved) == (["added"], 1)
    made = Reservation.objects.active().get()
    assert (made.is_permanent, made.note, made.created_by, made.decided_by) == (True, "VIP", admin, admin)


@each_module
def test_a_thousand_at_once_leave_fifty_fifty(module, admin, staff, other_staff):
    """The earlier CRM's failure, in bulk: every count stays what it is, and goes back to what it was."""
    database = factories_of(module).database()
    fill(database, 1050)
    batch = assign_random(module=module, database=database, staff=staff, count=50, by=admin).batch
    held = list(batch.records.values_list("customer_id", flat=True))
    pool = list(module.Record.objects.in_pool().values_list("customer_id", flat=True))
    witness = Witness(module)
    lines = entries(*held[:1], *pool[:999])
    entered = add_reservations(product=database.product, staff=other_staff, entries=lines, by=admin)
    assert (entered.effect.done, entered.effect.reserved, entered.effect.conflicts) == (1000, 999, 1)
    witness.look_and_check()
    database.refresh_from_db()
    batch.refresh_from_db()
    assert (database.assigned_count, database.conflict_count, database.reserved_count) == (50, 1, 999)
    assert batch.current_count == module.Record.objects.held_by(staff).count() == 50
    assert Conflict.objects.open().count() == 1
    done = release_reservations(reservations=Reservation.objects.all(), by=admin)
    assert (done.done, done.freed, done.cleared) == (1000, 999, 1)
    witness.look_and_check()
    database.refresh_from_db()
    assert (database.assigned_count, database.conflict_count, database.available_count) == (50, 0, 1000)


def test_the_number_of_statements_does_not_grow_with_the_lines(admin, staff):
    counts = []
    for number in (5, 400):
        product, customers = ProductFactory(), set()
        for module in modules():
            fill(factories_of(module).database(product=product), number)
            own = module.Record.objects.filter(database__product=product)
            customers |= set(own.values_list("customer_id", flat=True))
        with CaptureQueriesContext(connection) as captured:
            entered = add_reservations(product=product, staff=staff, entries=entries(*customers), by=admin)
        assert entered.effect.done == len(customers)
        assert entered.effect.reserved == 3 * number
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_nothing_too_many_and_inactive_ones_are_refused(admin, staff):
    product = ProductFactory()
    refusals = [
        ([], staff, "at least one"),
        (entries("x") * (MOST_ENTRIES + 1), staff, "At most 10,000"),
        (entries("x"), UserFactory(is_active=False, deactivated_at=timezone.now()), "not working|cannot"),
    ]
    for lines, person, why in refusals:
        with pytest.raises(Refused, match=why):
            add_reservations(product=product, staff=person, entries=lines, by=admin)
    deactivate_product(product=product, by=admin)
    with pytest.raises(Refused, match="inactive"):
        add_reservations(product=product, staff=staff, entries=entries("x"), by=admin)
    assert not Reservation.objects.exists()
