"""The search over all modules: whom it finds, for whom, and that nothing one types breaks it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.distribution.assignment import assign_random
from crm.registry import modules
from tests.distribution.test_pages import figures_on
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db

URL = "/search/"


def browser_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def customers(admin, staff):
    """The same customer in each module, with Sari in the last one only."""
    records = []
    for module in modules():
        record = factories_of(module).record(
            customer_id="Budi01", customer_name="Budi Santoso", phone="0812-3456-7890", phone_key="+6281234567890"
        )
        records.append(record)
    last = records[-1]
    assign_random(module=last.module, database=last.database, staff=staff, count=1, by=admin)
    return records


@pytest.mark.parametrize(
    "text",
    [
        "budi01",
        " BUDI ",
        "\u200bbu\u00addi",
        "ｂｕｄｉ",
        "santoso",
        "san bud",
        "081234567890",
        "+62 812-3456-7890",
        "6281234567890",
    ],
)
def test_admins_find_a_customer_in_every_module_by_id_phone_or_name(admin, customers, text):
    page = browser_of(admin).get(URL, {"q": text})
    for record in customers:
        assert f'href="{record.get_absolute_url()}"' in page.content.decode()
    assert {name: n for (name, _), n in figures_on(page).items() if "search" in name} == {
        f"{module.key}.search.found": 1 for module in modules()
    }


@pytest.mark.parametrize("text", ["budi01", "santoso", "081234567890"])
def test_staff_find_only_what_is_with_them_now(staff, other_staff, customers, text):
    page = browser_of(staff).get(URL, {"q": text}).content.decode()
    assert [record.get_absolute_url() in page for record in customers] == [False, False, True]
    assert "Nobody found" in browser_of(other_staff).get(URL, {"q": text}).content.decode()


@pytest.mark.parametrize("text", ["nobody", "udi", "budi01x", "budi x", "0812345678"])
def test_what_is_not_there_is_not_found(admin, customers, text):
    assert "Nobody found" in browser_of(admin).get(URL, {"q": text}).content.decode()


def test_who_is_only_a_phone_is_found_by_its_first_digits(admin):
    record = factories_of(next(iter(modules()))).record(customer_id="+6281244129545", phone="", phone_key=None)
    for text in ("0812441", "62812441", "+62 812-441", "0812 4412 9545"):
        assert record.get_absolute_url() in browser_of(admin).get(URL, {"q": text}).content.decode(), text
    assert "Nobody found" in browser_of(admin).get(URL, {"q": "812441"}).content.decode()


def test_what_nobody_sees_finds_nobody(admin, customers):
    desk = browser_of(admin)
    assert "Budi Santoso" not in desk.get(URL, {"q": "\u200b\u2060"}).content.decode()
    for module in modules():
        assert not desk.get(reverse("records", args=[module]), {"q": "\u200b\u2060"}).context["page"].object_list
    assert not desk.get(reverse("reservations"), {"q": "\ufeff"}).context["page"].object_list


def test_the_number_leads_to_a_list_of_the_same_rows(admin, customers):
    client = browser_of(admin)
    for found in client.get(URL, {"q": "san"}).context["found"]:
        assert client.get(found.url).context["list"].total == len(found.records) == found.rows().count()


def test_many_are_cut_at_fifty_and_lead_to_all(admin, make_many):
    client = browser_of(admin)
    [found] = [found for found in client.get(URL, {"q": "same"}).context["found"] if found.records]
    assert (len(found.records), found.more) == (50, True)
    assert "More than 50, see all" in client.get(URL, {"q": "same"}).content.decode()
    assert client.get(found.url).context["list"].total == 60


def test_an_exact_id_comes_first_among_many(admin, make_many):
    database = make_many
    exact = factories_of(database.module).record(database=database, customer_id="Same", customer_name="Zzz")
    found = [found for found in browser_of(admin).get(URL, {"q": "same"}).context["found"] if found.records]
    assert found[0].records[0] == exact


@pytest.fixture
def make_many():
    module = next(modules())
    database = factories_of(module).database()
    fill(database, 60, customer_name="Same Name")
    return database


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "\0", "bu\0di", "%", "_", "'", '"', "\\", "' OR 1=1 --", ":*", "&", "!", "(", "<->", "<b>", "+"],
        *["x" * 10_000, "a " * 5000, "1" * 400, "مرحبا", "\u202eab", "😀", "\ud800".encode("utf-8", "surrogatepass")],
    ],
)
def test_whatever_one_types_gives_a_page(admin, staff, customers, text):
    for user in (admin, staff):
        assert browser_of(user).get(URL, {"q": text}).status_code == 200


def test_what_is_typed_is_shown_as_text(admin):
    page = browser_of(admin).get(URL, {"q": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in page


def test_every_page_has_the_box_once(admin, staff, customers):
    for user, urls in ((admin, ["overview", "search", "notices"]), (staff, ["notices", "search"])):
        for name in urls:
            assert browser_of(user).get(reverse(name)).content.decode().count("data-global-search") == 1


def test_the_number_of_queries_does_not_grow_with_what_is_found(admin, make_many):
    client = browser_of(admin)

    def queries(text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(URL, {"q": text})
        return len(captured)

    queries("warm")
    assert queries("same") - queries("nobody") <= 1
