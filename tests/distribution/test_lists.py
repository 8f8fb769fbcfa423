"""The lists: what a filter matches, the orders, the columns, deep pages, and all that match."""

import re
from datetime import date, datetime, timedelta
from html import unescape
from itertools import pairwise
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.distribution.assignment import assign_picked, assign_random
from crm.distribution.querysets import WORK_STATES
from crm.distribution.work import note_outcome
from crm.pages import ROWS_PER_PAGE
from tests.distribution.sql import ask
from tests.factories.distribution import fill
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}


@pytest.fixture
def database(make, module, admin, staff, other_staff):
    """30 records; Sari has 8, Tono 4. Of Sari's, 3 said yes (one with a follow-up today), 1 was not reached."""
    database = make.database(columns=["User", "City"])
    for number in range(30):
        make.record(
            database=database,
            row_number=number + 2,
            customer_id=f"c{(number * 7) % 30:02}",
            customer_name=f"{['Budi', 'Siti', 'Agus'][number % 3]} {(number * 11) % 30:02}",
            data=[f"c{number}", f"City {number}"],
        )
    ids = list(database.records.order_by("row_number").values_list("pk", flat=True))
    for person, some in ((staff, ids[:8]), (other_staff, ids[8:12])):
        assign_picked(module=module, database=database, staff=person, record_ids=some, by=admin)
    own = list(module.Record.objects.held_by(staff).order_by("pk").values_list("pk", flat=True))
    records = module.Record.objects
    note_outcome(records=records.with_ids(own[:3]), by=staff, reach="reachable", response="yes")
    note_outcome(records=records.with_ids(own[:1]), by=staff, follow_up_on=timezone.localdate())
    note_outcome(records=records.with_ids(own[3:4]), by=staff, reach="unreachable")
    return database


def listed(client: Client, url: str, query: str = "") -> list[int]:
    """The keys on the first page, in their order."""
    page = client.get(f"{url}?{query}", headers=FRAGMENT)
    assert page.status_code == 200
    keys = [int(key) for key in re.findall(r'name="ids" value="(\d+)"', page.content.decode())]
    assert page.context["list"].total == page.context["list"].rows.count()
    if page.context["list"].total <= ROWS_PER_PAGE:
        assert len(keys) == page.context["list"].total
    return keys


# --- Filters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", WORK_STATES)
def test_the_outcome_filter_lists_the_rows_of_that_state(desk, database, module, state):
    expected = set(module.Record.objects.in_state(state).values_list("pk", flat=True))
    for url in (database.get_absolute_url(), reverse("records", args=[module])):
        assert set(listed(desk, url, f"state={state}")) == expected


def test_filters_add_up(desk, database, module, staff, other_staff):
    url = database.get_absolute_url()
    assert len(listed(desk, url, f"state=to_do&staff={staff.pk}")) == 4
    assert len(listed(desk, url, f"state=to_do&staff={other_staff.pk}")) == 4
    assert len(listed(desk, url, "state=to_do&status=available")) == 0
    assert len(listed(desk, url, f"state=said_yes&staff={other_staff.pk}")) == 0
    assert (
        len(listed(desk, url, f"q=budi&staff={staff.pk}"))
        == ask(
            f"SELECT count(*) FROM {module.key}_record WHERE assignee_id = %s AND customer_name LIKE 'Budi%%'", staff.pk
        )[0][0]
    )


def test_days_are_days_of_the_team(desk, database, module):
    url, today = database.get_absolute_url(), timezone.localdate()
    midnight = timezone.make_aware(datetime.combine(today, datetime.min.time()))
    first, second = module.Record.objects.assigned().order_by("pk")[:2]
    module.Record.objects.filter(pk=first.pk).update(assigned_at=midnight - timedelta(seconds=1))
    module.Record.objects.filter(pk=second.pk).update(assigned_at=midnight)
    assert len(listed(desk, url, f"received_from={today}")) == 11
    assert listed(desk, url, f"received_to={today - timedelta(days=1)}") == [first.pk]
    assert len(listed(desk, url, f"follow_up_from={today}&follow_up_to={today}")) == 1
    assert listed(desk, url, f"follow_up_from={today + timedelta(days=1)}") == []
    assert len(listed(desk, url, f"status=available&received_to={today}")) == 0


@pytest.mark.parametrize("query", ["received_to=9999-12-31", "received_from=0001-01-01", "follow_up_to=x", "state=x"])
def test_a_filter_that_makes_no_sense_matches_nothing(desk, database, query):
    assert listed(desk, database.get_absolute_url(), query) == []


@pytest.mark.parametrize(
    ("name", "query"),
    [("databases", "product=9999"), ("databases", "state=x"), ("batches", "staff=999999"), ("batches", "state=x")],
)
def test_databases_and_batches_are_neither_listed_nor_exported_by_a_filter_that_makes_no_sense(
    desk, database, module, name, query
):
    url, export = reverse(name, args=[module]), reverse(f"export_{name}", args=[module, "csv"])
    assert len(desk.get(url).context["page"].object_list) > 0
    assert list(desk.get(f"{url}?{query}").context["page"].object_list) == []
    assert len(b"".join(desk.get(f"{export}?{query}").streaming_content).splitlines()) == 1


def said_to_match(client: Client, url: str) -> list[str]:
    return re.findall(r"(\d+) match(?:es)? the filter", client.get(url, headers=FRAGMENT).content.decode())


def test_how_many_match_is_said_while_more_is_asked_than_a_tab_counts(desk, database, module, staff):
    url = database.get_absolute_url()
    for query, number in (
        ("", []),
        ("status=assigned", []),
        (f"staff={staff.pk}", ["8"]),
        (f"status=assigned&staff={staff.pk}", ["8"]),
        (f"status=available&staff={staff.pk}", ["0"]),
        ("state=due_today", ["1"]),
    ):
        assert said_to_match(desk, f"{url}?{query}") == number, query
    assert said_to_match(desk, reverse("databases", args=[module])) == []
    assert said_to_match(desk, f"{reverse('databases', args=[module])}?q={database.name}") == ["1"]
    assert said_to_match(desk, f"{reverse('batches', args=[module])}?staff={staff.pk}") == ["1"]


def test_how_many_a_search_finds_is_said_over_the_records_to_work(desk, database, module, staff):
    desk.force_login(staff)
    url = reverse("my_records", args=[module])
    found = module.Record.objects.held_by(staff).filter(customer_name__startswith="Budi").count()
    assert said_to_match(desk, url) == []
    assert said_to_match(desk, f"{url}?q=budi") == [str(found)]


def test_records_of_a_product(desk, database, make, module):
    other = make.database(product=ProductFactory())
    fill(other, 3)
    url = reverse("records", args=[module])
    assert len(listed(desk, url, f"product={other.product_id}")) == 3
    assert len(listed(desk, url, f"product={database.product_id}")) == 30
    assert "product" not in desk.get(database.get_absolute_url()).context["list"].filter.form.fields


def test_a_filter_that_is_on_is_shown_and_can_be_taken_off_alone(desk, database, staff):
    query = f"q=budi&staff={staff.pk}&status=assigned&sort=name&cols=name"
    chips = desk.get(f"{database.get_absolute_url()}?{query}").context["list"].chips
    assert [(str(chip.label), chip.value) for chip in chips] == [("Search", "“budi”"), ("Staff member", "Sari Staff")]
    without = parse_qs(urlsplit(chips[0].without).query)
    assert without == {"staff": [str(staff.pk)], "status": ["assigned"], "sort": ["name"], "cols": ["name"]}


def test_clear_leaves_the_order_and_the_columns(desk, database):
    page = desk.get(f"{database.get_absolute_url()}?q=zzz&status=assigned&state=to_do&sort=name&cols=name")
    assert page.context["list"].cleared == f"{database.get_absolute_url()}?sort=name&cols=name"
    assert page.context["list"].cleared.replace("&", "&amp;") in page.content.decode()


# --- Names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("budi", True),
        ("SANTO", True),
        ("santoso budi", True),
        ("bud san", True),
        ("udi", False),
        ("budi x", False),
        ("o'br", True),
        ("brien", True),
        ("budi.san", True),
        ("<b>", True),
        ("5", True),
        ("12", False),
        ("%", False),
        ("'", False),
        ("\\", False),
        (":*", False),
        ("& | !", False),
        ("مرحبا", True),
        ("😀", False),
        ("x" * 10_000, False),
        ("b " * 5000, False),
    ],
)
def test_a_name_is_found_by_the_beginnings_of_its_words(desk, make, module, text, found):
    record = make.record(customer_id="zzz", customer_name="Budi-<b>Santoso</b> O'Brien 55 مرحبا")
    rows = desk.get(record.database.get_absolute_url(), {"q": text}, headers=FRAGMENT).context["list"].rows
    assert list(rows) == ([record] if found else [])


def test_a_very_long_name_is_stored_and_found_by_its_first_words(desk, make, module):
    record = make.record(customer_name="Anna " + "ab" * 5000)
    rows = desk.get(record.database.get_absolute_url(), {"q": "anna"}).context["list"].rows
    assert list(rows) == [record]


@pytest.mark.parametrize("few", [0, 3, 2000])
def test_a_search_lists_the_same_whether_it_finds_few_or_many(desk, database, module, few, monkeypatch):
    monkeypatch.setattr("crm.distribution.record_list.FEW", few)
    named = f"SELECT id FROM {module.key}_record WHERE customer_name LIKE 'Budi%%'"
    names = ask(f"{named} ORDER BY lower(customer_name), row_number")
    url = database.get_absolute_url()
    assert listed(desk, url, "q=budi&sort=name") == [key for (key,) in names]
    assert listed(desk, url, "q=budi&sort=-name") == [key for (key,) in names][::-1]
    assert len(listed(desk, url, "q=budi 0")) == len([1 for n in range(0, 30, 3) if (n * 11) % 30 < 10])


# --- Orders ------------------------------------------------------------------------------------------------

# The order of the rows that are listed, in words of SQL that the code does not use.
ORDERS = {
    "customer": 'upper(customer_id) COLLATE "C"',
    "name": 'lower(customer_name) COLLATE "C", row_number',
    "row": "row_number",
    "status": "status, row_number",
    "received": "assigned_at, row_number",
    "worked": "worked_at NULLS FIRST, row_number",
    "follow_up": "follow_up_on NULLS LAST, row_number",
}


@pytest.mark.parametrize("sort", ORDERS)
def test_a_database_is_listed_in_each_order_and_its_exact_reverse(desk, database, module, sort):
    chosen = f"SELECT id FROM {module.key}_record WHERE database_id = %s AND status = 'assigned'"
    expected = [key for (key,) in ask(f"{chosen} ORDER BY {ORDERS[sort]}", database.pk)]
    url = database.get_absolute_url()
    assert listed(desk, url, f"status=assigned&sort={sort}") == expected
    assert listed(desk, url, f"status=assigned&sort=-{sort}") == expected[::-1]


@pytest.mark.parametrize("sort", ["customer", "-customer", "name", "-name", "received", "-received", "worked", ""])
def test_no_row_is_on_two_pages_or_on_none(desk, make, module, admin, staff, sort):
    """All names are equal and all were received at once: only the tie-breaker keeps them apart."""
    for _ in range(2):
        database = make.database()
        fill(database, 70, customer_name="Same")
        assign_random(module=module, database=database, staff=staff, count=70, by=admin)
    seen: list[int] = []
    for number in (1, 2, 3):
        query = {"status": "assigned", "sort": sort, "page": number}
        page = desk.get(reverse("records", args=[module]), query, headers=FRAGMENT)
        seen += [record.pk for record in page.context["list"].page.object_list]
    assert len(seen) == len(set(seen)) == 140


@pytest.mark.parametrize("sort", ["sideways", "-", "--row", "pk", "received", "-worked", "assignee__password"])
def test_an_order_that_makes_no_sense_for_the_list_is_not_taken(desk, database, sort):
    url = database.get_absolute_url()
    assert listed(desk, url, f"sort={sort}") == listed(desk, url)
    assert "aria-sort" not in desk.get(f"{url}?sort={sort}").content.decode()


def test_a_click_on_a_header_sorts_and_a_second_one_turns_it_round(desk, database, module):
    url = database.get_absolute_url()

    def header(query: str, key: str):
        headers = desk.get(f"{url}?{query}").context["list"].headers
        return next(header for header in headers if header.column.key == key)

    assert (header("", "name").url, header("", "name").sorted) == (f"{url}?sort=name", "")
    assert (header("sort=name", "name").url, header("sort=name", "name").sorted) == (f"{url}?sort=-name", "ascending")
    assert header("sort=-name&page=3", "name").url == f"{url}?sort=name"
    assert header("sort=-name", "name").sorted == "descending"
    # Times are of records that are with somebody: the click asks for those.
    asked = parse_qs(urlsplit(header("cols=received", "received").url).query)
    assert asked == {"cols": ["received"], "sort": ["-received"], "status": ["assigned"]}
    asked = parse_qs(urlsplit(header("cols=received&state=to_do", "received").url).query)
    assert asked == {"cols": ["received"], "sort": ["-received"], "state": ["to_do"]}
    text = desk.get(f"{url}?sort=-name").content.decode()
    assert text.count('aria-sort="descending"') == 1


@pytest.mark.parametrize("name", ["databases", "batches"])
def test_databases_and_batches_are_sorted_by_each_of_their_headers(desk, database, make, module, name):
    fill(make.database(name="Another", product=database.product), 3)
    page = desk.get(reverse(name, args=[module]))
    sorts = [header.column.sort for header in page.context["list"].headers if header.url]
    assert len(sorts) >= 5
    for sort in sorts:
        up = desk.get(reverse(name, args=[module]), {"sort": sort}).context["page"].object_list
        down = desk.get(reverse(name, args=[module]), {"sort": f"-{sort}"}).context["page"].object_list
        assert {row.pk for row in up} == {row.pk for row in down} != set(), sort
    rows = desk.get(reverse("databases", args=[module]), {"sort": "-records"}).context["page"].object_list
    assert all(a.record_count >= b.record_count for a, b in pairwise(rows))


# --- Pages -------------------------------------------------------------------------------------------------


def test_pages_past_the_middle_are_those_that_counting_from_the_start_gives(desk, make, module, monkeypatch):
    monkeypatch.setattr("crm.pages._CountedPaginator.far", 0)
    database = make.database()
    keys = sorted(fill(database, 230))
    for number in range(1, 6):
        page = desk.get(database.get_absolute_url(), {"page": number}).context["list"].page
        first = (number - 1) * ROWS_PER_PAGE
        assert [record.pk for record in page.object_list] == keys[first : first + ROWS_PER_PAGE]
        assert (page.number, page.start_index()) == (number, first + 1)


def test_a_page_past_the_middle_is_read_from_the_end(desk, make, module, monkeypatch):
    monkeypatch.setattr("crm.pages._CountedPaginator.far", 0)
    database = make.database()
    fill(database, 230)
    with CaptureQueriesContext(connection) as queries:
        desk.get(database.get_absolute_url(), {"page": 5})
    [keys] = [query["sql"] for query in queries if "LIMIT 30" in query["sql"]]
    assert "DESC" in keys
    assert "OFFSET" not in keys


# --- Columns -----------------------------------------------------------------------------------------------


def headings(page) -> list[str]:
    return [str(header.column.label) for header in page.context["list"].headers]


def test_the_columns_are_those_that_are_chosen_in_their_own_order_and_the_customer_always(desk, database, module):
    url = database.get_absolute_url()
    assert headings(desk.get(url)) == ["Customer", "Name", "Phone", "Status", "Staff member", "Row"]
    assert headings(desk.get(f"{url}?cols=note&cols=name")) == ["Customer", "Name", "Note"]
    assert headings(desk.get(f"{url}?cols=file2&cols=file1")) == ["Customer", "User", "City"]
    assert "City 3" in desk.get(f"{url}?cols=file2").content.decode()
    for nonsense in ("cols=", "cols=file3", "cols=data", "cols=password"):
        assert headings(desk.get(f"{url}?{nonsense}")) == headings(desk.get(url))
    whole = headings(desk.get(f"{reverse('records', args=[module])}?cols=file1&cols=database&cols=product"))
    assert whole == ["Customer", "Database", "Product"]


def test_the_customer_alone_can_be_chosen(desk, database):
    """What the form of the columns sends when every box that can be changed is left empty."""
    text = desk.get(database.get_absolute_url()).content.decode()
    [form] = re.findall(r'<form class="menu-body" method="get".*?</form>', text, re.DOTALL)
    sent = re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', form)
    assert headings(desk.get(database.get_absolute_url(), sent)) == ["Customer"]


def test_every_column_shows_what_the_record_has(desk, database, module, staff):
    record = module.Record.objects.in_state("due_today").get()
    columns = desk.get(database.get_absolute_url()).context["list"].available_columns
    query = "&".join(f"cols={column.key}" for column in columns)
    text = desk.get(f"{database.get_absolute_url()}?{query}&state=due_today").content.decode()
    shown = [record.customer_id, record.customer_name, "Sari Staff", str(record.batch), record.data[1]]
    shown += ["Reachable (ada)", "Yes", f"{timezone.localdate():%b %Y}", f"{record.row_number}"]
    assert all(f">{each}<" in text or each in text for each in shown), shown


def test_a_phone_opens_the_chat_with_the_message_of_the_product(desk, make, module, admin, staff):
    """Wherever a record is shown, to admins and to whom it was with."""
    product = ProductFactory(message_template="Halo {name}, {staff} dari {product}")
    database = make.database(product=product)
    record = make.record(database=database, customer_id="c1", phone="0812", phone_key="+6281234567890")
    batch = assign_random(module=module, database=database, staff=staff, count=1, by=admin).batch
    lists = [reverse("records", args=[module]), f"{reverse('search')}?q=c1", record.get_absolute_url()]
    for person, urls in ((admin, lists), (staff, lists[1:2])):
        desk.force_login(person)
        for url in urls:
            chat = f"https://wa.me/6281234567890?text={quote(f'Halo c1, {person} dari {product}')}"
            assert f'href="{chat}"' in desk.get(url).content.decode(), (person, url)
    module.Record.objects.update(
        status="archived", archived_at=timezone.now(), archived_by=admin, archive_reason="Wrong number"
    )
    archived = desk.get(f"{batch.get_absolute_url()}?show=archived")
    assert f"?text={quote('Halo c1, Sari Staff')}" in archived.content.decode()


def test_what_staff_see_of_archived_records_leads_nowhere_they_may_not_go(desk, database, module, admin, staff):
    batch = module.Batch.objects.get(staff=staff)
    gone = batch.records.order_by("pk").first()
    module.Record.objects.filter(pk=gone.pk).update(
        status="archived", archived_at=timezone.now(), archived_by=admin, archive_reason="Wrong number"
    )
    for person, opens in ((staff, False), (admin, True)):
        desk.force_login(person)
        text = desk.get(f"{batch.get_absolute_url()}?show=archived", headers=FRAGMENT).content.decode()
        assert f">{gone.customer_id}</" in text
        links = re.findall(r'href="(/[^"]+)"', text)
        assert (gone.get_absolute_url() in links) == opens
        assert {desk.get(link.replace("&amp;", "&")).status_code for link in links} == {200}


# --- The tabs of a list that is filtered ---


PILL = re.compile(
    r'<li[^>]*><a href="([^"]+)"[^>]*>\s*[^<]+'
    r'<span class="figure num" data-figure="([^"]+)" data-object="([^"]+)" data-value="(\d+)"'
)


def pills(client: Client, url: str) -> list[tuple[str, str, str, int]]:
    """Of each tab over the list: where it leads, its figure, what that is about, the number."""
    text = client.get(url, headers=FRAGMENT).content.decode()
    return [(unescape(href), name, key, int(value)) for href, name, key, value in PILL.findall(text)]


@pytest.mark.parametrize(
    "query", ["q=budi", "staff={staff}", "received_from=2020-01-01", "state=said_yes", "received_from=x"]
)
def test_the_tabs_of_a_filtered_list_count_what_the_filter_leaves_and_are_one_link_each(
    desk, database, module, staff, query
):
    query = query.format(staff=staff.pk)
    for here in (database.get_absolute_url(), reverse("records", args=[module])):
        tabs = pills(desk, f"{here}?{query}")
        assert {name for _url, name, _key, _value in tabs} == {"list.tab"}
        assert len(tabs) >= 6
        for url, _name, _key, value in tabs:
            shown = desk.get(url, headers=FRAGMENT).context["list"]
            assert shown.total == shown.rows.count() == value, url
        unfiltered = {name for _url, name, _key, _value in pills(desk, here)}
        assert "list.tab" not in unfiltered, "these are the stored counts"


def test_the_tabs_of_ones_own_records_count_what_the_search_leaves(phone, database, module, staff):
    batch = module.Batch.objects.get(staff=staff)
    budis = module.Record.objects.held_by(staff).filter(customer_name__startswith="Budi").count()
    for here in (reverse("my_records", args=[module]), batch.get_absolute_url()):
        tabs = [tab for tab in pills(phone, f"{here}?q=budi") if tab[1] == "list.tab"]
        assert len(tabs) >= 5
        assert tabs[0][3] == budis > 0
        for url, _name, _key, value in tabs:
            assert phone.get(url, headers=FRAGMENT).context["list"].rows.count() == value, url


def test_a_click_in_a_list_that_is_searched_brings_the_numbers_of_its_tabs(phone, database, module, staff):
    here = f"{reverse('my_records', args=[module])}?q=budi"
    record = module.Record.objects.held_by(staff).filter(customer_name__startswith="Budi", reach="").first()
    data = {"reach": "reachable", "next": here}
    answer = phone.post(reverse("record_outcome", args=[module, record.pk]), data, headers={"HX-Request": "true"})
    brought = re.findall(
        r'<span class="figure num" data-figure="list.tab" data-object="([^"]+)" data-value="(\d+)"[^>]*hx-swap-oob',
        answer.content.decode(),
    )
    shown = [(key, str(value)) for _url, name, key, value in pills(phone, here) if name == "list.tab"]
    assert shown
    assert set(shown) <= set(brought)


# --- All that match ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["{arabic}", "x", "0", "9" * 30, "-1"])
def test_an_action_reads_the_database_of_the_url_as_the_list_does(desk, database, module, key):
    """A key in Arabic digits is a number to Python, and no key."""
    key = key.format(arabic=str(database.pk).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")))
    for url in (reverse("recall_records", args=[module]), reverse("assign_records", args=[module])):
        assert desk.post(url, {"everything": "1"}, query_params={"database": key}).status_code == 404
    assert desk.get(reverse("export_records", args=[module, "csv"]), {"database": key}).status_code == 404


def test_after_an_action_one_is_back_on_the_list_it_was_about(desk, database, module):
    lists = {"": reverse("records", args=[module]), f"?database={database.pk}": database.get_absolute_url()}
    for query, back in lists.items():
        page = desk.post(reverse("recall_records", args=[module]) + query, {"everything": "1"})
        assert page.context["selection"].next == back


@pytest.mark.parametrize(
    "query",
    [
        "state=said_yes",
        "q=budi&status=assigned",
        "staff={staff}&state=to_do&sort=-received&cols=name",
        "received_to={today}",
    ],
)
def test_all_that_match_are_exactly_those_that_are_listed(desk, database, module, staff, query):
    query = query.format(staff=staff.pk, today=date(2999, 1, 1))
    expected = set(listed(desk, database.get_absolute_url(), query))
    assert expected
    url = f"{reverse('recall_records', args=[module])}?database={database.pk}&{query}"
    asked = desk.post(url, {"everything": "1"})
    form = asked.context["form"]
    data = {"everything": "1", "token": form["token"].value(), "expected": form["expected"].value()}
    before = set(module.Record.objects.assigned().values_list("pk", flat=True))
    desk.post(url, data)
    after = set(module.Record.objects.assigned().values_list("pk", flat=True))
    assert before - after == expected & before
