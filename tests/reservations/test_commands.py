"""Reservations on the command line: what is printed, and the exit codes."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm.distribution.assignment import assign_random
from crm.registry import modules
from crm.reservations.models import Reservation
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return ProductFactory(name="Kopi")


@pytest.fixture
def customer(product, admin, staff):
    """A record in the pool of each module, and one more with Sari in the first."""
    for module in modules():
        fill(factories_of(module).database(product=product), 1, customer_id="C1")
    module = next(modules())
    database = factories_of(module).database(product=product)
    fill(database, 1, customer_id="c1")
    assign_random(module=module, database=database, staff=staff, count=1, by=admin)
    return "C1"


def run(capsys, *arguments: str) -> dict:
    call_command(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_reserve_and_release_print_what_they_did(capsys, customer, other_staff):
    made = run(capsys, "reserve", "--product", "kopi", "--customer", " c1 ", "--staff", "TONO")
    pk = Reservation.objects.get().pk
    assert made == {"reservation": pk, "reserved": 3, "conflicts": 1}
    assert run(capsys, "release_reservation", str(pk)) == {"released": 3, "conflicts_cleared": 1}
    assert Reservation.objects.get().status == "released"


def test_without_json_they_say_it_in_words(capsys, customer, other_staff):
    call_command("reserve", "--product", "Kopi", "--customer", "C1", "--staff", "tono", "--permanent")
    made = Reservation.objects.get()
    assert made.is_permanent
    assert f"Reservation {made.pk}: 3 records reserved, 1 records in conflict." in capsys.readouterr().out
    call_command("release_reservation", str(made.pk))
    assert "3 records are back in the pools, 1 conflicts are cleared" in capsys.readouterr().out
    call_command("expire_reservations", "--dry-run")
    assert "0 would end" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--product", "Teh", "--customer", "C1", "--staff", "tono"], "no product 'Teh'"),
        (["--product", "Kopi", "--customer", "C1", "--staff", "nobody"], "nobody with the username"),
        (["--product", "Kopi", "--customer", " ", "--staff", "tono"], "an id is missing"),
        (["--product", "Kopi", "--customer", "C1", "--staff", "tono", "--phone", "x"], "not a phone number"),
        (["--product", "Kopi", "--customer", "taken", "--staff", "tono"], "Sari Staff has reserved this customer"),
        (["--product", "Kopi", "--customer", "C1", "--staff", "adam"], "."),
    ],
)
def test_reserve_says_why_not_and_changes_nothing(product, admin, staff, other_staff, arguments, why):
    ReservationFactory(product=product, customer_id="Taken", staff=staff)
    with pytest.raises(CommandError, match=why) as raised:
        call_command("reserve", *arguments)
    assert raised.value.returncode == 1
    assert Reservation.objects.count() == 1


def test_release_says_why_not(staff):
    waiting = ReservationFactory(status="pending")
    for key, why in ((waiting.pk, "is waiting, not active"), (waiting.pk + 1, "There is no reservation")):
        with pytest.raises(CommandError, match=why) as raised:
            call_command("release_reservation", str(key))
        assert raised.value.returncode == 1
    assert Reservation.objects.get().status == "pending"


def test_expire_prints_what_it_would_do_and_what_it_did(capsys):
    for days in (26, 30, 31):
        ReservationFactory(since=timezone.now() - timedelta(days=days))
    would = run(capsys, "expire_reservations", "--dry-run")
    assert would == {"expired": 2, "warned": 1, "freed": None, "cleared": None, "dry_run": True}
    assert Reservation.objects.active().count() == 3
    assert run(capsys, "expire_reservations") == {
        "expired": 2,
        "warned": 1,
        "freed": 0,
        "cleared": 0,
        "dry_run": False,
    }
    assert run(capsys, "expire_reservations")["expired"] == 0
    assert Reservation.objects.active().count() == 1
