"""The pages on which admins run reservations."""

import csv
import io
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.distribution.assignment import assign_random
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.reserving.actions import ACTIONS
from crm.distribution.reserving.selection import fingerprint
from crm.figures import get_figure
from crm.products.models import Product
from crm.registry import get_module, modules
from crm.reservations.models import Reservation, ReservationSettings
from crm.reservations.services import add_reservation, ask_reservation, release_reservations
from tests.conftest import browser_of
from tests.distribution.sql import ask, run
from tests.distribution.test_pages import figures_on, rows_on
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db

LIST, ADD, MANY = "/reservations/", "/reservations/add/", "/reservations/add-many/"
FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}
DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


@pytest.fixture(autouse=True)
def large_keys(db):
    """Keys of four digits and more, which a template could show with a separator."""
    run("SELECT setval(pg_get_serial_sequence('reservations_reservation', 'id'), 5000)")


@pytest.fixture
def product():
    return ProductFactory(name="Kopi")


@pytest.fixture
def database(product, admin, staff):
    """Three records with Sari and two in the pool."""
    database = factories_of(get_module("memberwd")).database(product=product)
    fill(database, 5)
    assign_random(module=database.module, database=database, staff=staff, count=3, by=admin)
    return database


def everything() -> dict:
    tables = ("reservations_reservation", "memberwd_record", "notices_notice", "distribution_conflict")
    return {table: ask(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t") for table in tables}


def to(verb: str, query: str = "") -> str:
    return f"/reservations/do/{verb}/{query}"


def confirmed(*reservations: Reservation, **more: object) -> dict[str, object]:
    ids = [each.pk for each in reservations]
    return {"ids": ids, "expected": fingerprint(Reservation.objects.filter(pk__in=ids)), "token": uuid4(), **more}


def listed(page) -> set[str]:
    return {reservation.customer_id for reservation in page.context["page"]}


def messages_of(page) -> str:
    return " ".join(str(message) for message in page.context["messages"])


# --- The list ----------------------------------------------------------------------------------------------


@pytest.fixture
def one_of_each(product, staff):
    now = timezone.now()
    return [
        ReservationFactory(customer_id="waits", product=product, staff=staff, status="pending"),
        ReservationFactory(customer_id="stands", product=product, phone="0812 4412 9545", phone_key="+6281244129545"),
        ReservationFactory(customer_id="ends", product=product, since=now - timedelta(days=27)),
        ReservationFactory(customer_id="ended", product=product, status="expired"),
        ReservationFactory(customer_id="let go", product=product, status="released"),
        ReservationFactory(customer_id="turned down", product=product, status="rejected"),
        ReservationFactory(customer_id="other", staff=staff),
    ]


@pytest.mark.parametrize(
    ("query", "customers"),
    [
        ("", {"waits", "stands", "ends", "ended", "let go", "turned down", "other"}),
        ("status=pending", {"waits"}),
        ("status=active", {"stands", "ends", "other"}),
        ("status=ending", {"ends"}),
        ("status=ended", {"ended", "let go"}),
        ("status=rejected", {"turned down"}),
        ("status=standing", {"waits", "stands", "ends", "other"}),
        ("q=END", {"ends", "ended"}),
        ("q=%2B62812-4412-9545", {"stands"}),
        ("q=081244129545&status=ended", set()),
        ("status=nonsense", set()),
        ("staff=x", set()),
        ("product=0", set()),
        ("q=%25", set()),
    ],
)
def test_the_list_is_filtered_and_as_long_as_it_says(desk, one_of_each, query, customers):
    page = desk.get(f"{LIST}?{query}", headers=FRAGMENT)
    assert listed(page) == customers
    assert page.context["page"].paginator.count == len(customers)
    assert page.content.decode().strip().startswith('<div id="list">')
    assert len(list(csv.reader(io.StringIO(desk.get(f"{LIST}export.csv?{query}").getvalue().decode())))) == 1 + len(
        customers
    )


def test_the_list_is_filtered_by_product_and_owner(desk, one_of_each, product, staff):
    assert listed(desk.get(f"{LIST}?staff={staff.pk}&status=standing")) == {"waits", "other"}
    assert "other" not in listed(desk.get(f"{LIST}?product={product.pk}"))


def test_every_number_opens_a_list_of_that_length(desk, one_of_each):
    shown = figures_on(desk.get(LIST))
    names = {name for name, _subject in shown if name.startswith("reservations.")}
    assert names == {f"reservations.{each}" for each in ("pending", "active", "ending", "ended", "rejected", "all")}
    for (name, subject), value in shown.items():
        if name in names:
            url = get_figure(name).url(subject)
            assert desk.get(url).context["page"].paginator.count == value, name


@pytest.mark.parametrize("sort", ["customer", "staff", "ends", "since"])
def test_the_list_is_sorted_both_ways(desk, one_of_each, sort):
    up, down = ([each.pk for each in desk.get(f"{LIST}?sort={way}{sort}").context["page"]] for way in ("", "-"))
    assert up == down[::-1]
    assert len(up) == len(one_of_each)


def test_whoever_has_waited_longest_comes_first(desk, product):
    for days in (1, 3, 2):
        ReservationFactory(customer_id=f"{days}", status="pending", since=timezone.now() - timedelta(days=days))
    page = desk.get(f"{LIST}?status=pending")
    assert [each.customer_id for each in page.context["page"]] == ["3", "2", "1"]


def test_the_queries_of_the_list_do_not_grow_with_its_rows(desk, product, admin, staff, other_staff):
    for module in modules():
        fill(factories_of(module).database(product=product), 30)
    counts = []
    for number in (2, 28):
        for (customer,) in ask("SELECT customer_id FROM records_record ORDER BY id LIMIT %s OFFSET %s", number, number):
            add_reservation(product=product, customer_id=customer, staff=staff, by=admin)
            ReservationFactory(product=product, status="pending")
        with CaptureQueriesContext(connection) as captured:
            assert rows_on(desk.get(LIST, headers=FRAGMENT))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_row_says_how_many_records_it_reserves_and_puts_into_conflict(desk, database, admin, staff, other_staff):
    customers = {
        status: database.records.filter(status=status).first().customer_id for status in ("available", "assigned")
    }
    for customer in customers.values():
        add_reservation(product=database.product, customer_id=customer, staff=other_staff, by=admin)
    shown = figures_on(desk.get(LIST))
    made = {each.customer_id: str(each.pk) for each in Reservation.objects.all()}
    assert shown[("reservation.reserved", made[customers["available"]])] == 1
    assert shown[("reservation.conflict", made[customers["available"]])] == 0
    assert shown[("reservation.reserved", made[customers["assigned"]])] == 0
    assert shown[("reservation.conflict", made[customers["assigned"]])] == 1


def test_an_export_neutralises_formulas_and_has_the_counts(desk, product, staff, admin):
    add_reservation(product=product, customer_id="=1+1", note="@x", staff=staff, by=admin)
    [_header, row] = csv.reader(io.StringIO(desk.get(f"{LIST}export.csv").getvalue().decode()))
    assert row[0] == "'=1+1"
    assert row[-4:] == ["0", "0", "'@x", ""]
    assert desk.get(f"{LIST}export.xlsx").getvalue()[:2] == b"PK"
    assert desk.get(f"{LIST}export.exe").status_code == 404


def test_a_filter_can_be_saved_as_a_view(desk, one_of_each):
    desk.post("/views/save/", {"page": "reservations", "name": "Mine", "query": "status=ending&x=1", "next": LIST})
    page = desk.get(LIST)
    [(view, url)] = page.context["list"].view_tabs
    assert listed(desk.get(url)) == {"ends"}
    assert view.query == "status=ending"


# --- What is done with chosen ones --------------------------------------------------------------------------


def test_the_first_step_shows_what_it_will_touch_and_changes_nothing(desk, database, admin, other_staff):
    for record in database.records.order_by("status"):
        add_reservation(product=database.product, customer_id=record.customer_id, staff=other_staff, by=admin)
    waiting = ReservationFactory(status="pending")
    before = everything()
    ids = list(Reservation.objects.values_list("pk", flat=True))
    for headers in (DIALOG, {}):
        text = desk.post(to("release"), {"ids": ids}, headers=headers).content.decode()
        assert "<strong>5</strong> reservations" in text
        assert "2 records that name them are kept out of the pools" in text
        assert "3 are in conflict" in text
        assert "1 more that is chosen is not in the state for it" in text
    text = desk.post(to("approve", f"?only={waiting.pk}"), {"ids": ids}, headers=DIALOG).content.decode()
    assert "<strong>1</strong> reservation:" in text
    assert everything() == before


def test_approving_says_what_became_of_the_records(desk, database, staff, other_staff, admin):
    pool, held = (database.records.filter(status=status).first() for status in ("available", "assigned"))
    asked = [
        ask_reservation(product=database.product, customer_id=record.customer_id, by=other_staff)
        for record in (pool, held)
    ]
    page = desk.post(to("approve"), confirmed(*asked, next=f"{LIST}?status=pending"), follow=True)
    assert page.redirect_chain == [(f"{LIST}?status=pending", 303)]
    assert messages_of(page) == "2 reservations approved. 1 record reserved. 1 record is in conflict now."
    assert set(Reservation.objects.values_list("status", "decided_by")) == {("active", admin.pk)}


def test_rejecting_tells_the_reason(desk, staff):
    waiting = ReservationFactory(status="pending", staff=staff)
    desk.post(to("reject"), confirmed(waiting, reason="Not yours"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("rejected", "Not yours")
    assert staff.notices.count() == 1


def test_releasing_and_restoring_are_each_others_reverse(desk, database, admin, other_staff):
    customer = database.records.filter(status="available").first().customer_id
    add_reservation(product=database.product, customer_id=customer, staff=other_staff, by=admin)
    made = Reservation.objects.get()
    page = desk.post(to("release"), confirmed(made), follow=True)
    assert messages_of(page) == "1 reservation released. 1 record is back in the pool."
    made.refresh_from_db()
    page = desk.post(to("restore"), confirmed(made), follow=True)
    assert messages_of(page) == "1 reservation restored. 1 record reserved."


def test_moving_hands_it_to_somebody_else(desk, database, admin, staff, other_staff):
    customer = database.records.filter(status="assigned").first().customer_id
    add_reservation(product=database.product, customer_id=customer, staff=other_staff, by=admin)
    made = Reservation.objects.get()
    assert desk.post(to("move"), confirmed(made)).status_code == 422
    page = desk.post(to("move"), confirmed(made, staff=staff.pk), follow=True)
    assert messages_of(page) == "1 reservation moved. 1 conflict cleared."
    assert Reservation.objects.get().staff == staff


def test_what_the_new_owner_has_already_is_said_to_be_theirs(desk, staff, other_staff):
    theirs, other = ReservationFactory(staff=staff), ReservationFactory(staff=other_staff)
    page = desk.post(to("move"), confirmed(theirs, other, staff=staff.pk), follow=True)
    text = messages_of(page)
    assert "1 reservation moved." in text
    assert "1 reservation belongs to Sari Staff already." in text
    assert "not in the state for it" not in text
    page = desk.post(to("move"), confirmed(theirs, other, staff=staff.pk))
    assert page.status_code == 422
    assert "2 reservations belong to Sari Staff already." in page.content.decode()


def test_large_numbers_are_said_as_pages_show_them(desk, product, staff):
    page = desk.post(MANY, many(product, staff, text="\n".join(f"c{number}" for number in range(1234))), follow=True)
    assert "1,234 customers reserved for Sari Staff." in messages_of(page)
    data = {"everything": "1", "expected": fingerprint(Reservation.objects.all()), "token": uuid4(), "next": LIST}
    assert messages_of(desk.post(to("release"), data, follow=True)).startswith("1,234 reservations released.")


def test_permanent_on_and_off(desk):
    made = ReservationFactory()
    desk.post(to("keep"), confirmed(made))
    made.refresh_from_db()
    assert made.is_permanent
    desk.post(to("limit"), confirmed(made))
    made.refresh_from_db()
    assert not made.is_permanent


def test_what_cannot_be_done_is_said_line_by_line(desk, product, staff, other_staff):
    free, taken = (
        ReservationFactory(product=product, customer_id=name, status="released") for name in ("free", "taken")
    )
    ReservationFactory(product=product, customer_id="TAKEN", staff=other_staff)
    active = ReservationFactory()
    page = desk.post(to("restore"), confirmed(free, taken, active), follow=True)
    text = messages_of(page)
    assert "1 reservation restored." in text
    assert "1 reservation was not in the state for it" in text
    assert "taken (Kopi)" in text


def test_where_nothing_can_be_done_the_dialog_says_why(desk, product):
    taken = ReservationFactory(product=product, customer_id="taken", status="released")
    ReservationFactory(product=product, customer_id="TAKEN")
    before = everything()
    for headers in ({}, DIALOG):
        page = desk.post(to("restore"), confirmed(taken), headers=headers)
        assert page.status_code == 422
        assert "taken (Kopi)" in page.content.decode()
        assert "Nothing was changed." in page.content.decode()
    assert everything() == before


@pytest.mark.parametrize("verb", ACTIONS)
def test_what_has_changed_since_it_was_shown_is_refused(desk, verb, staff):
    chosen = [ReservationFactory(), ReservationFactory(status="pending"), ReservationFactory(status="released")]
    data = confirmed(*chosen, staff=staff.pk)
    Reservation.objects.filter(pk=chosen[0].pk).update(staff=staff)
    before = everything()
    page = desk.post(to(verb), data)
    assert page.status_code == 422
    assert "changed since they were shown" in page.content.decode()
    assert everything() == before


def test_a_click_twice_takes_effect_once(desk):
    made = ReservationFactory()
    data = confirmed(made)
    desk.post(to("release"), data)
    page = desk.post(to("release"), data, follow=True)
    assert "took effect once" in messages_of(page)
    assert Reservation.objects.get().status == "released"


def test_all_that_match_are_meant_and_no_other(desk, staff):
    for number in range(60):
        ReservationFactory(customer_id=f"bulk{number}", staff=staff)
    other = ReservationFactory(customer_id="other")
    expected = fingerprint(Reservation.objects.exclude(pk=other.pk))
    data = {"everything": "1", "expected": expected, "token": uuid4(), "next": LIST}
    page = desk.post(to("release", "?q=bulk"), data, follow=True)
    assert messages_of(page).startswith("60 reservations released.")
    other.refresh_from_db()
    assert other.status == "active"
    nonsense = {**data, "token": uuid4(), "expected": fingerprint(Reservation.objects.none())}
    assert desk.post(to("restore", "?staff=nobody"), nonsense).status_code == 422
    assert Reservation.objects.active().get() == other


@pytest.mark.parametrize(
    ("url", "data"),
    [
        (to("explode"), {}),
        (to("release"), {"ids": ["x"]}),
        (to("release", "?only=x"), {}),
        (to("release", "?only=-1"), {}),
    ],
)
def test_what_is_not_an_action_or_a_row_is_404(desk, url, data):
    assert desk.post(url, data).status_code == 404


def test_nothing_chosen_says_so(desk):
    assert "No reservations are chosen" in desk.post(to("release"), {}, headers=DIALOG).content.decode()


# --- One of them --------------------------------------------------------------------------------------------


def test_its_page_shows_its_records_conflicts_and_history(desk, database, admin, staff, other_staff):
    record = database.records.filter(status="assigned").first()
    phone = {"phone": "0812 4412 9545", "phone_key": "+6281244129545"}
    [in_pool] = fill(factories_of(get_module("records")).database(product=database.product), 1, **phone)
    fill(factories_of(get_module("records")).database(), 1, **phone)  # another product
    made = ask_reservation(
        product=database.product, customer_id=record.customer_id, phone="+6281244129545", by=other_staff
    )
    desk.post(to("approve"), confirmed(made))
    page = desk.get(f"{LIST}{made.pk}/")
    assert [(each.module.key, each.pk) for each in page.context["records"]] == [
        ("memberwd", record.pk),
        ("records", in_pool),
    ]
    text, shown = page.content.decode(), figures_on(page)
    for name, value in (("records", 2), ("reserved", 1), ("conflict", 1)):
        assert shown[(f"reservation.{name}", str(made.pk))] == value
        assert desk.get(get_figure(f"reservation.{name}").url(made)).context["page"].paginator.count == value
    assert [str(moment.what) for moment in page.context["history"]] == ["Approved", "Asked for"]
    assert [moment.who for moment in page.context["history"]] == [admin, other_staff]
    assert "with Sari Staff" in text
    assert f'href="{record.get_absolute_url()}"' in text.partition('id="conflicts-title"')[2]
    assert str(database.module.label) in text.partition('id="conflicts-title"')[2]
    release_reservations(reservations=Reservation.objects.all(), by=admin)
    assert "Reservation released" in desk.get(f"{LIST}{made.pk}/").content.decode()
    assert desk.get(f"{LIST}{made.pk}/?show=nothing").status_code == 404


def test_a_conflict_whose_record_is_gone_leads_nowhere(desk, product, staff, other_staff, admin):
    database = factories_of(get_module("memberwd")).database(product=product)
    fill(database, 1)
    [record] = assign_random(
        module=database.module, database=database, staff=staff, count=1, by=admin
    ).batch.records.all()
    add_reservation(product=product, customer_id=record.customer_id, staff=other_staff, by=admin)
    url = f"{LIST}{Reservation.objects.get().pk}/"
    assert f'href="{record.get_absolute_url()}"' in desk.get(url).content.decode()
    run("DELETE FROM memberwd_record WHERE id = %s", record.pk)
    text = desk.get(url).content.decode()
    assert "with Sari Staff" in text
    assert f'href="{record.get_absolute_url()}"' not in text


def test_conflicts_beyond_those_shown_are_said_to_be_in_the_log(desk, product, staff, other_staff, admin, monkeypatch):
    monkeypatch.setattr("crm.distribution.reserving.views.MOST_CONFLICTS", 2)
    database = factories_of(get_module("memberwd")).database(product=product)
    fill(database, 3, phone="0812 4412 9545", phone_key="+6281244129545")
    batch = assign_random(module=database.module, database=database, staff=staff, count=3, by=admin).batch
    made = add_reservation(product=product, customer_id="A b", phone="0812 4412 9545", staff=other_staff, by=admin)
    url = f"{LIST}{made.reservations[0].pk}/"
    text = desk.get(url).content.decode().partition('id="conflicts-title"')[2]
    assert text.count("with Sari Staff") == 2
    assert "/conflicts/?q=A%20b" in text
    monkeypatch.setattr("crm.distribution.reserving.views.MOST_CONFLICTS", batch.records.count())
    assert "/conflicts/?q=" not in desk.get(url).content.decode()


def test_a_record_in_conflict_says_whose_its_customer_is_and_since_when(desk, database, admin, other_staff):
    record = database.records.filter(status="assigned").first()
    add_reservation(product=database.product, customer_id=record.customer_id, staff=other_staff, by=admin)
    made = Reservation.objects.get()
    text = desk.get(f"{LIST}{made.pk}/").content.decode()
    assert f"Reserved by Tono Staff since {timezone.localtime(made.since).strftime('%-d %b %Y')}" in text
    assert "already reserved by" not in text


def test_of_several_that_cover_a_record_the_number_is_of_the_one_that_it_names(
    desk, product, admin, staff, other_staff
):
    database = factories_of(get_module("memberwd")).database(product=product)
    fill(database, 1, customer_id="one", phone="0812 4412 9545", phone_key="+6281244129545")
    assign_random(module=database.module, database=database, staff=staff, count=1, by=admin)
    for customer, number in (("one", ""), ("another", "0812 4412 9545")):
        add_reservation(product=product, customer_id=customer, phone=number, staff=other_staff, by=admin)
    counts = [get_figure("reservation.conflict").value(each) for each in Reservation.objects.all()]
    assert sorted(counts) == [0, 1]
    assert "one of them is named" in str(get_figure("reservation.conflict").sentence)
    assert "one of them is named" in str(get_figure("reservation.reserved").sentence)
    unnamed = next(each for each in Reservation.objects.all() if not get_figure("reservation.conflict").value(each))
    text = desk.post(to("release", f"?only={unnamed.pk}"), headers=DIALOG).content.decode()
    assert "because of them" not in text
    assert "Where several reservations cover a record, it names one of them." in text


def test_what_the_owner_took_back_is_withdrawn_and_what_an_admin_turned_down_is_not(desk, product, staff):
    for name, status in (("back", "pending"), ("no", "pending")):
        ReservationFactory(customer_id=name, product=product, staff=staff, status=status)
    back, no = Reservation.objects.order_by("customer_id")
    phone = browser_of(staff)
    phone.post(f"{LIST}{back.pk}/withdraw/")
    desk.post(to("reject"), confirmed(no))
    for url in (f"{LIST}{back.pk}/", f"{LIST}?q=back"):
        assert re.search(r"status-off[^>]*>Withdrawn<", desk.get(url).content.decode())
    for url in (f"{LIST}{no.pk}/", f"{LIST}?q=no"):
        assert re.search(r"status-off[^>]*>Rejected<", desk.get(url).content.decode())
    assert re.search(r"status-off[^>]*>Withdrawn<", phone.get(f"{LIST}mine/?q=back").content.decode())
    header, *rows = csv.reader(io.StringIO(desk.get(f"{LIST}export.csv?sort=customer").getvalue().decode()))
    assert [row[header.index("Status")] for row in rows] == ["Withdrawn", "Rejected"]


def test_the_queries_of_its_page_do_not_grow_with_its_records(desk, product, admin, other_staff):
    counts = []
    for number in (2, 14):  # of each module, so that all are on the first page
        for module in modules():
            fill(factories_of(module).database(product=product), number, phone="1", phone_key="+6281244129545")
        if not counts:
            add_reservation(product=product, customer_id="x", phone="+6281244129545", staff=other_staff, by=admin)
            desk.get(f"{LIST}{Reservation.objects.get().pk}/")  # what is asked once, is asked
        with CaptureQueriesContext(connection) as captured:
            assert rows_on(desk.get(f"{LIST}{Reservation.objects.get().pk}/"))
        counts.append(len(captured))
    assert counts[0] == counts[1]


# --- Entering ------------------------------------------------------------------------------------------------


def one(product, staff, **more: object) -> dict[str, object]:
    return {"product": product.pk, "staff": staff.pk, "customer_id": "C1", "token": uuid4(), **more}


def test_an_admin_enters_one_that_is_in_force_at_once(desk, database, admin, staff, other_staff):
    customer = database.records.filter(status="assigned").first().customer_id
    data = one(database.product, other_staff, customer_id=customer, is_permanent="on", note="VIP")
    page = desk.post(ADD, data, follow=True)
    made = Reservation.objects.get()
    assert page.redirect_chain == [(f"{LIST}{made.pk}/", 303)]
    assert "1 record is in conflict now." in messages_of(page)
    assert (made.status, made.is_permanent, made.note, made.created_by) == ("active", True, "VIP", admin)
    again = desk.post(ADD, data, follow=True)
    assert "took effect once" in messages_of(again)
    assert Reservation.objects.count() == 1


def test_admins_are_told_whose_a_taken_customer_is(desk, product, staff, other_staff):
    ReservationFactory(product=product, customer_id="c1", staff=other_staff)
    for headers in ({}, {"HX-Request": "true", "HX-Target": "entry-form"}):
        page = desk.post(ADD, one(product, staff), headers=headers)
        assert page.status_code == 422
        assert "Tono Staff has reserved this customer. Nothing was changed." in page.content.decode()
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"customer_id": " "}, {"phone": "x"}, {"staff": 0}, {"product": ""}, {"token": "x"}])
def test_a_wrong_entry_comes_back(desk, product, staff, wrong):
    assert desk.post(ADD, {**one(product, staff), **wrong}).status_code == 422
    assert not Reservation.objects.exists()


def many(product, staff, **more: object) -> dict[str, object]:
    return {"product": product.pk, "staff": staff.pk, "token": uuid4(), **more}


TEXT = "C1\n\nC2; 0812 4412 9545\nc1\ntaken,0812 1111 2222\nasked\tbad phone\n;0812 3333 4444\n=1+1\tx"


def test_pasted_lines_are_entered_and_each_that_is_not_is_reported(desk, product, admin, staff, other_staff):
    ReservationFactory(product=product, customer_id="TAKEN", staff=other_staff)
    data = many(product, staff, text=TEXT)
    page = desk.post(MANY, data, follow=True)
    report_url = f"{MANY}{data['token']}/"
    assert page.redirect_chain == [(report_url, 303)]
    shown = {name: value for (name, _subject), value in figures_on(page).items() if name.startswith("entry.")}
    assert shown == {
        "entry.lines": 7,
        "entry.added": 3,
        "entry.left_out": 4,
        "entry.reserved": 1,
        "entry.pending": 0,
        "entry.repeated": 1,
        "entry.bad": 2,
        "entry.out_of_pools": 0,
        "entry.conflicts": 0,
    }
    assert [(each.line, each.outcome) for each in page.context["page"]] == [
        (4, "repeated"),
        (5, "reserved"),
        (6, "bad"),
        (8, "bad"),
    ]
    assert "By Tono Staff" in page.content.decode()
    assert [each.line for each in desk.get(f"{report_url}?outcome=added").context["page"]] == [1, 3, 7]
    assert desk.get(f"{report_url}?outcome=x").status_code == 404
    [_header, *rows] = csv.reader(io.StringIO(desk.get(f"{report_url}not-added.csv").getvalue().decode()))
    assert [row[0] for row in rows] == ["4", "5", "6", "8"]
    assert rows[-1][1] == "'=1+1"
    phones = Reservation.objects.active().of(staff).order_by("customer_id").values_list("customer_id", "phone_key")
    assert list(phones) == [("+6281233334444", "+6281233334444"), ("C1", None), ("C2", "+6281244129545")]


@pytest.mark.parametrize("address", [ADD, MANY])
def test_whoever_notes_something_is_told_that_the_owner_does_not_see_it(desk, address):
    assert "the owner does not see it" in desk.get(address).content.decode()


@pytest.mark.parametrize("letter", ["x", "€"])
def test_a_paste_that_is_too_large_comes_back_with_words(desk, product, staff, letter):
    page = desk.get(MANY)
    most = int(page.context["form"].fields["text"].widget.attrs["maxlength"])
    assert 3 * most < settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # of UTF-8, for each unit that a browser counts
    line = letter * 99 + "\n"
    page = desk.post(MANY, many(product, staff, text=(line * most)[:most]))
    assert page.status_code == 422
    assert "too much to paste" in str(page.context["form"].errors["text"])
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Username\tNo HP\nA1\t0812 4412 9545", {("A1", "+6281244129545")}),
        ("\n User ID \nA1\nA2", {("A1", None), ("A2", None)}),
        ("no;nama;user id;no hp\n1;Ani;A1;0812 4412 9545", {("A1", "+6281244129545")}),
        ("nama\nA1", {("A1", None)}),
        ("A1\t0812 4412 9545\tBank Mandiri\nA2;;note", {("A1", "+6281244129545"), ("A2", None)}),
        ("player; 0812 4412 9545\nA2", {("player", "+6281244129545"), ("A2", None)}),
        ("A1\nuser", {("A1", None), ("user", None)}),
    ],
    ids=["two names", "one name", "by name", "another name", "a third column", "a customer", "not the first"],
)
def test_pasted_columns_are_told_apart(desk, product, staff, text, found):
    assert desk.post(MANY, many(product, staff, text=text)).status_code == 303
    assert set(Reservation.objects.values_list("customer_id", "phone_key")) == found


def test_a_pasted_header_alone_names_nobody(desk, product, staff):
    assert desk.post(MANY, many(product, staff, text="Username\n")).status_code == 422
    assert not Reservation.objects.exists()


def test_a_list_that_is_sent_again_takes_effect_once_and_shows_its_report(desk, product, staff, other_staff, admin):
    data = many(product, staff, text="C1\nC2")
    desk.post(MANY, data)
    Reservation.objects.update(status="released")
    again = desk.post(MANY, data, follow=True)
    assert "took effect once" in messages_of(again)
    assert figures_on(again)[("entry.added", str(data["token"]))] == 2
    assert not Reservation.objects.active().exists()


def test_a_report_is_its_makers_own(desk, product, staff, owner):
    data = many(product, staff, text="C1\nC1")
    desk.post(MANY, data)
    theirs = browser_of(owner)
    assert "There is no such report" in theirs.get(f"{MANY}{data['token']}/").content.decode()
    assert theirs.get(f"{MANY}{data['token']}/not-added.csv").status_code == 404


def file(content: bytes, name: str = "x.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"user;no hp\nA1;0812 4412 9545\nA2;\n", {("A1", "+6281244129545"), ("A2", None)}),
        (b"nama,username\nAni,A1\nBudi,A2\n", {("A1", None), ("A2", None)}),
        (b"A1\nA2\n", {("A1", None), ("A2", None)}),
        (b"A1,081244129545\nA2,081244129546\n", {("A1", "+6281244129545"), ("A2", "+6281244129546")}),
        (b"No HP\n081244129545\n", {("+6281244129545", "+6281244129545")}),
        ("\ufeffuser\nÄ1\n".encode("utf-16"), {("Ä1", None)}),
    ],
)
def test_a_file_is_read_by_its_headers_or_as_a_plain_list(desk, product, staff, content, found):
    page = desk.post(MANY, many(product, staff, file=file(content)))
    assert page.status_code == 303
    assert set(Reservation.objects.values_list("customer_id", "phone_key")) == found


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "x.csv", "empty"),
        (b"PK\x03\x04garbage", "x.xlsx", "workbook"),
        (b"a,b,c\n1,2,3\n", "x.csv", "Which column is the customer?"),
        (b"user\n" + b"x\n" * 10_001, "x.csv", "10,000|10000"),
        (b"\x00\x01\x02\x03" * 100, "x.bin", "."),
        (b"x" * 10_000_001, "x.csv", "larger than 10 MB"),
    ],
    ids=["empty", "no workbook", "no customer", "too many", "bytes", "too large"],
)
def test_a_file_that_cannot_be_read_comes_back_with_what_is_wrong(desk, product, staff, content, name, why):
    page = desk.post(MANY, many(product, staff, file=file(content, name)))
    assert page.status_code == 422
    assert page.context["form"].errors["file"]
    assert (
        desk.post(MANY, many(product, staff, file=file(content, name)), headers={"HX-Request": "true"}).status_code
        == 422
    )
    assert re.search(why, str(page.context["form"].errors["file"]))
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{}, {"text": "\n \n"}, {"text": "a", "file": file(b"user\na\n")}, {"text": "a", "staff": 0}]
)
def test_a_wrong_list_comes_back(desk, product, staff, wrong):
    assert desk.post(MANY, {**many(product, staff), **wrong}).status_code == 422
    assert not Reservation.objects.exists()


# --- The next run, and how long they last ---------------------------------------------------------------------


def test_the_preview_lists_what_the_next_run_ends_and_warns_of(desk, owner):
    for days in (29, 28, 26, 10):
        ReservationFactory(customer_id=f"{days}", since=timezone.now() - timedelta(days=days))
    page = desk.get("/reservations/expiry/", headers=FRAGMENT)
    assert listed(page) == {"29"}
    assert listed(desk.get("/reservations/expiry/?show=warned")) == {"28", "26"}
    day = page.context["run"].pk
    assert figures_on(page) == {("expiry.ends", day): 1, ("expiry.warned", day): 2}
    assert desk.get("/reservations/expiry/?show=x").status_code == 404
    assert "#settings-reservations" not in desk.get("/reservations/expiry/").content.decode()
    assert "#settings-reservations" in browser_of(owner).get("/reservations/expiry/").content.decode()


def test_the_owner_sets_how_long_reservations_last(owner, desk):
    theirs = browser_of(owner)
    url = "/reservations/settings/"
    for grace, warning in (("", ""), (0, 1), (-1, ""), (14, 14), (14, 15)):
        page = theirs.post(url, {"reservations-grace_days": grace, "reservations-warning_days": warning})
        assert page.status_code == 422
        assert page.context["reservations"].errors
    assert not ReservationSettings.objects.exists()
    assert theirs.post(url, {"reservations-grace_days": 14, "reservations-warning_days": 3}).status_code == 303
    assert ReservationSettings.objects.values_list("grace_days", "warning_days").get() == (14, 3)
    assert 'value="14"' in theirs.get("/settings/").content.decode()


def test_the_address_of_the_settings_of_reservations_leads_to_all_settings(owner):
    assert browser_of(owner).get("/reservations/settings/").headers["Location"] == "/settings/"


@pytest.mark.parametrize(
    ("general", "days", "ok"),
    [
        (None, (7, 7), False),
        (None, (7, 8), False),
        (None, (5, ""), False),
        (None, (6, ""), True),
        (None, ("", 30), False),
        (None, ("", 29), True),
        ((20, 10), (10, ""), False),
        ((20, 10), ("", 20), False),
        ((20, 10), ("", 19), True),
        ((3, 3), ("", ""), True),  # not this form's to mend
    ],
)
def test_a_product_warns_before_its_reservations_end(desk, product, general, days, ok):
    if general:
        ReservationSettings.objects.create(grace_days=general[0], warning_days=general[1])
    data = {"name": "Kopi", "grace_days": days[0], "warning_days": days[1]}
    for url in (f"/products/{product.pk}/", "/products/add/"):
        page = desk.post(url, {**data, "name": "Teh" if "add" in url else "Kopi"})
        assert page.status_code == (302 if ok else 422)
        assert ok or page.context["form"].errors["warning_days"]


def test_a_product_can_have_days_of_its_own(desk, product):
    url = f"/products/{product.pk}/"
    assert desk.post(url, {"name": "Kopi", "grace_days": 0}).status_code == 422
    desk.post(url, {"name": "Kopi", "grace_days": 7, "warning_days": 2})
    assert Product.objects.values_list("grace_days", "warning_days").get() == (7, 2)
    desk.post(url, {"name": "Kopi", "grace_days": "", "warning_days": ""})
    assert Product.objects.values_list("grace_days", "warning_days").get() == (None, None)


# --- Elsewhere ------------------------------------------------------------------------------------------------


def test_what_waits_is_in_the_navigation_and_on_the_overview(desk, product):
    assert ("reservations.pending", "all") in figures_on(desk.get("/products/"))
    ReservationFactory(status="pending")
    page = desk.get("/overview/")
    assert figures_on(page)[("reservations.pending", "all")] == 1
    assert page.content.decode().count('data-figure="reservations.pending"') == 2


def test_whoever_deactivates_somebody_sees_how_many_reservations_they_have(desk, admin, staff):
    for status in ("active", "pending", "released"):
        ReservationFactory(staff=staff, status=status)
    page = desk.get(f"/people/{staff.pk}/deactivate/")
    assert figures_on(page)[("staff.reservations", str(staff.pk))] == 2
    assert desk.get(get_figure("staff.reservations").url(staff)).context["page"].paginator.count == 2
    deactivate_with_records(person=staff, to=[], by=admin)
    assert not Reservation.objects.standing().exists()
