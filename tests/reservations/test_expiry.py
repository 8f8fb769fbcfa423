"""The nightly run: what it ends and warns of, and that its preview says the same before."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from crm.distribution.assignment import assign_random
from crm.notices.models import Kind, Notice
from crm.registry import modules
from crm.reservations.expiry import Night, preview_expiry, run_expiry
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    change_permanence,
    change_reservation_settings,
    move_reservations,
    release_reservations,
    restore_reservations,
)
from tests.distribution.sql import ask
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 31)
TEAM = ZoneInfo("Asia/Jakarta")


def ago(days: int, hour: int = 12) -> datetime:
    """So many days before TODAY, in the team's time."""
    return datetime(2026, 3, 31, hour, tzinfo=TEAM) - timedelta(days=days)


def old(days: int, **fields) -> Reservation:
    """An active one that is so many days old."""
    return ReservationFactory(since=ago(days), **fields)


def only(reservation: Reservation):
    return Reservation.objects.filter(pk=reservation.pk)


def statuses() -> list[str]:
    return list(Reservation.objects.order_by("pk").values_list("status", flat=True))


@pytest.fixture(autouse=True)
def at_night():
    with time_machine.travel(datetime(2026, 3, 31, 0, 15, tzinfo=TEAM), tick=True):
        yield


def test_it_ends_what_is_over_thirty_days_after_it_began_and_not_a_day_before():
    for days in (29, 30, 31):
        old(days)
    run_expiry(TODAY)
    assert statuses() == ["active", "expired", "expired"]


def test_the_day_is_that_of_the_team_and_not_of_utc():
    """23:30 on 1 March in Jakarta is still 1 March there; 00:30 on the 2nd is 1 March in UTC."""
    ReservationFactory(since=datetime(2026, 3, 1, 23, 30, tzinfo=TEAM))
    ReservationFactory(since=datetime(2026, 3, 2, 0, 30, tzinfo=TEAM))
    run_expiry(TODAY)
    assert statuses() == ["expired", "active"]


def test_a_deposit_begins_the_days_anew():
    old(60, last_deposit_on=TODAY - timedelta(days=29))
    old(60, last_deposit_on=TODAY - timedelta(days=30))
    run_expiry(TODAY)
    assert statuses() == ["active", "expired"]


def test_permanent_ones_and_those_that_wait_never_end(staff):
    old(400, is_permanent=True)
    old(400, status="pending")
    assert run_expiry(TODAY) == Night(0, 0, 0, 0)
    assert statuses() == ["active", "pending"]


def test_a_product_has_days_of_its_own(owner):
    short = ProductFactory(grace_days=7, warning_days=2)
    ends, warned, later = old(7, product=short), old(5, product=short), old(4, product=short)
    everywhere = old(7)
    assert run_expiry(TODAY) == Night(1, 1, 0, 0)
    assert statuses() == ["expired", "active", "active", "active"]
    assert Notice.objects.filter(user=warned.staff, kind=Kind.RESERVATION_ENDING).count() == 1
    assert not Notice.objects.filter(user__in=[later.staff, everywhere.staff]).exists()
    change_reservation_settings(grace_days=4, warning_days=1, by=owner)
    assert preview_expiry(TODAY) == Night(1, 0)
    assert Reservation.objects.due(TODAY).get() == everywhere
    assert ends.staff != everywhere.staff


def test_owners_are_warned_once_of_each_end(owner):
    warned = old(26)
    assert run_expiry(TODAY).warned == 1
    assert run_expiry(TODAY).warned == run_expiry(TODAY + timedelta(days=1)).warned == 0
    [notice] = Notice.objects.all()
    assert (notice.user, notice.kind) == (warned.staff, Kind.RESERVATION_ENDING)
    assert str(warned) in notice.text
    only(warned).update(last_deposit_on=TODAY - timedelta(days=1))  # another end, weeks away
    assert run_expiry(TODAY + timedelta(days=24)).warned == 1


def test_many_warnings_of_one_person_are_one_line(staff):
    for number in range(3):
        old(26 + number, staff=staff)
    assert run_expiry(TODAY).warned == 3
    assert "3 reservations of yours" in Notice.objects.get(user=staff).text


def test_the_preview_says_what_the_run_does_and_changes_nothing():
    for days in (24, 25, 26, 29, 30, 45):
        old(days)
    before = ask("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM reservations_reservation t")
    preview = preview_expiry(TODAY)
    assert ask("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM reservations_reservation t") == before
    assert (preview.freed, preview.cleared) == (None, None)
    done = run_expiry(TODAY)
    assert (done.expired, done.warned) == (preview.expired, preview.warned) == (2, 3)


def test_a_second_run_does_nothing_and_a_late_one_what_is_left():
    for days in (30, 29):
        old(days)
    assert run_expiry(TODAY) == Night(1, 1, 0, 0)
    assert run_expiry(TODAY) == Night(0, 0, 0, 0)
    assert run_expiry(TODAY + timedelta(days=5)) == Night(1, 0, 0, 0)


def test_a_moved_one_and_a_restored_one_have_all_their_days_again(admin, other_staff):
    moved, restored, _as_it_was = old(29), old(29), old(29)
    move_reservations(reservations=only(moved), to=other_staff, by=admin)
    release_reservations(reservations=only(restored), by=admin)
    restore_reservations(reservations=only(restored), by=admin)
    run_expiry(TODAY + timedelta(days=1))
    assert statuses() == ["active", "active", "expired"]
    [(began,)] = ask("SELECT (now() AT TIME ZONE 'Asia/Jakarta')::date")  # by the clock of the database
    run_expiry(began + timedelta(days=29))
    assert statuses() == ["active", "active", "expired"]
    run_expiry(began + timedelta(days=30))
    assert statuses() == ["expired", "expired", "expired"]


def test_one_that_is_made_permanent_in_time_stays(admin):
    kept = old(30)
    change_permanence(reservations=only(kept), permanent=True, by=admin)
    assert run_expiry(TODAY).expired == 0
    change_permanence(reservations=only(kept), permanent=False, by=admin)
    assert run_expiry(TODAY).expired == 1


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.key)
def test_what_ends_is_reversed_in_the_records(module, admin, staff, other_staff):
    database = factories_of(module).database()
    keys = fill(database, 2)
    assign_random(module=module, database=database, staff=staff, count=1, by=admin)
    for customer in module.Record.objects.filter(pk__in=keys).values_list("customer_id", flat=True):
        add_reservation(product=database.product, customer_id=customer, staff=other_staff, by=admin)
    database.refresh_from_db()
    assert (database.reserved_count, database.conflict_count) == (1, 1)
    assert run_expiry(TODAY + timedelta(days=30)) == Night(2, 0, 1, 1)
    database.refresh_from_db()
    assert (database.available_count, database.assigned_count, database.conflict_count) == (1, 1, 0)
    [notice] = Notice.objects.filter(user=other_staff, kind=Kind.RESERVATION_ENDING)
    assert "2 reservations of yours have ended" in notice.text
