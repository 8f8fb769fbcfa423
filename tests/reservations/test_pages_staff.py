"""The page on which staff ask for customers and see their own reservations."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from crm.figures import get_figure
from crm.notices.models import Kind, Notice
from crm.reservations.models import Reservation
from crm.reservations.services import approve_reservations, ask_reservation, move_reservations
from tests.conftest import browser_of
from tests.distribution.test_pages import figures_on
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db

MINE = "/reservations/mine/"
FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}


def asking(product, **more: object) -> dict[str, object]:
    return {"product": product.pk, "customer_id": "C1", "token": uuid4(), **more}


def listed(page) -> list[str]:
    return [reservation.customer_id for reservation in page.context["page"]]


def test_one_asks_and_waits_and_the_admins_are_told(phone, staff, admin):
    product = ProductFactory(name="Kopi")
    data = asking(product, phone="0812 4412 9545", note="Met her")
    page = phone.post(MINE, data, follow=True)
    assert page.redirect_chain == [(MINE, 303)]
    assert "You have asked for C1 (Kopi)" in page.content.decode()
    made = Reservation.objects.get()
    assert (made.status, made.staff, made.phone_key, made.note) == ("pending", staff, "+6281244129545", "Met her")
    assert figures_on(page)[("mine.reservations.pending", str(staff.pk))] == 1
    assert Notice.objects.filter(user=admin, kind=Kind.RESERVATION_ASKED).count() == 1
    phone.post(MINE, data)
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("status", ["pending", "active"])
def test_a_refusal_does_not_say_whose_the_customer_is(phone, other_staff, status):
    taken = ReservationFactory(customer_id="c1", staff=other_staff, status=status)
    for headers in ({}, {"HX-Request": "true", "HX-Target": "ask-form"}):
        page = phone.post(MINE, asking(taken.product), headers=headers)
        assert page.status_code == 422
        text = page.content.decode()
        assert "This customer is reserved, or asked for, already. Nothing was changed." in text
        assert "Tono" not in text
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"customer_id": " "}, {"phone": "x"}, {"product": 0}, {"token": ""}])
def test_a_wrong_question_comes_back(phone, wrong):
    page = phone.post(MINE, {**asking(ProductFactory()), **wrong})
    assert page.status_code == 422
    assert page.context["form"].errors
    assert not Reservation.objects.exists()


def test_an_inactive_product_cannot_be_asked_for(phone):
    assert phone.post(MINE, asking(ProductFactory(is_active=False))).status_code == 422
    assert not Reservation.objects.exists()


def test_the_list_is_ones_own_what_waits_first(phone, staff, other_staff):
    now = timezone.now()
    for status, days in (("released", 0), ("active", 27), ("pending", 3), ("active", 1)):
        ReservationFactory(customer_id=f"{status}{days}", staff=staff, status=status, since=now - timedelta(days=days))
    ReservationFactory(customer_id="theirs", staff=other_staff)
    page = phone.get(MINE)
    assert listed(page) == ["pending3", "active1", "active27", "released0"]
    text = page.content.decode()
    assert "29 days left" in text
    assert "3 days left" in text
    assert "theirs" not in text
    assert listed(phone.get(f"{MINE}?q=ACTIVE2", headers=FRAGMENT)) == ["active27"]
    assert listed(phone.get(f"{MINE}?status=nonsense")) == []


def test_every_number_opens_a_list_of_that_length(phone, staff):
    ReservationFactory(staff=staff, since=timezone.now() - timedelta(days=27))
    ReservationFactory(staff=staff, is_permanent=True)
    ReservationFactory(staff=staff, status="pending")
    ReservationFactory(status="pending")
    shown = {name: value for (name, _subject), value in figures_on(phone.get(MINE)).items() if "reservations" in name}
    assert {name.rpartition(".")[2]: value for name, value in shown.items()} == {
        "pending": 1,
        "active": 2,
        "ending": 1,
        "ended": 0,
        "rejected": 0,
        "all": 3,
    }
    for name, value in shown.items():
        assert phone.get(get_figure(name).url(staff)).context["page"].paginator.count == value, name


def test_what_waits_can_be_taken_back_by_oneself_alone(phone, staff, other_staff, admin):
    asked = ReservationFactory(staff=staff, status="pending")
    url = f"/reservations/{asked.pk}/withdraw/"
    for person in (other_staff, admin):
        assert browser_of(person).post(url).status_code == 404
    assert Reservation.objects.get().status == "pending"
    page = phone.post(url, follow=True)
    assert "You have taken back" in page.content.decode()
    assert Reservation.objects.get().status == "rejected"


def test_what_was_decided_cannot_be_taken_back(phone, staff, admin):
    asked = ReservationFactory(staff=staff, status="pending")
    approve_reservations(reservations=Reservation.objects.all(), by=admin)
    page = phone.post(f"/reservations/{asked.pk}/withdraw/", follow=True)
    assert "decided already. Nothing was changed." in page.content.decode()
    assert Reservation.objects.get().status == "active"


def test_the_reason_of_a_rejection_is_read_here(phone, staff):
    ReservationFactory(staff=staff, status="rejected", reason="He is with Dewi's team")
    assert "He is with Dewi&#x27;s team" in phone.get(f"{MINE}?status=rejected").content.decode()


def test_one_reads_ones_own_note_and_nobody_elses(phone, staff, other_staff, admin):
    ReservationFactory(staff=staff, created_by=staff, note="I met her")
    ReservationFactory(staff=staff, created_by=admin, note="Owes us money")
    moved = ask_reservation(product=ProductFactory(), customer_id="moved", note="Tono said so", by=other_staff)
    approve_reservations(reservations=Reservation.objects.filter(pk=moved.pk), by=admin)
    move_reservations(reservations=Reservation.objects.filter(pk=moved.pk), to=staff, by=admin)
    text = phone.get(MINE).content.decode()
    assert "moved" in text
    assert "I met her" in text
    assert "Owes us money" not in text
    assert "Tono said so" not in text


def test_today_says_what_ends_soon_and_what_waits(phone, staff):
    ReservationFactory(staff=staff, since=timezone.now() - timedelta(days=27))
    ReservationFactory(staff=staff, status="pending")
    page = phone.get("/today/")
    assert figures_on(page)[("mine.reservations.ending", str(staff.pk))] == 1
    assert figures_on(page)[("mine.reservations.pending", str(staff.pk))] == 1


def test_long_lists_come_in_pages(phone, staff):
    for _ in range(51):
        ReservationFactory(staff=staff)
    assert len(listed(phone.get(MINE))) == 50
    assert len(listed(phone.get(f"{MINE}?page=2"))) == 1
