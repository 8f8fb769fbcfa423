"""Conflicts: seen by admins and by the staff member concerned, resolved one or many, and kept in the log."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pgtrigger
import pytest
import python_calamine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.assignment import assign_picked
from crm.distribution.conflict_list import COLUMNS
from crm.distribution.conflict_log import RESOLUTIONS
from crm.distribution.conflicts import hand_to_owners, keep_records
from crm.distribution.imports.incoming import Incoming
from crm.distribution.imports.mapping import Mapping
from crm.distribution.models import Conflict, SavedView
from crm.distribution.timeline import timeline
from crm.distribution.undo import undo
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import add_reservation, move_reservations, release_reservations
from tests.conftest import browser_of
from tests.distribution.sql import ask
from tests.factories.accounts import UserFactory
from tests.factories.distribution import UploadFactory, factories_of, fill
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

FIGURE = re.compile(r'data-figure="([^"]+)" data-object="([^"]*)" data-value="(\d+)"[^>]*?(?: href="([^"]*)")?>')


@pytest.fixture
def rudi(db):
    """Who reserves the customers of others."""
    return UserFactory(username="rudi", name="Rudi Reserver")


def text_of(answer) -> str:
    assert answer.status_code == 200, answer
    return unescape(answer.content.decode())


def shown_numbers(answer) -> list[tuple[str, str, int, str]]:
    """Each number on the page: its figure, what it is about, the number, and where it leads."""
    return [(name, key, int(value), unescape(url)) for name, key, value, url in FIGURE.findall(answer.content.decode())]


def number(answer, name: str) -> int:
    [value] = {value for figure, _key, value, _url in shown_numbers(answer) if figure == name}
    return value


PHONE = {"phone": "0812 4412 9545", "phone_key": "+6281244129545"}


def hold(module: Module, staff, admin, count: int, *, product=None, **fields: Any) -> list[int]:
    """So many records of a new database, with the staff member; their keys."""
    database = factories_of(module).database(**{"product": product} if product else {})
    keys = fill(database, count, **fields)
    assign_picked(module=module, database=database, staff=staff, record_ids=keys, by=admin)
    return keys


def reserve(module: Module, key: int, owner, admin, **more: Any) -> Reservation:
    """The owner reserves the customer of that record."""
    record = module.Record.objects.select_related("database__product").get(pk=key)
    product, customer = record.database.product, more.pop("customer_id", record.customer_id)
    added = add_reservation(product=product, customer_id=customer, staff=owner, by=admin, **more)
    return added.reservations[0]


def only(module: Module, *keys: int):
    return module.Record.objects.filter(pk__in=keys)


@pytest.fixture
def taken(module, admin, staff, rudi) -> list[int]:
    """Five records with Sari; Rudi has reserved the customers of the first three. All have one phone."""
    keys = hold(module, staff, admin, 5, **PHONE)
    for key in keys[:3]:
        reserve(module, key, rudi, admin)
    return keys


@pytest.fixture
def everywhere(admin, staff, other_staff, rudi) -> dict[Module, list[int]]:
    """Of each module: two records of Sari and one of Tono, whose customers Rudi has reserved. One is kept, one is
    released; the rest is open.
    """
    found = {}
    for module in modules():
        product = ProductFactory()
        found[module] = hold(module, staff, admin, 2, product=product) + hold(
            module, other_staff, admin, 1, product=product
        )
        for key in found[module]:
            reserve(module, key, rudi, admin)
    one, two, *_rest = modules()
    keep_records(records=only(one, found[one][0]), note="They know each other", by=admin)
    released = only(two, found[two][0]).values("reservation")
    release_reservations(reservations=Reservation.objects.filter(pk__in=released), by=admin)
    return found


def database_of(module: Module, key: int):
    return module.Record.objects.get(pk=key).database


def confirm(browser: Client, name: str, *args: Any, query: str = "", **data: Any):
    """Both steps of an action."""
    url = reverse(name, args=args) + query
    first = text_of(browser.post(url, data))
    [expected] = re.findall(r'name="expected" value="([^"]*)"', first)
    return first, browser.post(url, {"expected": expected, "token": uuid4(), **data}, follow=True)


# --- What the services do ---


def test_handing_over_gives_each_to_its_owner_in_a_batch_of_the_same_module(module, taken, admin, staff, rudi):
    done = hand_to_owners(records=only(module, *taken), by=admin)
    assert (done.count, done.skipped, done.reserved) == (3, 2, 0)
    assert set(module.Record.objects.held_by(rudi).values_list("pk", flat=True)) == set(taken[:3])
    assert [batch.staff for batch in done.batches] == [rudi]
    assert not module.Record.objects.in_conflict().exists()
    assert set(Conflict.objects.values_list("resolution", "closed_by")) == {("conflict.hand_over", admin.pk)}
    assert undo(key=done.undo, by=admin).count == 3
    assert module.Record.objects.held_by(staff).count() == 5
    assert module.Record.objects.in_conflict().count() == Conflict.objects.open().count() == 3


def test_an_operation_is_one_entry_of_the_timeline(module, taken, admin):
    done = hand_to_owners(records=only(module, *taken), by=admin)
    undo(key=done.undo, by=admin)
    record = module.Record.objects.get(pk=taken[0])
    told = [str(moment.what) for moment in timeline(record, admin)]
    reserved = "Reserved for Rudi Reserver"
    assert told == ["Undone", "Handed to the owner of the reservation", reserved, "Assigned", "Imported"]
    assert [moment.assignee and moment.assignee.name for moment in timeline(record, admin)] == [
        "Sari Staff", "Rudi Reserver", None, "Sari Staff", None,
    ], "whom it came to"  # fmt: skip


def test_the_timeline_says_for_whom_a_customer_was_reserved_and_who_did_it(module, admin, staff, rudi, other_staff):
    [key] = hold(module, staff, admin, 1, **PHONE)
    record = module.Record.objects.get(pk=key)
    reservation = reserve(module, key, rudi, admin)
    move_reservations(reservations=Reservation.objects.filter(pk=reservation.pk), to=other_staff, by=admin)
    release_reservations(reservations=Reservation.objects.filter(pk=reservation.pk), by=admin)
    record.refresh_from_db()
    told = [(str(moment.what), moment.who, moment.assignee) for moment in timeline(record, admin)[:3]]
    assert told == [
        ("The reservation of Tono Staff was released", admin, None),
        ("The reservation was moved to Tono Staff", admin, None),
        ("Reserved for Rudi Reserver", admin, None),
    ]
    seen = [str(moment.what) for moment in timeline(record, staff)[:3]]
    assert seen == ["Reservation released", "Reservation moved", "Reserved"], "whose it was is not for staff to see"


def test_what_a_third_person_has_reserved_too_is_not_handed_over(module, admin, staff, rudi, other_staff, desk):
    [key] = hold(module, staff, admin, 1, **PHONE)
    reserve(module, key, rudi, admin)
    reserve(module, key, other_staff, admin, customer_id="somebody", phone="+62 812 4412 9545")
    done = hand_to_owners(records=only(module, key), by=admin)
    assert (done.count, done.skipped, done.reserved) == (0, 0, 1)
    assert module.Record.objects.in_conflict().get().assignee == staff
    _first, answer = confirm(desk, "transfer_records", module, ids=[key], staff=rudi.pk)
    assert "1 stays where it is: a third person has reserved the customer." in text_of(answer)


def test_what_is_kept_is_no_conflict_until_somebody_else_reserves_it(module, taken, admin, rudi, other_staff):
    done = keep_records(records=only(module, *taken), note=" Agreed ", by=admin)
    assert (done.count, done.skipped) == (3, 2)
    assert not module.Record.objects.in_conflict().exists()
    assert set(Conflict.objects.values_list("resolution", "note")) == {("conflict.keep", "Agreed")}
    reserve(module, taken[0], other_staff, admin, customer_id="somebody", phone="+62 812 4412 9545")
    assert Conflict.objects.open().values_list("reserved_by", flat=True).distinct().get() == other_staff.pk


def test_keeping_needs_a_reason(module, taken, admin):
    with pytest.raises(Refused):
        keep_records(records=only(module, *taken), note="  ", by=admin)
    assert module.Record.objects.in_conflict().count() == 3


# --- Resolved on the pages ---


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("hand_over_records", {}, "3 records handed to those who have reserved them."),
        ("keep_records", {"note": "Agreed"}, "3 records kept where they are."),
        ("recall_records", {}, "3 records recalled."),
    ],
)
def test_an_admin_resolves_what_is_listed_and_can_take_it_back(desk, module, taken, staff, name, data, said):
    first, answer = confirm(desk, name, module, query="?status=conflict", everything=1, **data)
    assert "<strong>3</strong> records are chosen" in first
    assert said in text_of(answer)
    assert not module.Record.objects.in_conflict().exists()
    [undo_url] = re.findall(r'/undo/[^/"]+/', text_of(answer))
    desk.post(undo_url)
    assert module.Record.objects.in_conflict().count() == 3
    assert module.Record.objects.held_by(staff).count() == 5


def test_the_first_step_says_to_whom_they_go(desk, module, taken):
    first, _answer = confirm(desk, "hand_over_records", module, ids=taken)
    assert "5 with Sari Staff" in " ".join(first.split())
    assert "Rudi Reserver: 3 records" in " ".join(first.split())


@pytest.fixture
def contested(module, admin, staff, rudi, other_staff) -> list[int]:
    """Two records of Sari that Rudi has reserved: Tono has reserved the first too, by its phone."""
    [one], [two] = hold(module, staff, admin, 1, **PHONE), hold(module, staff, admin, 1)
    reserve(module, one, rudi, admin)
    reserve(module, two, rudi, admin)
    reserve(module, one, other_staff, admin, customer_id="somebody", phone="+62 812 4412 9545")
    return [one, two]


def test_the_first_step_leaves_out_what_a_third_person_has_reserved_too(desk, module, contested):
    first, answer = confirm(desk, "hand_over_records", module, ids=contested)
    assert "Rudi Reserver: 1 record" in " ".join(first.split())
    assert "Tono Staff:" not in first
    said = text_of(answer)
    assert "1 record handed to the one who has reserved it. 1 stays where it is: a third person" in said


@pytest.mark.parametrize("in_log", [False, True])
def test_handing_over_nothing_is_refused_and_says_why(desk, module, contested, in_log):
    key, _other = contested
    ids = [Conflict.objects.open().get(record_id=key).pk] if in_log else [key]
    name, args = ("hand_over_conflicts", []) if in_log else ("hand_over_records", [module])
    before = holders()
    first = text_of(desk.post(reverse(name, args=args), {"ids": ids}))
    assert "They go to" not in first
    [expected] = re.findall(r'name="expected" value="([^"]*)"', first)
    answer = desk.post(reverse(name, args=args), {"ids": ids, "expected": expected, "token": uuid4()})
    assert answer.status_code == 422
    assert "Nothing was handed over. 1 stays where it is: a third person" in unescape(answer.content.decode())
    assert holders() == before


def test_handing_over_what_is_in_no_conflict_is_refused_and_says_why(desk, module, taken):
    _first, answer = confirm(desk, "hand_over_records", module, ids=taken[3:])
    assert answer.status_code == 422
    assert "Nothing was handed over. 2 were not in conflict" in unescape(answer.content.decode())


def test_nothing_goes_to_somebody_else_than_whom_one_was_shown(desk, module, taken, admin, staff, rudi, other_staff):
    """The reservations of two customers change places between the two steps: as many for each as before."""
    one, two = (only(module, key).get().reservation_id for key in taken[:2])
    move_reservations(reservations=Reservation.objects.filter(pk=two), to=other_staff, by=admin)
    url, ids = reverse("hand_over_records", args=[module]), taken[:2]
    [expected] = re.findall(r'name="expected" value="([^"]*)"', text_of(desk.post(url, {"ids": ids})))
    move_reservations(reservations=Reservation.objects.filter(pk=two), to=rudi, by=admin)
    move_reservations(reservations=Reservation.objects.filter(pk=one), to=other_staff, by=admin)
    before = holders()
    answer = desk.post(url, {"ids": ids, "expected": expected, "token": uuid4()})
    assert answer.status_code == 422
    assert "These records have changed since they were shown." in unescape(answer.content.decode())
    assert holders() == before
    assert set(only(module, *ids).values_list("assignee", flat=True)) == {staff.pk}


def test_those_who_are_not_in_conflict_are_counted_as_such(desk, module, taken):
    _first, answer = confirm(desk, "hand_over_records", module, ids=taken)
    assert "3 records handed to those who have reserved them. 2 were not in conflict" in text_of(answer)


def test_keeping_without_a_note_is_refused_and_changes_nothing(desk, module, taken):
    url = reverse("keep_records", args=[module])
    [expected] = re.findall(r'name="expected" value="([^"]*)"', text_of(desk.post(url, {"ids": taken})))
    answer = desk.post(url, {"ids": taken, "expected": expected, "token": uuid4(), "note": " "})
    assert answer.status_code == 422
    assert module.Record.objects.in_conflict().count() == 3


def test_the_bar_offers_to_resolve_where_conflicts_are_listed(desk, module, taken):
    hand_over = reverse("hand_over_records", args=[module])
    assert hand_over in text_of(desk.get(reverse("records", args=[module]), {"status": "conflict"}))
    assert hand_over not in text_of(desk.get(reverse("records", args=[module])))


def test_reserved_records_are_assigned_to_their_owner_and_to_nobody_else(desk, module, make, admin, staff, rudi):
    database = make.database()
    [key, _other] = fill(database, 2)
    reserve(module, key, rudi, admin)
    query = f"?database={database.pk}"
    first, answer = confirm(desk, "assign_records", module, query=query, ids=[key], staff=rudi.pk)
    assert f'<option value="{rudi.pk}" selected>' in first
    assert module.Record.objects.held_by(rudi).get().pk == key
    desk.post(reverse("recall_records", args=[module]))
    url = reverse("records", args=[module])
    assert "Reserved for Rudi Reserver" not in text_of(desk.get(url))
    [other] = fill(database, 1)
    reserve(module, other, rudi, admin)
    assert "Reserved for Rudi Reserver" in text_of(desk.get(url, {"status": "reserved"}))
    url = reverse("assign_records", args=[module]) + query
    [expected] = re.findall(r'name="expected" value="([^"]*)"', text_of(desk.post(url, {"ids": [other]})))
    answer = desk.post(url, {"ids": [other], "expected": expected, "token": uuid4(), "staff": staff.pk})
    assert answer.status_code == 422
    assert "reserved by somebody else" in answer.content.decode()


# --- Seen ---


def test_conflicts_are_counted_wherever_an_admin_looks(desk, module, taken):
    database = database_of(module, taken[0])
    batch = module.Batch.objects.get()
    pages = {
        reverse("databases", args=[module]): "database.conflict",
        database.get_absolute_url(): "database.conflict",
        reverse("batches", args=[module]): "batch.conflict",
        batch.get_absolute_url(): "batch.conflict",
        reverse("records", args=[module]): "module.conflict",
    }
    for url, name in pages.items():
        links = {href for figure, _key, value, href in shown_numbers(desk.get(url)) if figure == f"{module.key}.{name}"}
        tab = rf'<a href="([^"]+)"[^>]*>[^<]*<span[^>]*data-figure="{module.key}.{name}"'
        links |= {unescape(href) for href in re.findall(tab, text_of(desk.get(url)))}
        assert number(desk.get(url), f"{module.key}.{name}") == 3, url
        assert links - {""}
        for listed in links - {""}:  # a tab is a link with the number in it
            assert text_of(desk.get(listed)).count("Reserved by Rudi Reserver") == 3
    overview = desk.get(reverse("overview"))
    assert number(overview, f"{module.key}.module.conflict") == number(overview, "conflicts.open") == 3


def test_the_number_in_the_navigation_is_the_sum_of_the_databases(desk, everywhere):
    stored = sum(sum(module.Database.objects.values_list("conflict_count", flat=True)) for module in modules())
    flagged = sum(module.Record.objects.in_conflict().count() for module in modules())
    assert number(desk.get(reverse("products")), "conflicts.open") == stored == flagged > 0


def test_staff_see_whose_their_records_are_by_now_and_since_when(phone, module, taken):
    listed = phone.get(reverse("my_records", args=[module]), {"state": "conflict"})
    day = timezone.localtime(Reservation.objects.first().since)
    assert text_of(listed).count(f"Reserved by Rudi Reserver since {day:%-d %b %Y}") == 3
    assert "An admin decides" in text_of(listed)
    today = text_of(phone.get(reverse("today")))
    assert today.count("Reserved by Rudi Reserver since") == 3
    record = text_of(phone.get(reverse("record", args=[module, taken[0]])))
    assert "An admin decides who goes on with this customer." in record
    assert "Reserved by Rudi Reserver" in record


def test_the_notification_leads_to_the_records(phone, module, taken, staff):
    urls = set(Notice.objects.filter(user=staff, kind=Kind.RECORDS_RESERVED).values_list("url", flat=True))
    assert urls == {f"{reverse('my_records', args=[module])}?state=conflict"}
    assert text_of(phone.get(urls.pop())).count("Reserved by Rudi Reserver") == 3


def test_what_is_kept_shows_staff_nothing(phone, module, taken, admin):
    keep_records(records=only(module, *taken), note="A secret", by=admin)
    pages = [
        reverse("today"),
        reverse("my_records", args=[module]),
        *(reverse("record", args=[module, key]) for key in taken),
    ]
    for url in pages:
        text = text_of(phone.get(url))
        assert "Rudi" not in text
        assert "A secret" not in text
    desk = browser_of(admin)
    assert "A secret" in text_of(desk.get(reverse("record", args=[module, taken[0]])))


# --- The page of a record ---


def test_an_admin_sees_the_reservations_and_the_other_records_of_the_customer(
    desk, phone, module, admin, staff, other_staff, rudi
):
    product = ProductFactory()
    [key] = hold(module, staff, admin, 1, product=product)
    customer = module.Record.objects.get(pk=key).customer_id
    others = {}
    for each in modules():
        database = factories_of(each).database(product=product, name=f"Other of {each.key}")
        [others[each]] = fill(database, 1, customer_id=customer.upper())
    fill(factories_of(module).database(name="Of another product"), 1, customer_id=customer)
    own = factories_of(module).database(product=product, name="Own other")
    [mine] = fill(own, 1, customer_id=customer)
    assign_picked(module=module, database=own, staff=staff, record_ids=[mine], by=admin)
    reservation = reserve(module, key, rudi, admin)
    release_reservations(reservations=Reservation.objects.filter(pk=reservation.pk), by=admin)
    reserve(module, key, other_staff, admin, is_permanent=True)
    url = reverse("record", args=[module, key])
    seen = text_of(desk.get(url))
    for each in modules():
        assert f"Other of {each.key}" in seen
    assert "Own other" in seen
    assert "Of another product" not in seen
    assert "Permanent" in seen
    assert "Rudi Reserver" in seen, "the ended one too"
    assert reverse("hand_over_records", args=[module]) in seen
    theirs = text_of(phone.get(url))
    assert "Own other" in theirs
    assert "Other of" not in theirs
    assert "Rudi" not in theirs
    assert "Reserved by Tono Staff" in theirs
    assert "Permanent" not in theirs
    assert reverse("hand_over_records", args=[module]) not in theirs


def test_staff_see_their_own_reservation_of_a_record(phone, module, admin, staff):
    [key] = hold(module, staff, admin, 1)
    reserve(module, key, staff, admin)
    text = " ".join(text_of(phone.get(reverse("record", args=[module, key]))).split())
    assert "Your reservation" in text
    assert "30 days left" in text


# --- The log ---


def file_of(browser: Client, **query: Any) -> list[list[str]]:
    """The rows of the CSV file of exactly this list, its header first."""
    answer = browser.get(reverse("export_conflicts", args=["csv"]), query)
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def listed(browser: Client, **query: Any) -> list[str]:
    """The customers of the log's records, as the file has them."""
    return [row[0] for row in file_of(browser, **query)[1:]]


def expected(condition: str, *params: Any) -> Counter:
    return Counter(
        customer for (customer,) in ask(f"SELECT customer_id FROM distribution_conflict WHERE {condition}", *params)
    )


def test_the_log_is_filtered_as_it_says(desk, everywhere, staff, rudi):
    one, two, *_rest = modules()
    product = database_of(two, everywhere[two][0]).product_id
    today, tomorrow = timezone.localdate(), timezone.localdate() + timedelta(days=1)
    kept = Conflict.objects.get(note="They know each other")
    cases = [
        ({}, "true", ()),
        ({"state": "open"}, "closed_at IS NULL", ()),
        ({"state": "resolved"}, "closed_at IS NOT NULL", ()),
        ({"module": one.key}, "module = %s", (one.key,)),
        ({"product": product}, "product_id = %s", (product,)),
        ({"staff": staff.pk}, "staff_id = %s", (staff.pk,)),
        ({"reserved_by": rudi.pk}, "reserved_by_id = %s", (rudi.pk,)),
        ({"reserved_by": staff.pk}, "false", ()),
        ({"how": "conflict.keep"}, "resolution = 'conflict.keep'", ()),
        ({"how": "reservation.release"}, "resolution = 'reservation.release'", ()),
        ({"opened_from": today}, "true", ()),
        ({"opened_from": tomorrow}, "false", ()),
        ({"opened_to": today}, "true", ()),
        ({"closed_from": today}, "closed_at IS NOT NULL", ()),
        ({"q": kept.customer_id.upper()}, "customer_id = %s", (kept.customer_id,)),
        ({"module": "nonsense"}, "false", ()),
        ({"staff": staff.pk, "state": "resolved"}, "staff_id = %s AND closed_at IS NOT NULL", (staff.pk,)),
    ]
    for query, condition, params in cases:
        rows = listed(desk, **query)
        assert Counter(rows) == expected(condition, *params), query
        page = text_of(desk.get(reverse("conflicts"), query))
        assert page.count("<tr") - page.count("<thead") == len(rows), query


@pytest.mark.parametrize("text", ["  lucky   star\u00a07 ", "STAR", "0812-4412-9545", "+6281244129545", "other name"])
def test_the_log_finds_a_customer_in_any_writing(desk, module, admin, staff, rudi, text):
    """By the id that the record had, and by the id and the phone of the reservation."""
    [key] = hold(module, staff, admin, 1, customer_id="Lucky  Star 7", **PHONE)
    reserve(module, key, rudi, admin, customer_id="Other name", phone="0812 4412 9545")
    [unlike] = hold(module, staff, admin, 1)
    reserve(module, unlike, rudi, admin)
    assert listed(desk, q=text) == ["Lucky  Star 7"]
    assert listed(desk, q="0812 0000 1111") == listed(desk, q="\u200b") == []


def test_a_part_of_an_id_is_found_though_alone_it_would_be_none(desk, module, admin, staff, rudi):
    [key] = hold(module, staff, admin, 1, customer_id="lucky-0")
    reserve(module, key, rudi, admin)
    assert listed(desk, q="0") == listed(desk, q="-") == ["lucky-0"]


def test_every_way_in_the_log_can_be_asked_for_once(desk, everywhere):
    first, second, third = Conflict.objects.open().order_by("pk")[:3]
    with pgtrigger.ignore():
        for conflict, resolution in [(first, "request.approve"), (second, "unknown"), (third, "elsewhere.done")]:
            Conflict.objects.filter(pk=conflict.pk).update(closed_at=timezone.now(), resolution=resolution)
    page = text_of(desk.get(reverse("conflicts")))
    [choices] = re.findall(r'<select name="how".*?</select>', page, re.DOTALL)
    ways = {label: value for value, label in re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)<', choices)}
    assert len(ways) == choices.count("<option value=") - 1, "none twice"
    for label, conflict in [
        ("Request approved", first),
        ("Changed outside the app", second),
        ("elsewhere.done", third),
    ]:
        assert listed(desk, how=ways[label]) == [conflict.customer_id], label
    closed = Conflict.objects.closed().count()
    assert sum(len(listed(desk, how=way)) for way in ways.values()) == closed == 5


def test_ways_of_one_name_are_asked_for_together(desk, everywhere):
    named: dict[str, list[str]] = {}
    for operation, label in RESOLUTIONS.items():
        named.setdefault(str(label), []).append(operation)
    operations = next(each for each in named.values() if len(each) > 1)
    with pgtrigger.ignore():
        for conflict, resolution in zip(Conflict.objects.open().order_by("pk"), operations, strict=False):
            Conflict.objects.filter(pk=conflict.pk).update(closed_at=timezone.now(), resolution=resolution)
    assert len(listed(desk, how=operations[0])) == len(operations)


def test_a_day_is_one_of_the_teams_time_zone(desk, module, taken):
    """22:30 UTC is half past five of the next morning in Jakarta."""
    moment = timezone.now().replace(hour=22, minute=30) - timedelta(days=3)
    with pgtrigger.ignore():
        Conflict.objects.update(opened_at=moment)
    day = timezone.localtime(moment).date()
    assert day == moment.date() + timedelta(days=1)
    assert len(listed(desk, opened_from=day, opened_to=day)) == 3
    assert listed(desk, opened_from=moment.date(), opened_to=moment.date()) == []
    page = text_of(desk.get(reverse("conflicts"), {"by": "day"}))
    assert f"{day:%a, %-d %b %Y}" in page


def test_the_tiles_count_by_the_calendar(desk, everywhere):
    today = timezone.localdate()
    starts = {
        "conflicts.today": today,
        "conflicts.this_week": today - timedelta(days=today.weekday()),
        "conflicts.this_month": today.replace(day=1),
    }
    with pgtrigger.ignore():
        for days, conflict in enumerate(Conflict.objects.order_by("pk")):
            Conflict.objects.filter(pk=conflict.pk).update(opened_at=timezone.now() - timedelta(days=5 * days))
    tiles = desk.get(reverse("conflicts"))
    for name, start in starts.items():
        [(true,)] = ask(
            "SELECT count(*) FROM distribution_conflict WHERE (opened_at AT TIME ZONE 'Asia/Jakarta')::date >= %s",
            start,
        )
        assert number(tiles, name) == true, name
        assert true > 0
    assert number(tiles, "conflicts.today") < number(tiles, "conflicts.all")


@pytest.mark.parametrize("query", [{}, {"module": "memberwd"}, {"state": "open"}, {"state": "resolved"}])
@pytest.mark.parametrize("by", ["day", "person"])
def test_every_number_of_a_summary_is_the_length_of_its_list(desk, everywhere, by, query):
    with pgtrigger.ignore():
        for days, conflict in enumerate(Conflict.objects.order_by("pk")):
            moved = {"opened_at": conflict.opened_at - timedelta(days=days % 3 + 1)}
            Conflict.objects.filter(pk=conflict.pk).update(**moved)
    answer = desk.get(reverse("conflicts"), {"by": by, **query})
    numbers = [each for each in shown_numbers(answer) if each[0] in TALLIES]
    assert numbers
    for name, key, value, url in numbers:
        assert bool(url) == bool(value), (name, key)
        if url:
            page = text_of(desk.get(url))
            assert page.count("<tr") - page.count("<thead") == value, (name, key, url)
    total = len(listed(desk, **query))
    assert sum(value for name, _key, value, _url in numbers if name == "conflicts.began") == total
    assert sum(value for name, _key, value, _url in numbers if name == "conflicts.ended") == sum(
        1 for _ in Conflict.objects.closed().filter(module__in=[query.get("module", m.key) for m in modules()])
    ) * (query.get("state") != "open")


TALLIES = {"conflicts.began", "conflicts.ended", "conflicts.waiting", "conflicts.end_of_day", "conflicts.owned"}


@pytest.mark.parametrize("query", [{}, {"state": "open"}, {"module": "memberwd"}])
@pytest.mark.parametrize("by", ["day", "person"])
def test_the_file_of_a_summary_has_the_numbers_of_the_page(desk, everywhere, by, query):
    with pgtrigger.ignore():
        for days, conflict in enumerate(Conflict.objects.order_by("pk")):
            Conflict.objects.filter(pk=conflict.pk).update(opened_at=timezone.now() - timedelta(days=days % 4))
    page = desk.get(reverse("conflicts"), {"by": by, **query})
    header, *rows = file_of(desk, by=by, **query)
    [head] = re.findall(r"<thead>(.*?)</thead>", text_of(page), re.DOTALL)
    assert header == re.findall(r"<th[^>]*>([^<]+)</th>", head)
    shown: dict[str, list[str]] = {}
    for name, key, value, _url in shown_numbers(page):
        if name in TALLIES:
            shown.setdefault(key, []).append(str(value))
    assert [row[1:] for row in rows] == list(shown.values())
    names = [row[0] for row in rows]
    assert names == (list(shown) if by == "day" else [str(User.objects.get(pk=key)) for key in shown])
    book = desk.get(reverse("export_conflicts", args=["xlsx"]), {"by": by, **query})
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(b"".join(book.streaming_content)))
    in_book = sheet.get_sheet_by_index(0).to_python()
    assert [[str(int(cell) if isinstance(cell, float) else cell) for cell in row] for row in in_book] == [header, *rows]
    assert desk.get(reverse("export_conflicts", args=["pdf"]), {"by": by}).status_code == 404


@pytest.mark.parametrize("query", [{}, {"state": "open"}, {"state": "resolved"}])
def test_the_days_add_up(desk, everywhere, query):
    """What is open at the end of a day is what was open the day before, and what began, less what ended."""
    with pgtrigger.ignore():
        for days, conflict in enumerate(Conflict.objects.order_by("pk")):
            began = timezone.now() - timedelta(days=9 - days % 4)
            ended = {} if days % 3 else {"closed_at": began + timedelta(days=days % 5), "resolution": "records.recall"}
            Conflict.objects.filter(pk=conflict.pk).update(opened_at=began, **ended)
    _header, *rows = file_of(desk, by="day", **query)
    assert len(rows) > 3
    open_before = 0
    for day, began, ended, still in reversed([(row[0], *map(int, row[1:])) for row in rows]):
        assert still == open_before + began - ended
        assert still == len(listed(desk, open_on=day, **query))
        open_before = still
    if query.get("state") != "resolved":
        assert open_before == len(listed(desk, state="open"))


def test_the_export_menu_of_a_summary_leads_to_its_file(desk, everywhere):
    page = text_of(desk.get(reverse("conflicts"), {"by": "day", "state": "open"}))
    assert f"{reverse('export_conflicts', args=['csv'])}?by=day&state=open" in page


def test_days_of_years_are_paged_and_all_in_the_file(desk, admin, staff, rudi):
    module = next(modules())
    for key in hold(module, staff, admin, 53):
        reserve(module, key, rudi, admin)
    with pgtrigger.ignore():
        for days, conflict in enumerate(Conflict.objects.order_by("pk")):
            Conflict.objects.filter(pk=conflict.pk).update(opened_at=timezone.now() - timedelta(days=days))
    pages = [desk.get(reverse("conflicts"), {"by": "day", "page": page}) for page in (1, 2)]
    days = [[key for name, key, _n, _url in shown_numbers(page) if name == "conflicts.began"] for page in pages]
    assert [len(each) for each in days] == [50, 3]
    assert "1 to 50 of 53" in " ".join(text_of(pages[0]).split())
    assert [row[0] for row in file_of(desk, by="day", page=2)[1:]] == [*days[0], *days[1]]


@pytest.mark.parametrize("query", ["how=conflict.keep&sort=-closed", "by=person&module=memberwd"])
def test_a_view_of_the_log_opens_it_as_it_was_saved(desk, everywhere, admin, query):
    here = reverse("conflicts")
    assert 'value="conflicts"' in text_of(desk.get(f"{here}?{query}")), "the menu offers to save it"
    data = {"page": "conflicts", "name": "Mine", "query": f"{query}&page=3&evil=1", "next": here}
    page = desk.post(reverse("save_view"), data, follow=True)
    view = SavedView.objects.get(user=admin, page="conflicts")
    assert (page.context["list"].view, page.context["list"].is_changed) == (view, False)
    assert sorted(view.query.split("&")) == sorted(query.split("&"))
    assert 'aria-current="true">Mine</a>' in text_of(page)


def test_the_file_has_what_the_log_says_of_each(desk, everywhere, admin):
    answer = desk.get(reverse("export_conflicts", args=["csv"]), {"how": "conflict.keep"})
    header, row = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert header == [str(column.label) for column in COLUMNS]
    kept = Conflict.objects.get(resolution="conflict.keep")
    cells = dict(zip(header, row, strict=True))
    module = next(modules())
    assert cells["Customer"] == kept.customer_id
    assert cells["Database"] == module.Database.objects.get(pk=kept.database_id).name
    assert cells["Module"] == module.label
    assert cells["Reserved by"] == "Rudi Reserver"
    assert (cells["Resolved how"], cells["By"], cells["Note"]) == ("Kept", "Adam Admin", "They know each other")
    assert desk.get(reverse("export_conflicts", args=["xlsx"])).status_code == 200
    assert desk.get(reverse("export_conflicts", args=["pdf"])).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_log(desk, module, admin, staff, rudi):
    costs = []
    for count in (2, 20):
        for key in hold(module, staff, admin, count):
            reserve(module, key, rudi, admin)
        for query in ({}, {"by": "day"}, {"by": "person"}):
            with CaptureQueriesContext(connection) as captured:
                desk.get(reverse("conflicts"), query)
            costs.append(len(captured))
    assert costs[:3] == costs[3:]


@pytest.mark.parametrize("page", ["records", "batches", "databases"])
def test_the_number_of_queries_does_not_grow_with_the_conflicts_of_a_list(desk, module, admin, staff, rudi, page):
    costs = []
    for count in (2, 12):
        for key in hold(module, staff, admin, count):
            reserve(module, key, rudi, admin)
        with CaptureQueriesContext(connection) as captured:
            desk.get(reverse(page, args=[module]))
        costs.append(len(captured))
    assert costs[0] == costs[1]


def test_nor_with_what_staff_see_of_theirs(phone, module, admin, staff, rudi):
    costs = []
    for count in (2, 12):
        for key in hold(module, staff, admin, count):
            reserve(module, key, UserFactory(), admin)
        for url in (reverse("my_records", args=[module]) + "?state=conflict", reverse("today")):
            with CaptureQueriesContext(connection) as captured:
                phone.get(url)
            costs.append(len(captured))
    assert costs[:2] == costs[2:]


# --- Resolved in the log ---


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("hand_over_conflicts", {}, "7 records handed to those who have reserved them."),
        ("keep_conflicts", {"note": "Agreed"}, "7 records kept where they are."),
        ("recall_conflicts", {}, "7 records recalled."),
    ],
)
def test_open_ones_of_all_modules_are_resolved_and_taken_back_as_one(desk, everywhere, admin, name, data, said):
    before = holders()
    assert Conflict.objects.open().count() == 7
    first, answer = confirm(desk, name, query="?state=open", everything=1, **data)
    assert "<strong>7</strong> records are chosen" in first
    assert said in text_of(answer)
    assert not Conflict.objects.open().exists()
    assert holders() != before
    [undo_url] = re.findall(r'/undo/[^/"]+/', text_of(answer))
    assert "7 records are as they were before." in text_of(desk.post(undo_url, follow=True))
    assert holders() == before
    assert Conflict.objects.open().count() == 7


def holders() -> dict[tuple[str, int], Any]:
    return {
        (module.key, pk): state
        for module in modules()
        for pk, *state in module.Record.objects.order_by("pk").values_list(
            "pk", "status", "assignee", "batch", "reservation", "is_reservation_conflict", "kept_despite"
        )
    }


def test_chosen_ones_are_resolved_and_no_others(desk, everywhere):
    chosen = [Conflict.objects.open().filter(module=module.key).first() for module in modules()]
    others = set(Conflict.objects.open().values_list("pk", flat=True)) - {each.pk for each in chosen}
    confirm(desk, "recall_conflicts", ids=[each.pk for each in chosen])
    assert set(Conflict.objects.open().values_list("pk", flat=True)) == others


def test_what_was_resolved_meanwhile_is_not_resolved_again(desk, everywhere, admin):
    module, *_rest = modules()
    conflict = Conflict.objects.open().filter(module=module.key).first()
    url = reverse("recall_conflicts")
    [shown] = re.findall(r'name="expected" value="([^"]*)"', text_of(desk.post(url, {"ids": [conflict.pk]})))
    keep_records(records=only(module, conflict.record_id), note="Faster", by=admin)
    answer = desk.post(url, {"ids": [conflict.pk], "expected": shown, "token": uuid4()})
    assert answer.status_code == 422
    assert module.Record.objects.get(pk=conflict.record_id).status == "assigned"
    assert "No records are chosen" in text_of(desk.post(url, {"ids": [conflict.pk]}))


def test_only_what_has_not_changed_since_is_taken_back(desk, everywhere, admin, staff):
    module, *_rest = modules()
    _first, answer = confirm(desk, "keep_conflicts", query="?state=open", everything=1, note="Agreed")
    [key] = re.findall(r'/undo/([^/"]+)/', text_of(answer))
    note_outcome(records=module.Record.objects.held_by(staff), by=staff, note="changed")
    done = undo(key=key, by=admin)
    assert done.count + done.skipped == 7
    assert 0 < done.skipped == module.Record.objects.filter(kept_note="Agreed").count()
    with pytest.raises(Refused):
        undo(key=key, by=admin)


def test_staff_cannot_see_the_log_nor_resolve_anything(phone, everywhere):
    conflict = Conflict.objects.open().first()
    before = holders()
    assert phone.get(reverse("conflicts")).status_code == 403
    assert phone.get(reverse("export_conflicts", args=["csv"])).status_code == 403
    for name in ("hand_over_conflicts", "keep_conflicts", "recall_conflicts"):
        assert phone.post(reverse(name), {"ids": [conflict.pk], "token": uuid4()}).status_code == 403
    for module in modules():
        for name in ("hand_over_records", "keep_records"):
            assert phone.post(reverse(name, args=[module]), {"everything": 1}).status_code == 403
    assert holders() == before


def test_a_log_whose_database_is_gone_says_so(desk, module, taken, admin):
    with pgtrigger.ignore():
        Conflict.objects.update(database_id=987654321)
    assert "A database that is gone" in text_of(desk.get(reverse("conflicts")))


# --- The upload ---


def test_the_preview_says_whose_customers_are_in_the_file(module, make, admin, staff, rudi, desk):
    product = ProductFactory()
    for customer, owner, phone in [("A1", rudi, ""), ("a2", rudi, ""), ("other", staff, "+62 812 4412 9545")]:
        add_reservation(product=product, customer_id=customer, phone=phone, staff=owner, by=admin)
    add_reservation(product=ProductFactory(), customer_id="A3", staff=staff, by=admin)
    ended = add_reservation(product=product, customer_id="A4", staff=staff, by=admin).reservations[0]
    release_reservations(reservations=Reservation.objects.filter(pk=ended.pk), by=admin)

    class Reader:
        blank, above_header, hidden, width, fraction, notes = 0, 0, 0, 2, 1.0, ()

        def __iter__(self):
            rows = [("a1 ", None), ("A2", "+6281244129545"), ("A3", None), ("A4", None), ("A1", None)]
            return iter([(number, [key, phone or ""], phone) for number, (key, phone) in enumerate(rows, start=2)])

    incoming = Incoming()
    incoming.read(Reader(), ["id", "phone"], Mapping(customer_id=0, name=None, phone=1), lambda fraction: None)
    report = incoming.report(product)
    assert (report.accepted, report.reserved) == (4, 2)
    assert [(each.staff, each.name, each.rows) for each in report.reserved_by] == [
        (rudi.pk, "Rudi Reserver", 2),
        (staff.pk, "Sari Staff", 1),
    ]
    upload = UploadFactory(
        module=module.key,
        product=product,
        state="ready",
        inspection={
            "layout": {
                "kind": "csv",
                "header_row": 1,
                "columns": 1,
                "encoding": "utf-8",
                "delimiter": ",",
                "sheet": None,
            },
            "sheets": [],
            "headers": ["user"],
            "sample_rows": [[2, ["budi"], None]],
            "notes": [],
        },
        mapping={"customer_id": 0, "name": None, "phone": None},
        report=report.to_dict(),
    )
    page = text_of(desk.get(reverse("upload", args=[module, upload.pk])))
    assert "Rudi Reserver" in page
    assert f"?status=active&product={product.pk}&staff={rudi.pk}" in page
