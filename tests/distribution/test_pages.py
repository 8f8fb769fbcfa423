"""The pages of the modules: what they show, whom they show it to, and what a form on them does."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.assignment import assign_picked, assign_random, recall_records, transfer_records
from crm.distribution.holdings import holding, work_of
from crm.distribution.reserving.figures import TEAM
from crm.distribution.settings import change_settings
from crm.distribution.undo import undo
from crm.distribution.work import note_outcome
from crm.figures import Figure, figures, get_figure
from crm.home.demo import seed
from crm.registry import Module, get_module, modules
from crm.reservations.models import Reservation
from tests.distribution.sql import ask, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory, take

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}
FIGURE = re.compile(
    r'<(a|span) class="figure num" data-figure="([^"]+)" data-object="([^"]*)" data-value="(\d+)"([^>]*)'
)


def figures_on(page) -> dict[tuple[str, str], int]:
    """The value of each figure of each object on a page; one number has one value wherever it stands."""
    found: dict[tuple[str, str], int] = {}
    for _tag, name, subject, value, _rest in FIGURE.findall(page.content.decode()):
        assert found.setdefault((name, subject), int(value)) == int(value), f"two values of {name} on one page"
    return found


def rows_on(page) -> int:
    """How many rows the list on a page has."""
    text = page.content.decode()
    return text.count("<tr") - text.count("<thead")


@pytest.fixture
def large_keys(module):
    """Keys of four digits and more, which a template could show with a separator."""
    for model in (module.Database, module.Batch, module.Record):
        keys = f"pg_get_serial_sequence('{model._meta.db_table}', 'id')"
        run(f"SELECT setval({keys}, greatest(nextval({keys}), 5000))")


@pytest.fixture
def world(make, module, admin, staff, other_staff, large_keys):
    """Two databases of 20 records; Sari has 6 of the first and 2 of the second, Tono 3 of the first."""
    one, two = make.database(name="One"), make.database(name="Two")
    fill(one, 20)
    fill(two, 20)
    for database, person, count in ((one, staff, 6), (two, staff, 2), (one, other_staff, 3)):
        assign_random(module=module, database=database, staff=person, count=count, by=admin)
    return one, two


@pytest.fixture
def desk(world, admin) -> Client:
    """The admin's browser."""
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def phone(world, staff) -> Client:
    """The staff member's browser."""
    client = Client()
    client.force_login(staff)
    return client


# --- Reading -----------------------------------------------------------------------------------------------


def test_the_database_page_shows_what_a_recount_of_the_rows_says(desk, world, module):
    page = desk.get(world[0].get_absolute_url())
    shown = figures_on(page)
    recount = dict(
        ask(
            f'SELECT status, count(*) FROM "{module.Record._meta.db_table}" WHERE database_id = %s GROUP BY 1',
            world[0].pk,
        )
    )
    assert recount == {"available": 11, "assigned": 9}
    for name in ("available", "assigned", "reserved", "requested", "archived"):
        assert shown[(f"{module.key}.database.{name}", str(world[0].pk))] == recount.get(name, 0)
    assert shown[(f"{module.key}.database.records", str(world[0].pk))] == 20


def test_the_list_of_databases_shows_what_a_recount_of_the_rows_says(desk, world, module):
    shown = figures_on(desk.get(reverse("databases", args=[module])))
    table = module.Record._meta.db_table
    for database, assigned in ask(
        f"SELECT database_id, count(*) FILTER (WHERE status = 'assigned') FROM \"{table}\" GROUP BY 1"
    ):
        assert shown[(f"{module.key}.database.assigned", str(database))] == assigned


def test_the_batch_page_shows_its_ledger(desk, phone, world, module, staff):
    batch = module.Batch.objects.get(database=world[0], staff=staff)
    for client in (desk, phone):
        page = client.get(batch.get_absolute_url())
        shown = figures_on(page)
        names = {name: shown[(f"{module.key}.batch.{name}", str(batch.pk))] for name in ("current", "received", "left")}
        assert names == {"current": 6, "received": 6, "left": 0}
        assert "Assigned" in page.content.decode()
        assert "Adam Admin" in page.content.decode()


def test_my_records_are_mine_alone(phone, world, module, staff):
    page = phone.get(reverse("my_records", args=[module]))
    text = page.content.decode()
    mine = module.Record.objects.held_by(staff)
    others = module.Record.objects.assigned().exclude(assignee=staff)
    assert all(record.customer_id in text for record in mine)
    assert not any(f">{record.customer_id}<" in text for record in others)
    shown = figures_on(page)
    assert shown[(f"{module.key}.mine.assigned", str(staff.pk))] == 8
    assert shown[(f"{module.key}.mine.batches", str(staff.pk))] == 2


def test_what_is_with_somebody_else_is_404_for_staff(phone, world, module, other_staff):
    batch = module.Batch.objects.get(staff=other_staff)
    for thing in (batch, batch.records.first(), world[0].records.in_pool().first()):
        assert phone.get(thing.get_absolute_url()).status_code == 404


def test_a_record_that_left_is_404_for_the_one_who_had_it(desk, phone, module, staff, other_staff, admin):
    record = module.Record.objects.held_by(staff).first()
    assert phone.get(record.get_absolute_url()).status_code == 200
    transfer_records(records=module.Record.objects.filter(pk=record.pk), to=other_staff, by=admin)
    assert phone.get(record.get_absolute_url()).status_code == 404
    assert desk.get(record.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("show", ["received", "left"])
def test_staff_do_not_see_who_came_and_left(desk, phone, module, staff, show):
    batch = module.Batch.objects.filter(staff=staff).first()
    url = f"{batch.get_absolute_url()}?show={show}"
    assert desk.get(url).status_code == 200
    assert phone.get(url).status_code == 404
    assert desk.get(f"{batch.get_absolute_url()}?show=nothing").status_code == 404


def test_the_page_of_a_record_shows_all_its_columns_and_its_timeline(desk, make, module):
    database = make.database(columns=["id", "Kota"])
    record = make.record(database=database, data=["a", "Bandung\nBarat"], customer_id="<b>x</b>", phone="081234567890")
    text = desk.get(record.get_absolute_url()).content.decode()
    assert "Kota" in text
    assert "Bandung<br>Barat" in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "Imported" in text


@pytest.mark.parametrize("name", ["databases", "records", "batches", "database", "batch", "my_records"])
def test_htmx_gets_only_the_list(desk, phone, world, module, staff, name):
    client = phone if name == "my_records" else desk
    things = {"database": [world[0].pk], "batch": [module.Batch.objects.filter(staff=staff).first().pk]}
    url = reverse(name, args=[module, *things.get(name, [])])
    fragment, page = client.get(url, headers=FRAGMENT), client.get(url)
    assert fragment.content.decode().strip().startswith('<div id="list">')
    assert "<html" not in fragment.content.decode()
    assert "<html" in page.content.decode()
    assert {"HX-Request", "HX-Target"} <= {each.strip() for each in fragment["Vary"].split(",")}
    restored = client.get(url, headers={**FRAGMENT, "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


# --- Filters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 20),
        ("status=available", 11),
        ("status=assigned", 9),
        ("status=archived", 0),
        ("status=conflict", 0),
        ("status=nonsense", 0),
        ("staff={sari}", 6),
        ("status=assigned&staff={sari}", 6),
        ("status=available&staff={sari}", 0),
        ("status=assigned&staff=999999999", 0),
        ("status=assigned&staff=nonsense", 0),
        ("q={customer}", 1),
        ("q=%20%20{lower}%09", 1),
        ("q=nothing-like-this", 0),
        ("q=%00", 0),
        ("q=%25", 0),
        ("page=99", 20),
        ("page=nonsense", 20),
    ],
)
def test_the_records_of_a_database_are_filtered_and_the_length_is_that_of_the_list(
    desk, world, staff, make, query, count
):
    customer = world[0].records.first().customer_id
    names = {"sari": staff.pk, "customer": customer, "lower": customer.upper()}
    page = desk.get(f"{world[0].get_absolute_url()}?{query.format(**names)}", headers=FRAGMENT)
    assert page.status_code == 200
    assert rows_on(page) == count
    assert page.context["list"].page.paginator.count == count


def test_a_search_finds_a_customer_as_they_were_typed(desk, make, module):
    database = make.database()
    for customer_id in ("Straße 5", "ﬁrst", "İstanbul", "a_b", "50%"):
        make.record(database=database, customer_id=customer_id)
    for customer_id in ("Straße 5", "ﬁrst", "İstanbul", "a_b", "50%", "straße"):
        page = desk.get(database.get_absolute_url(), {"q": customer_id}, headers=FRAGMENT)
        assert rows_on(page) == 1, customer_id


def test_a_search_finds_a_phone_however_it_is_written(desk, make, module):
    database = make.database()
    make.record(database=database, phone="0812-3456-7890", phone_key="+6281234567890")
    for text in ("081234567890", "+62 812 3456 7890", "6281234567890", "0812-3456-7890"):
        assert rows_on(desk.get(database.get_absolute_url(), {"q": text}, headers=FRAGMENT)) == 1


@pytest.mark.parametrize(("text", "count"), [("", 8), ("nothing", 0), ("\0", 8), ("%", 0)])
def test_my_records_can_be_searched(phone, module, text, count):
    page = phone.get(reverse("my_records", args=[module]), {"q": text}, headers=FRAGMENT)
    assert page.status_code == 200
    assert rows_on(page) == count


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"One", "Two"}),
        ("q=ON", {"One"}),
        ("state=archived", {"Old"}),
        ("state=nonsense", set()),
        ("product={product}", {"Two"}),
        ("product=0", set()),
        ("q=nothing", set()),
    ],
)
def test_the_databases_are_filtered(desk, world, make, module, admin, query, names):
    make.database(name="Old", archived_at=world[0].created_at, archived_by=admin)
    page = desk.get(f"{reverse('databases', args=[module])}?{query.format(product=world[1].product_id)}")
    assert {database.name for database in page.context["page"]} == names


@pytest.mark.parametrize(("query", "count"), [("", 4), ("state=holding", 3), ("state=empty", 1), ("staff={sari}", 2)])
def test_the_batches_are_filtered(desk, world, make, module, staff, query, count):
    make.batch(database=world[0])
    page = desk.get(f"{reverse('batches', args=[module])}?{query.format(sari=staff.pk)}", headers=FRAGMENT)
    assert rows_on(page) == count


def test_long_lists_come_in_pages_and_every_row_is_on_one_of_them_with_its_key(desk, make, module):
    database = make.database()
    fill(database, 120)
    assert min(database.records.values_list("pk", flat=True)) > 1000
    seen: list[str] = []
    for number in (1, 2, 3):
        page = desk.get(database.get_absolute_url(), {"page": number}, headers=FRAGMENT)
        seen += re.findall(r'name="ids" value="(\d+)"', page.content.decode())
    assert len(seen) == len(set(seen)) == 120


# --- Assigning at random -----------------------------------------------------------------------------------


def assign_url(database) -> str:
    return reverse("assign_at_random", args=[database.module, database.pk])


def test_assigning_at_random_says_how_many_and_shows_them(desk, world, module, staff):
    data = {"staff": staff.pk, "count": 5, "token": uuid4()}
    page = desk.post(assign_url(world[0]), data, follow=True)
    assert page.redirect_chain == [(world[0].get_absolute_url(), 303)]
    assert "5 records assigned to Sari Staff." in page.content.decode()
    assert figures_on(page)[(f"{module.key}.database.assigned", str(world[0].pk))] == 14


def test_htmx_is_told_to_load_the_page(desk, world, staff):
    data = {"staff": staff.pk, "count": 5, "token": uuid4()}
    answer = desk.post(assign_url(world[0]), data, headers={"HX-Request": "true", "HX-Target": "assign-panel"})
    assert answer.headers["HX-Redirect"] == world[0].get_absolute_url()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 12}, "Only 11 records are available, 12 were asked for. Nothing was assigned."),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": ""}, "required"),
        ({"count": "many"}, "whole number"),
        ({"count": 10**20}, "less than or equal to"),
        ({"staff": ""}, "required"),
        ({"staff": 999_999_999}, "valid choice"),
        ({"staff": "{admin}"}, "valid choice"),
        ({"token": "nonsense"}, ""),
    ],
)
def test_a_form_that_cannot_be_done_comes_back_with_422_and_changes_nothing(
    desk, world, module, staff, admin, change, message
):
    change = {name: str(value).format(admin=admin.pk) for name, value in change.items()}
    data = {"staff": staff.pk, "count": 5, "token": uuid4(), **change}
    before = list(module.Record.objects.order_by("pk").values())
    page = desk.post(assign_url(world[0]), data)
    fragment = desk.post(assign_url(world[0]), data, headers={"HX-Request": "true", "HX-Target": "assign-panel"})
    for answer in (page, fragment):
        assert answer.status_code == 422
        assert message in answer.content.decode()
        assert 'id="assign-panel"' in answer.content.decode()
    assert "<html" in page.content.decode()
    assert "<html" not in fragment.content.decode()
    assert fragment.headers["HX-Retarget"] == fragment.headers["HX-Reselect"] == "#assign-panel"
    assert list(module.Record.objects.order_by("pk").values()) == before


def test_a_form_that_is_sent_again_takes_effect_once(desk, world, module, staff):
    data = {"staff": staff.pk, "count": 5, "token": uuid4()}
    desk.post(assign_url(world[0]), data)
    again = desk.post(assign_url(world[0]), data, follow=True)
    assert "This was sent already and took effect once." in again.content.decode()
    assert module.Record.objects.assigned().count() == 11 + 5


def test_a_form_that_was_refused_can_be_sent_again(desk, world, module, staff):
    data = {"staff": staff.pk, "count": 12, "token": uuid4()}
    assert desk.post(assign_url(world[0]), data).status_code == 422
    assert desk.post(assign_url(world[0]), {**data, "count": 11}).status_code == 303


def test_only_where_the_module_allows_it_a_batch_can_be_chosen(desk, world, make, module, staff, other_staff):
    batch = module.Batch.objects.get(database=world[0], staff=staff)
    data = {"staff": staff.pk, "count": 2, "token": uuid4(), "batch": batch.pk}
    page = desk.get(world[0].get_absolute_url()).content.decode()
    assert ('name="batch"' in page) == module.policy.assigns_into_existing_batch
    if module.policy.assigns_into_existing_batch:
        theirs = module.Batch.objects.get(staff=other_staff)
        elsewhere = module.Batch.objects.get(database=world[1])
        for wrong in (theirs, elsewhere):
            assert desk.post(assign_url(world[0]), {**data, "batch": wrong.pk}).status_code == 422
        desk.post(assign_url(world[0]), data)
        batch.refresh_from_db()
        assert batch.current_count == 8
        assert module.Batch.objects.count() == 3


def test_an_archived_database_offers_no_hand_out_and_refuses_one(desk, world, module, staff):
    desk.post(reverse("archive_database", args=[module, world[0].pk]))
    page = desk.get(world[0].get_absolute_url()).content.decode()
    assert "assign-panel" not in page
    answer = desk.post(assign_url(world[0]), {"staff": staff.pk, "count": 2, "token": uuid4()})
    assert answer.status_code == 422
    desk.post(reverse("restore_database", args=[module, world[0].pk]))
    assert "assign-panel" in desk.get(world[0].get_absolute_url()).content.decode()


# --- Acting on chosen records ------------------------------------------------------------------------------


@pytest.fixture
def act(desk, module, world):
    """Posts an action with what is chosen in a list of the first database; the second step when `data` has a token.

    The second step confirms what the first one shows now, unless `expected` says otherwise.
    """

    def act(verb: str, *, query: str = "", client: Client = desk, htmx: bool = False, **data):
        url = f"{reverse(f'{verb}_records', args=[module])}?database={world[0].pk}{query}"
        headers = {"HX-Request": "true", "HX-Target": "dialog"} if htmx else {}
        if "token" in data and "expected" not in data:
            chosen = {name: data[name] for name in ("ids", "everything") if name in data}
            data["expected"] = shown_in(client.post(url, chosen))
        return client.post(url, data, headers=headers)

    return act


def shown_in(first_step: HttpResponse) -> str:
    """The fingerprint of what the first step shows, which the second step sends back; empty without one."""
    found = re.search(r'name="expected" value="([^"]*)"', first_step.content.decode())
    return found[1] if found else ""


def assigned_ids(database) -> list[int]:
    return list(database.records.assigned().order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize("verb", ["assign", "recall", "transfer"])
def test_the_first_step_says_what_will_be_touched_and_touches_nothing(act, world, module, verb, htmx):
    before = list(module.Record.objects.order_by("pk").values())
    answer = act(verb, ids=assigned_ids(world[0]), htmx=htmx)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "<strong>9</strong> records are chosen." in text
    assert "6 with Sari Staff" in text
    assert "3 with Tono Staff" in text
    assert ("<html" in text) != htmx
    assert f'name="expected" value="{shown_in(answer)}"' in text
    assert shown_in(answer).startswith("9;")
    assert list(module.Record.objects.order_by("pk").values()) == before


def test_before_a_recall_one_sees_on_how_many_something_is_noted(act, world, module, staff):
    ids = assigned_ids(world[0])
    of_staff = module.Record.objects.held_by(staff).filter(pk__in=ids)
    note_outcome(records=of_staff.filter(pk__in=list(of_staff.values_list("pk", flat=True)[:2])), by=staff, note="tea")
    text = act("recall", ids=ids).content.decode()
    text = " ".join(text.split())
    assert "On <strong>2</strong> of them staff have noted something: 0 have an outcome, 2 a note, 0 a" in text
    assert "have noted something" not in act("transfer", ids=ids).content.decode(), "there it goes along"


def test_what_was_said_of_a_customer_stays_in_the_timeline_when_the_record_goes_back(
    act, world, module, desk, staff, other_staff, admin, sign_in
):
    record = module.Record.objects.held_by(staff).filter(database=world[0]).first()
    this = module.Record.objects.with_ids([record.pk])
    note_outcome(records=this, by=staff, response="yes", note="Two <teas>,\nMonday")
    act("recall", ids=[record.pk], token=uuid4())
    said = "<blockquote>Two &lt;teas&gt;,<br>Monday</blockquote>"
    assert said in desk.get(record.get_absolute_url()).content.decode()
    assign_picked(module=module, database=world[0], staff=other_staff, record_ids=[record.pk], by=admin)
    note_outcome(records=this, by=other_staff, note="Coffee")
    theirs = sign_in(other_staff).get(record.get_absolute_url()).content.decode()
    assert ("<blockquote>Coffee</blockquote>" in theirs, said in theirs) == (True, False), "from when it came to them"
    both = desk.get(record.get_absolute_url()).content.decode()
    assert said in both
    assert "<blockquote>Coffee</blockquote>" in both


def test_where_the_owner_allows_it_staff_see_what_was_said_before_and_nothing_else(
    module, world, desk, owner, admin, staff, other_staff, sign_in
):
    record = module.Record.objects.held_by(staff).filter(database=world[0]).first()
    this = module.Record.objects.with_ids([record.pk])
    note_outcome(records=this, by=staff, response="yes", note="Two teas")
    taken_back = note_outcome(records=this, by=staff, note="Nobody is to read this")
    undo(key=taken_back.undo, by=staff)
    recall_records(records=this, by=admin)
    assign_picked(module=module, database=world[0], staff=other_staff, record_ids=[record.pk], by=admin)
    theirs = sign_in(other_staff)
    assert "Two teas" not in theirs.get(record.get_absolute_url()).content.decode()
    change_settings(module=module, by=owner, staff_see_earlier=True)
    text = theirs.get(record.get_absolute_url()).content.decode().partition('id="timeline"')[2]
    assert "<strong>Said yes, note saved</strong>" in text
    assert "<blockquote>Two teas</blockquote>" in text
    assert str(staff) in text, "who said it"
    assert "Nobody is to read this" not in text
    assert "Recalled" not in text
    assert (text.count("Assigned"), text.count(f"with {staff}")) == (1, 0)


def test_the_second_step_recalls(act, world, module, desk):
    ids = assigned_ids(world[0])[:4]
    answer = act("recall", ids=ids, token=uuid4(), next=f"/{module.key}/records/?status=assigned")
    assert (answer.status_code, answer["Location"]) == (303, f"/{module.key}/records/?status=assigned")
    assert "4 records recalled." in desk.get(answer["Location"]).content.decode()
    assert module.Record.objects.with_ids(ids).in_pool().count() == 4


def test_the_second_step_assigns_and_transfers(act, world, module, staff, other_staff):
    free = list(world[0].records.in_pool().values_list("pk", flat=True)[:3])
    act("assign", ids=free, token=uuid4(), staff=staff.pk)
    assert set(free) <= set(module.Record.objects.held_by(staff).values_list("pk", flat=True))
    act("transfer", ids=free, token=uuid4(), staff=other_staff.pk)
    assert set(free) <= set(module.Record.objects.held_by(other_staff).values_list("pk", flat=True))


def test_everything_that_the_filter_matches_is_acted_on(act, world, module, staff):
    done = {"everything": 1, "token": uuid4()}
    answer = act("recall", query=f"&status=assigned&staff={staff.pk}", **done)
    assert answer.status_code == 303
    assert not world[0].records.held_by(staff).exists()
    assert world[1].records.held_by(staff).count() == 2
    assert world[0].records.assigned().count() == 3


@pytest.mark.parametrize("htmx", [True, False])
def test_a_list_that_has_changed_meanwhile_is_not_acted_on(act, world, module, admin, other_staff, htmx):
    stale = {"everything": 1, "token": uuid4()}
    stale["expected"] = shown_in(act("recall", query="&status=assigned", everything=1))
    assign_random(module=module, database=world[0], staff=other_staff, count=1, by=admin)
    before = list(module.Record.objects.order_by("pk").values())
    answer = act("recall", query="&status=assigned", htmx=htmx, **stale)
    assert answer.status_code == 422
    if htmx:
        assert f'id="{answer.headers["HX-Reselect"][1:]}"' in answer.content.decode()
    assert "changed since they were shown. Nothing was changed" in answer.content.decode()
    assert list(module.Record.objects.order_by("pk").values()) == before


def test_the_dialog_that_comes_back_asks_about_the_list_as_it_is_now(act, world, module, admin, other_staff):
    """Otherwise it could never be confirmed."""
    stale = shown_in(act("recall", query="&status=assigned", everything=1))
    assign_random(module=module, database=world[0], staff=other_staff, count=1, by=admin)
    answer = act("recall", query="&status=assigned", everything=1, expected=stale, token=uuid4())
    assert "<strong>10</strong> records are chosen." in answer.content.decode()
    again = act("recall", query="&status=assigned", everything=1, expected=shown_in(answer), token=uuid4())
    assert again.status_code == 303


def test_chosen_records_that_went_to_somebody_else_meanwhile_are_not_taken(
    act, world, module, admin, staff, other_staff
):
    """The dialog named Sari; the records are Tono's by now."""
    ids = list(world[0].records.held_by(staff).values_list("pk", flat=True))
    stale = shown_in(act("recall", ids=ids))
    transfer_records(records=module.Record.objects.with_ids(ids), to=other_staff, by=admin)
    answer = act("recall", ids=ids, expected=stale, token=uuid4())
    assert answer.status_code == 422
    assert module.Record.objects.with_ids(ids).held_by(other_staff).count() == len(ids)


def test_chosen_records_that_nobody_has_are_skipped_and_said(act, world, module, desk):
    ids = assigned_ids(world[0])
    act("recall", ids=ids[:2], token=uuid4())
    answer = act("recall", ids=ids, token=uuid4())
    text = desk.get(answer["Location"]).content.decode()
    assert "7 records recalled. 2 were with nobody and stay as they are." in text


def test_an_action_that_is_sent_again_takes_effect_once(act, world, module, desk, other_staff):
    data = {"ids": assigned_ids(world[0]), "token": uuid4(), "staff": other_staff.pk}
    data["expected"] = shown_in(act("transfer", ids=data["ids"]))
    act("transfer", **data)
    answer = act("transfer", **data)
    assert "took effect once" in desk.get(answer["Location"]).content.decode()
    assert module.Batch.objects.filter(staff=other_staff).count() == 2


@pytest.mark.parametrize("data", [{"staff": ""}, {"staff": 0}, {"expected": ""}, {"token": "x"}])
def test_an_action_that_is_not_complete_comes_back_with_422(act, world, module, other_staff, data):
    before = list(module.Record.objects.order_by("pk").values())
    whole = {"ids": assigned_ids(world[0]), "token": str(uuid4()), "staff": other_staff.pk}
    whole["expected"] = shown_in(act("transfer", ids=whole["ids"]))
    assert act("transfer", **{**whole, **data}).status_code == 422
    assert act("transfer", htmx=True, **{**whole, **data}).status_code == 422
    assert list(module.Record.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("ids", [["x"], ["1", "<b>"], [str(2**70)], ["-1"], []])
@pytest.mark.parametrize("verb", ["assign", "recall"])
def test_ids_that_are_none_change_nothing(act, world, module, staff, ids, verb):
    before = list(module.Record.objects.order_by("pk").values())
    for more in ({}, {"expected": "0", "token": uuid4(), "staff": staff.pk}):
        assert act(verb, ids=ids, **more).status_code in (200, 303, 404, 422)
    assert list(module.Record.objects.order_by("pk").values()) == before


def test_records_of_another_database_are_not_touched(act, world, module):
    others = assigned_ids(world[1])
    act("recall", ids=others, expected=str(len(others)), token=uuid4())
    assert assigned_ids(world[1]) == others


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_an_action_does_not_lead_to_another_site(act, world, next):
    answer = act("recall", ids=assigned_ids(world[0])[:1], token=uuid4(), next=next)
    assert answer["Location"] == world[0].get_absolute_url()


def test_records_are_only_assigned_from_a_database(desk, world, module, staff):
    url = reverse("assign_records", args=[module])
    assert desk.post(url, {"ids": [1]}).status_code == 404
    assert desk.post(f"{url}?database=999999999", {"ids": [1]}).status_code == 404
    assert desk.post(f"{url}?database=x", {"ids": [1]}).status_code == 404


# --- Cost --------------------------------------------------------------------------------------------------


def queries_of(client: Client, url: str) -> int:
    client.get(url)  # what is cached for ever is not counted
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def grow(make, module: Module, admin: User, staff: User, count: int) -> None:
    """So many databases, each with a batch of Sari's and a batch of somebody else's."""
    for person in [staff, *UserFactory.create_batch(count - 1)]:
        database = make.database()
        fill(database, 3)
        assign_random(module=module, database=database, staff=staff, count=1, by=admin)
        if person != staff:
            assign_random(module=module, database=database, staff=person, count=1, by=admin)


def test_the_number_of_queries_does_not_grow_with_the_rows(make, module, admin, staff):
    desk, phone = Client(), Client()
    desk.force_login(admin)
    phone.force_login(staff)
    big = make.database()
    fill(big, 5)
    batch = assign_random(module=module, database=big, staff=staff, count=2, by=admin).batch

    def cost() -> dict[str, int]:
        pages = {
            "overview": reverse("overview"),
            "databases": reverse("databases", args=[module]),
            "records": reverse("records", args=[module]),
            "assigned records": reverse("records", args=[module]) + "?status=assigned",
            "batches": reverse("batches", args=[module]),
            "database": big.get_absolute_url(),
            "batch": batch.get_absolute_url(),
            "arrivals": f"{batch.get_absolute_url()}?show=received",
        }
        found = {name: queries_of(desk, url) for name, url in pages.items()}
        found["my records"] = queries_of(phone, reverse("my_records", args=[module]))
        found["notices"] = queries_of(phone, reverse("notices"))
        return found

    grow(make, module, admin, staff, 5)
    few = cost()
    grow(make, module, admin, staff, 55)
    fill(big, 200)
    assign_random(module=module, database=big, staff=staff, count=100, by=admin)
    if module.policy.assigns_into_existing_batch:
        assign_random(module=module, database=big, staff=staff, count=60, by=admin, batch=batch)
    many = cost()

    assert many == few
    assert max(many.values()) < 60  # the overview asks every module for each of its numbers


def test_a_list_does_not_count_what_is_counted_already(make, module, admin):
    """The length of a list of a million records comes from the stored count."""
    database = make.database()
    fill(database, 5)
    desk = Client()
    desk.force_login(admin)
    table = module.Record._meta.db_table
    for url in (database.get_absolute_url(), reverse("records", args=[module]) + "?status=available"):
        with CaptureQueriesContext(connection) as captured:
            desk.get(url)
        counts = [query["sql"] for query in captured if "COUNT(" in query["sql"].upper() and table in query["sql"]]
        # What waits as invalid, for the navigation: few, in an index of their own.
        assert [sql for sql in counts if "\"validation\" = 'invalid'" not in sql] == []


# --- Every figure ------------------------------------------------------------------------------------------


@pytest.fixture
def demo(db) -> dict[str, User]:
    """The demo data, and beside it a record in every state that the pages show."""
    seed(scale=1)
    people = {user.username: user for user in User.objects.all()}
    run("SET LOCAL pghistory.context_id = ''")
    for module in modules():
        table = module.Record._meta.db_table
        archive = "archived_at = now(), archived_by_id = assignee_id, archive_reason = 'Wrong number'"
        for change, state, count in (
            (f"status = 'archived', is_reservation_conflict = false, {archive}", "assigned", 2),
            ("status = 'invalid', is_reservation_conflict = false", "assigned", 1),
        ):
            one_each = f"SELECT id FROM \"{table}\" WHERE status = '{state}' ORDER BY id LIMIT {count}"
            run(f'UPDATE "{table}" SET {change} WHERE id IN ({one_each})')
        for state, count in (("available", 2), ("assigned", 3)):
            take(*module.Record.objects.filter(status=state).order_by("pk")[:count])
        run(f'DELETE FROM "{table}" WHERE id = (SELECT max(id) FROM "{table}" WHERE status = \'assigned\')')
    sari = people["sari"]
    ReservationFactory(staff=sari, status="rejected")
    ReservationFactory(staff=sari, status="expired")
    ReservationFactory(staff=sari, since=timezone.now() - timedelta(days=27))
    return people


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def subjects_of(figure: Figure, user: User) -> list:
    """What the figure is shown of, to this person."""
    kind = figure.name.split(".")[0]
    staff = list(User.objects.working()) if user.is_admin else [user]
    if figure.name in ("staff.requests", "staff.reservations"):
        return staff
    if figure.name.startswith("mine.reservations."):
        return [user]
    concerned = [each for each in modules() if each.policy.validates or not figure.name.endswith("marked_invalid")]
    return {
        "database": lambda: [each for module in modules() for each in module.Database.objects.all()],
        "batch": lambda: [each for module in modules() for each in module.Batch.objects.filter(staff__in=staff)],
        "module": lambda: concerned,
        "staff": lambda: [holding(module, person) for module in concerned for person in staff],
        "mine": lambda: [holding(module, user) for module in modules()],
        "follow_ups": lambda: [work_of(user)],
        "notices": lambda: [user],
        "reservations": lambda: [TEAM],
        "conflicts": lambda: [TEAM],
        "reservation": lambda: list(Reservation.objects.all()),
        "products": list,
    }[kind]()


def telling(figure: Figure, subjects: list) -> list:
    """The three with the most and the one with the least: all of them would take a minute."""
    ordered = sorted(subjects, key=figure.value)
    return [*ordered[:1], *ordered[-3:]]


def length_of_list(client: Client, url: str) -> int:
    """How many rows the list under `url` has, on all its pages."""
    url, _, part = url.partition("#")
    count, number = 0, 1
    while True:
        headers = {} if part else FRAGMENT
        page = client.get(url + ("&" if "?" in url else "?") + f"page={number}", headers=headers)
        assert page.status_code == 200, url
        text = page.content.decode()
        if part == "batches":
            return len(re.findall(r'class="card count-card\b', text))
        if "notifications" in url:
            count += text.count('<li class="notice ')
        else:
            count += rows_on_list(text)
        if 'rel="next"' not in text:
            return count
        number += 1


def rows_on_list(text: str) -> int:
    shown = "".join(re.findall("<table.*?</table>", text.partition('id="list"')[2], re.DOTALL))
    return shown.count("<tr") - shown.count("<thead")


ADMIN_FIGURES = ("database.", "module.", "batch.", "staff.", "notices.", "reservations.", "reservation.")
ADMIN_FIGURES += tuple(f"conflicts.{name}" for name in ("all", "open", "resolved", "today", "this_week", "this_month"))
STAFF_FIGURES = ("batch.current", "batch.archived", "mine.", "follow_ups.", "notices.")


@pytest.mark.proof
@pytest.mark.parametrize(("username", "prefixes"), [("admin", ADMIN_FIGURES), ("sari", STAFF_FIGURES)])
def test_every_figure_is_its_rows_and_the_list_that_it_opens(demo, username, prefixes):
    user = demo[username]
    client = browser_of(user)
    checked = set()
    for figure in figures():
        if not (figure.rows and figure.name.startswith(prefixes)):
            continue
        for subject in telling(figure, subjects_of(figure, user)):
            value = figure.value(subject)
            assert value == figure.rows(subject).count(), (figure.name, subject)
            assert value == length_of_list(client, figure.url(subject)), (figure.name, subject)
            checked.add((figure.name, value > 0))
    names = {figure.name for figure in figures() if figure.rows and figure.name.startswith(prefixes)}
    assert {name for name, _some in checked} == names
    only_zero = {name for name in names if (name, True) not in checked}
    assert only_zero <= {"notices.unread"}, "these figures were never more than nothing"


ARRANGING = ("sort=", "cols=", "view=", "page=", "at=")


def crawl(client: Client) -> Iterator[tuple[str, str]]:
    """Pages that can be reached by links, with their text: two of each kind (path and query without the numbers).

    How a list is arranged makes no other kind, and of filters one at a time is followed: all their combinations are
    too many, and count nothing that the single ones do not.
    """
    waiting, seen = ["/"], set()
    while waiting:
        url = waiting.pop()
        answer = client.get(url, follow=True)
        assert answer.status_code == 200, f"{url}: {answer.status_code}"
        if answer.streaming or "html" not in answer["Content-Type"]:
            continue
        text = answer.content.decode()
        yield url, text
        for link in re.findall(r'href="(/[^"#]*|\?[^"#]*)', text):
            link = link.replace("&amp;", "&")
            link = url.split("?")[0] + link if link.startswith("?") else link
            path = re.sub(r"\d+", "N", link.split("?")[0])
            query = [part for part in link.partition("?")[2].split("&") if not part.startswith(ARRANGING)]
            if len(query) > 1:
                continue
            kind = (path, re.sub(r"\d+", "N", "".join(query)))
            like_it = sum(1 for each in seen if each[0] == kind)
            if not link.startswith(("/static/", "/accounts/")) and (kind, link) not in seen and like_it < 2:
                seen.add((kind, link))
                waiting.append(link)


@pytest.mark.proof
@pytest.mark.parametrize("username", ["admin", "sari"])
def test_a_number_is_the_same_on_every_page_and_leads_to_a_page(demo, username):
    client = browser_of(demo[username])
    values: dict[tuple[str, str], tuple[int, str]] = {}
    pages = 0
    for url, text in crawl(client):
        pages += 1
        for _tag, name, subject, value, rest in FIGURE.findall(text):
            first = values.setdefault((name, subject), (int(value), url))
            assert int(value) == first[0], f"{name} of {subject} is {value} on {url} and {first[0]} on {first[1]}"
            assert re.search(r'title="[^"]{10,}"', rest), f"{name} does not say what it counts"
    assert pages > (40 if username == "admin" else 10)
    assert len(values) > (100 if username == "admin" else 5)
    keys = {module.key for module in modules()}
    declared = {figure.name for figure in figures()}
    for name, _subject in values:
        first, _, rest = name.partition(".")
        assert (rest if first in keys else name) in declared


def test_fifty_assigned_records_are_fifty_everywhere(make, admin, staff):
    module = get_module("memberwd")
    database = factories_of(module).database(product=ProductFactory())
    fill(database, 60)
    batch = assign_random(module=module, database=database, staff=staff, count=50, by=admin).batch
    take(batch.records.first())
    desk, phone = browser_of(admin), browser_of(staff)
    numbers = [
        figures_on(client.get(url))[(f"memberwd.{name}", str(subject))]
        for client, url, name, subject in [
            (desk, reverse("overview"), "module.assigned", "memberwd"),
            (desk, reverse("overview"), "staff.assigned", staff.pk),
            (desk, reverse("databases", args=[module]), "database.assigned", database.pk),
            (desk, database.get_absolute_url(), "database.assigned", database.pk),
            (desk, reverse("batches", args=[module]), "batch.current", batch.pk),
            (desk, batch.get_absolute_url(), "batch.current", batch.pk),
            (phone, batch.get_absolute_url(), "batch.current", batch.pk),
            (phone, reverse("my_records", args=[module]), "mine.assigned", staff.pk),
            (phone, reverse("my_records", args=[module]), "batch.current", batch.pk),
        ]
    ]
    assert numbers == [50] * 9
    assert length_of_list(phone, reverse("my_records", args=[module])) == 50
    assert get_figure("batch.current").rows(batch).count() == 50
