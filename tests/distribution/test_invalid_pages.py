"""The admins' pages of invalid records: what waits, what was archived, and what is done with them."""

import re
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.accounts.models import User
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.databases import archive_database
from crm.distribution.models import Validation
from crm.distribution.undo import undo
from crm.distribution.validation import archive_invalid, replace_invalid, validate_records
from crm.home.navigation import navigation
from crm.notices.models import Kind, Notice
from crm.registry import Module, get_module
from tests.distribution.sql import Witness, ask
from tests.distribution.test_pages import FRAGMENT, figures_on, rows_on
from tests.factories.accounts import UserFactory
from tests.factories.distribution import Factories, factories_of, fill

pytestmark = pytest.mark.django_db

REASON = "Wrong <b>number</b>"


@pytest.fixture(params=["bonanza", "memberwd"])
def module(request) -> Module:
    return get_module(request.param)


@pytest.fixture
def make(module) -> Factories:
    return factories_of(module)


@pytest.fixture
def world(make, module, admin, staff, other_staff):
    """Sari has 6 of One, of which 4 are invalid, and 2 of Two, both invalid; Tono has 3 of One, 1 invalid.

    One has 3 available records left, Two has none.
    """
    one, two = make.database(name="One"), make.database(name="Two")
    fill(one, 12)
    fill(two, 2)
    for database, person, count, invalid in ((one, staff, 6, 4), (two, staff, 2, 2), (one, other_staff, 3, 1)):
        batch = assign_random(module=module, database=database, staff=person, count=count, by=admin).batch
        mark(module, batch.records.values_list("pk", flat=True)[:invalid], person)
    return one, two


def mark(module: Module, ids, by: User, validation: Validation | None = Validation.INVALID):
    records = module.Record.objects.with_ids(list(ids))
    return validate_records(records=records, by=by, validation=validation, reason=REASON if validation else "")


def shown_in(first_step: HttpResponse) -> str:
    found = re.search(r'name="expected" value="([^"]*)"', first_step.content.decode())
    return found[1] if found else ""


@pytest.fixture
def act(desk, module):
    """Both steps of an action; the answer to the second."""

    def act(verb: str, *, query: str = "", client: Client = desk, **data):
        url = reverse(f"{verb}_records", args=[module]) + query
        chosen = {name: data[name] for name in ("ids", "everything") if name in data}
        return client.post(url, {"expected": shown_in(client.post(url, chosen)), "token": uuid4(), **data}, follow=True)

    return act


def invalid_ids(module: Module, staff: User | None = None) -> list[int]:
    records = module.Record.objects.marked_invalid()
    return sorted((records.held_by(staff) if staff else records).values_list("pk", flat=True))


def archived_ids(module: Module) -> list[int]:
    return sorted(module.Record.objects.archived().values_list("pk", flat=True))


def url_of(name: str, module: Module, query: str = "") -> str:
    return reverse(name, args=[module]) + query


# --- What waits ----------------------------------------------------------------------------------------------------


def test_what_waits_is_counted_for_each_staff_member(desk, world, module, staff, other_staff):
    shown = figures_on(desk.get(url_of("invalid_records", module)))
    assert shown[(f"{module.key}.staff.marked_invalid", str(staff.pk))] == 6
    assert shown[(f"{module.key}.staff.marked_invalid", str(other_staff.pk))] == 1
    assert shown[(f"{module.key}.module.marked_invalid", module.key)] == 7
    # Of Sari's four of One three could be replaced now, of her two of Two none.
    assert shown[(f"{module.key}.staff.no_replacement", str(staff.pk))] == 3
    assert (f"{module.key}.staff.no_replacement", str(other_staff.pk)) not in shown


def test_enough_is_said_only_where_there_is_enough_for_everybody(desk, world, module, staff, other_staff, admin):
    """Three of One are left: enough for Tono's one, not for Sari's four besides."""
    text = desk.get(url_of("invalid_records", module)).content.decode()
    assert "Enough available" not in text
    assert text.count("Enough, but not for everybody") == 1
    mark(module, invalid_ids(module, staff)[:2], staff, validation=None)
    archive_invalid(records=module.Record.objects.filter(database=world[1]), by=admin)
    text = desk.get(url_of("invalid_records", module)).content.decode()
    assert text.count("Enough available") == 2
    assert "not for everybody" not in text


def test_the_search_says_that_it_finds_names_too(desk, world, make, module, admin, staff):
    named = make.record(customer_name="Budi Santoso")
    assign_random(module=module, database=named.database, staff=staff, count=1, by=admin)
    mark(module, [named.pk], staff)
    page = desk.get(url_of("invalid_records", module, "?q=santoso"))
    assert rows_on(desk.get(url_of("invalid_records", module, "?q=santoso"), headers=FRAGMENT)) == 1
    assert 'placeholder="Customer id, phone or name"' in page.content.decode()


@pytest.mark.parametrize(
    ("query", "said"), [("", None), ("?staff={sari}", "6 match the filter"), ("?staff=x", "0 match the filter")]
)
def test_how_many_match_a_filter_is_said(desk, world, module, staff, query, said):
    text = desk.get(url_of("invalid_records", module, query.format(sari=staff.pk)), headers=FRAGMENT).content.decode()
    assert re.findall(r"\d+ match\w* the filter", text) == ([said] if said else [])


def test_the_number_of_a_staff_member_leads_to_as_many_rows(desk, world, module, staff):
    page = desk.get(url_of("invalid_records", module)).content.decode()
    [href] = re.findall(rf'staff\.marked_invalid" data-object="{staff.pk}"[^>]*href="([^"]+)"', page)
    rows = desk.get(href, headers=FRAGMENT)
    assert rows_on(rows) == 6
    assert REASON not in rows.content.decode()
    assert rows.content.decode().count("Wrong &lt;b&gt;number") == 6


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 7),
        ("?staff={sari}", 6),
        ("?database={two}", 2),
        ("?staff={tono}&database={two}", 0),
        ("?staff=999999999", 0),
        ("?database=x", 0),
        ("?q={customer}", 1),
        ("?q=%00", 0),
        ("?page=99", 7),
    ],
)
def test_what_waits_can_be_filtered(desk, world, module, staff, other_staff, query, count):
    customer = module.Record.objects.marked_invalid().first().customer_id
    query = query.format(sari=staff.pk, tono=other_staff.pk, two=world[1].pk, customer=customer)
    assert rows_on(desk.get(url_of("invalid_records", module, query), headers=FRAGMENT)) == count


@pytest.mark.parametrize("name", ["invalid_records", "archived_records"])
def test_the_pages_are_those_of_modules_that_validate(desk, name):
    assert desk.get(url_of(name, get_module("records"))).status_code == 404


@pytest.mark.parametrize("verb", ["replace", "archive", "restore", "purge"])
def test_the_actions_are_those_of_modules_that_validate_and_of_admins(desk, world, module, staff, verb):
    archive_invalid(records=module.Record.objects.with_ids(invalid_ids(module)[:1]), by=User.objects.admins().get())
    before = list(module.Record.objects.order_by("pk").values())
    data = {"everything": 1, "token": uuid4(), "expected": "7", "typed": 1}
    assert desk.post(url_of(f"{verb}_records", get_module("records")), data).status_code == 404
    other = Client()
    url = url_of(f"{verb}_records", module)
    assert other.post(url, data).url.startswith(reverse("account_login"))
    other.force_login(staff)
    assert other.post(url, data).status_code == 403
    assert desk.post(url, {"ids": ["x"]}).status_code == 404
    assert list(module.Record.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("name", ["invalid_records", "archived_records"])
def test_htmx_gets_only_the_list(desk, world, module, act, name):
    act("archive", everything=1, query=f"?database={world[1].pk}")
    fragment = desk.get(url_of(name, module), headers=FRAGMENT).content.decode()
    assert fragment.strip().startswith('<div id="list">')
    assert "<html" not in fragment


def test_where_nothing_waits_the_page_says_so(desk, module):
    assert "No invalid records wait" in desk.get(url_of("invalid_records", module)).content.decode()
    assert "No archived records here" in desk.get(url_of("archived_records", module)).content.decode()


def test_the_navigation_counts_what_waits_where_the_module_validates(admin, module, world):
    for path in (url_of("invalid_records", module), url_of("archived_records", module)):
        links = [link for section in navigation(admin, path) for link in section.links if link.figure]
        invalid = [link for link in links if link.figure == "module.marked_invalid"]
        assert {link.subject.key for link in invalid} == {"bonanza", "memberwd"}
        assert [link.subject.key for link in invalid if link.current] == [module.key]


# --- Archive and replace -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [True, False])
def test_the_first_step_shows_the_shortage_and_touches_nothing(desk, world, module, staff, htmx):
    before = list(module.Record.objects.order_by("pk").values())
    headers = {"HX-Request": "true", "HX-Target": "dialog"} if htmx else {}
    answer = desk.post(url_of("replace_records", module, f"?staff={staff.pk}"), {"everything": 1}, headers=headers)
    text = answer.content.decode()
    assert "<strong>6</strong> records are chosen." in text
    assert "6 with Sari Staff" in text
    assert "One: 4 to replace" in text
    assert "1 will go on waiting" in text
    assert "2 will go on waiting" in text
    assert figures_on(answer)[(f"{module.key}.database.available", str(world[0].pk))] == 3
    assert ("<html" in text) != htmx
    assert list(module.Record.objects.order_by("pk").values()) == before


def test_an_archived_database_has_none_to_replace_with(desk, world, module, staff, admin):
    archive_database(database=world[0], by=admin)
    text = desk.post(url_of("replace_records", module, f"?staff={staff.pk}"), {"everything": 1}).content.decode()
    assert "4 will go on waiting" in text


def test_what_can_be_replaced_is_and_what_cannot_is_said(act, world, module, staff, other_staff):
    witness = Witness(module)
    page = act("replace", everything=1, query=f"?staff={staff.pk}")
    witness.look_and_check()
    assert "3 records archived and replaced. 3 wait: their databases have no more." in page.content.decode()
    assert len(invalid_ids(module, staff)) == 3
    assert len(invalid_ids(module, other_staff)) == 1
    assert len(archived_ids(module)) == 3
    for record in module.Record.objects.filter(replaces__isnull=False).select_related("replaces"):
        assert (record.assignee, record.batch_id) == (staff, record.replaces.batch_id)


def test_only_what_is_ticked_is_archived_and_nothing_takes_its_place(act, world, module, staff):
    ids = invalid_ids(module, staff)[:2]
    page = act("archive", ids=ids)
    assert "2 records archived, not replaced." in page.content.decode()
    assert archived_ids(module) == ids
    assert module.Record.objects.held_by(staff).count() == 6
    assert not module.Record.objects.filter(replaces__isnull=False).exists()


def test_records_that_are_not_invalid_are_not_touched(act, world, module, staff):
    sound = module.Record.objects.held_by(staff).exclude(validation="invalid").values_list("pk", flat=True)
    act("archive", ids=list(sound), expected="0")
    assert not archived_ids(module)


def test_where_nothing_can_be_replaced_it_is_refused_and_nothing_changes(act, world, module):
    page = act("replace", everything=1, query=f"?database={world[1].pk}")
    assert page.status_code == 422
    assert "no record left to replace them with. Nothing was changed." in page.content.decode()
    assert not archived_ids(module)


@pytest.mark.parametrize("verb", ["replace", "archive"])
def test_what_has_changed_since_it_was_shown_is_not_touched(desk, act, world, module, staff, verb):
    stale = shown_in(desk.post(url_of(f"{verb}_records", module, f"?staff={staff.pk}"), {"everything": 1}))
    mark(module, invalid_ids(module, staff)[:1], staff, validation=None)
    page = act(verb, everything=1, query=f"?staff={staff.pk}", expected=stale)
    assert page.status_code == 422
    assert "changed since they were shown" in page.content.decode()
    assert not archived_ids(module)


def test_a_replacement_that_is_sent_again_takes_effect_once(desk, act, world, module, other_staff):
    token = uuid4()
    query = f"?staff={other_staff.pk}"
    expected = shown_in(desk.post(url_of("replace_records", module, query), {"everything": 1}))
    act("replace", everything=1, query=query, token=token, expected=expected)
    page = act("replace", everything=1, query=query, token=token, expected=expected)
    assert "took effect once" in page.content.decode()
    assert len(archived_ids(module)) == 1


# --- Archived ------------------------------------------------------------------------------------------------------


@pytest.fixture
def witness(world, module) -> Witness:
    return Witness(module)


@pytest.fixture
def archive(act, world, witness, module, staff, other_staff):
    """Tono's one is archived and replaced, two of Sari's are only archived."""
    act("replace", everything=1, query=f"?staff={other_staff.pk}")
    witness.look()
    act("archive", everything=1, query=f"?staff={staff.pk}&database={world[1].pk}")
    witness.look()
    return archived_ids(module)


def test_the_archive_says_why_who_whose_and_what_took_their_place(desk, archive, module):
    page = desk.get(url_of("archived_records", module))
    text = page.content.decode()
    assert rows_on(page) == 3
    assert text.count("Wrong &lt;b&gt;number") == 3
    assert text.count("Adam Admin") >= 3
    assert "Tono Staff" in text
    [new] = module.Record.objects.filter(replaces__isnull=False)
    assert f'<a href="{new.get_absolute_url()}" dir="auto">{new.customer_id}</a>' in text
    assert figures_on(page)[(f"{module.key}.module.archived", module.key)] == 3


@pytest.mark.parametrize(("query", "count"), [("", 3), ("?staff={sari}", 2), ("?database={one}", 1), ("?staff=x", 0)])
def test_the_archive_can_be_filtered(desk, archive, world, module, staff, query, count):
    query = query.format(sari=staff.pk, one=world[0].pk)
    assert rows_on(desk.get(url_of("archived_records", module, query), headers=FRAGMENT)) == count


def test_a_restored_record_is_in_the_pool_and_what_took_its_place_stays(act, archive, witness, module, other_staff):
    page = act("restore", ids=archive)
    witness.look_and_check()
    assert "3 records are back in the pool." in page.content.decode()
    assert module.Record.objects.with_ids(archive).in_pool().count() == 3
    assert module.Record.objects.held_by(other_staff).count() == 3


def test_before_a_restore_one_sees_on_how_many_something_is_noted(desk, archive, module):
    text = desk.post(url_of("restore_records", module), {"ids": archive}).content.decode()
    assert "On <strong>3</strong> of them staff have noted something: 3 have an outcome," in " ".join(text.split())


def test_a_purged_record_is_gone_and_every_count_explains_it(act, desk, archive, witness, world, module, staff, admin):
    gone = module.Record.objects.with_ids(archive).filter(assignee=staff)
    keys, batch = sorted(gone.values_list("pk", flat=True)), gone.first().batch
    page = act("purge", ids=keys, typed=2)
    witness.look_and_check()
    assert "2 records purged: deleted for good." in page.content.decode()
    assert not module.Record.objects.with_ids(keys).exists()
    world[1].refresh_from_db()
    assert (world[1].imported_count, world[1].record_count, world[1].purged_count) == (2, 0, 2)
    text = desk.get(batch.get_absolute_url()).content.decode()
    assert "Purged" in text
    assert figures_on(desk.get(batch.get_absolute_url()))[(f"{module.key}.batch.left", str(batch.pk))] == 2
    assert rows_on(desk.get(f"{batch.get_absolute_url()}?show=left", headers=FRAGMENT)) == 2
    events = apps.get_model(module.key, "RecordEvent").objects.filter(pgh_label="delete", pgh_obj_id__in=keys)
    contexts = [event.pgh_context.metadata for event in events.select_related("pgh_context")]
    assert [(context["operation"], context["user"]) for context in contexts] == [("records.purge", admin.pk)] * 2


@pytest.mark.parametrize("typed", ["", "2", "4", "x", "-3"])
def test_nothing_is_purged_unless_its_number_is_typed(act, archive, module, typed):
    page = act("purge", everything=1, typed=typed)
    assert page.status_code == 422
    assert archived_ids(module) == archive


def test_a_record_that_was_restored_meanwhile_is_not_purged(desk, act, archive, module):
    stale = shown_in(desk.post(url_of("purge_records", module), {"ids": archive}))
    act("restore", ids=archive[:1])
    page = act("purge", ids=archive, expected=stale, typed=3)
    assert page.status_code == 422
    assert archived_ids(module) == archive[1:]
    assert module.Record.objects.with_ids(archive).count() == 3


def test_only_archived_records_are_purged(act, world, module):
    assigned = list(module.Record.objects.assigned().values_list("pk", flat=True))
    act("purge", ids=assigned, expected="0", typed=len(assigned))
    assert module.Record.objects.with_ids(assigned).count() == len(assigned)


# --- Alerts --------------------------------------------------------------------------------------------------------


def alerts(module: Module) -> set[int]:
    """About whose invalid records the admins have an alert."""
    found = Notice.objects.filter(kind=Kind.INVALID_WAITING, about__startswith=f"invalid/{module.key}/")
    return {int(about.split("/")[2]) for about in found.values_list("about", flat=True)}


def test_every_admin_is_told_once_and_led_to_what_waits(desk, world, module, staff, admin, owner):
    mark(module, module.Record.objects.held_by(staff).values_list("pk", flat=True)[:6], staff)
    [own] = Notice.objects.filter(user=admin, about=f"invalid/{module.key}/{staff.pk}/")
    assert own.url == url_of("invalid_records", module, f"?staff={staff.pk}")
    assert desk.get(own.url).status_code == 200
    assert not Notice.objects.filter(user=staff, kind=Kind.INVALID_WAITING).exists()
    assert Notice.objects.filter(user=owner, kind=Kind.INVALID_WAITING).count() == 1


SETTLING = {
    "unmark": lambda module, staff, admin: mark(module, invalid_ids(module, staff), staff, validation=None),
    "mark as valid": lambda module, staff, admin: mark(
        module, invalid_ids(module, staff), staff, validation=Validation.VALID
    ),
    "replace": lambda module, staff, admin: replace_invalid(
        records=module.Record.objects.with_ids(invalid_ids(module, staff)), by=admin
    ),
    "archive": lambda module, staff, admin: archive_invalid(
        records=module.Record.objects.with_ids(invalid_ids(module, staff)), by=admin
    ),
    "recall": lambda module, staff, admin: recall_records(records=module.Record.objects.held_by(staff), by=admin),
}


@pytest.mark.parametrize("way", SETTLING)
def test_an_alert_goes_when_none_waits_and_the_others_stay(world, module, staff, other_staff, admin, way):
    assert alerts(module) == {staff.pk, other_staff.pk}
    SETTLING[way](module, other_staff, admin)
    assert alerts(module) == {staff.pk}


def test_an_alert_stays_while_one_of_many_waits(world, module, staff, other_staff, admin):
    archive_invalid(records=module.Record.objects.with_ids(invalid_ids(module, staff)[1:]), by=admin)
    assert alerts(module) == {staff.pk, other_staff.pk}


def test_an_alert_goes_along_when_the_records_are_transferred(world, module, staff, other_staff, admin):
    third = UserFactory()
    transfer_records(records=module.Record.objects.held_by(other_staff), to=third, by=admin)
    assert alerts(module) == {staff.pk, third.pk}


def test_undo_brings_back_what_waits_and_its_alert(world, module, staff, other_staff, admin):
    third = UserFactory()
    for action in (
        lambda: recall_records(records=module.Record.objects.held_by(other_staff), by=admin),
        lambda: transfer_records(records=module.Record.objects.held_by(other_staff), to=third, by=admin),
    ):
        key = action().undo
        assert other_staff.pk not in alerts(module)
        undo(key=key, by=admin)
        assert alerts(module) == {staff.pk, other_staff.pk}
        assert len(invalid_ids(module, other_staff)) == 1


def test_undoing_a_mark_takes_its_alert_back(make, module, staff, admin):
    database = make.database()
    fill(database, 2)
    assign_random(module=module, database=database, staff=staff, count=2, by=admin)
    marked = mark(module, module.Record.objects.values_list("pk", flat=True), staff)
    assert alerts(module) == {staff.pk}
    undo(key=marked.undo, by=staff)
    assert alerts(module) == set()


# --- Undo of what admins do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["recall", "transfer"])
def test_the_message_of_a_recall_or_transfer_carries_undo(desk, act, world, module, staff, other_staff, verb):
    """Afterwards the counts are as before, and the double entry has both ways."""
    witness = Witness(module)
    batch = module.Batch.objects.get(database=world[0], staff=staff)
    ids = list(batch.records.values_list("pk", flat=True))
    page = act(verb, ids=ids, query=f"?database={world[0].pk}", staff=other_staff.pk)
    witness.look_and_check()
    [path] = re.findall(r'action="(/undo/[0-9a-f-]+/)"', page.content.decode())
    desk.post(path)
    witness.look_and_check()
    batch.refresh_from_db()
    assert (batch.current_count, batch.received_count, batch.left_count) == (6, 12, 6)
    assert module.Record.objects.with_ids(ids).held_by(staff).filter(batch=batch).count() == 6


def test_what_touched_nothing_has_no_undo(act, world, module):
    pool = list(module.Record.objects.in_pool().values_list("pk", flat=True))
    page = act("recall", ids=pool)
    assert "/undo/" not in page.content.decode()


# --- Cost ----------------------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_rows(desk, make, module, admin):
    def grow(people: int) -> None:
        for person in UserFactory.create_batch(people):
            database = make.database()
            fill(database, 6)
            batch = assign_random(module=module, database=database, staff=person, count=3, by=admin).batch
            first, *others = batch.records.values_list("pk", flat=True)
            mark(module, [first, *others], person)
            replace_invalid(records=module.Record.objects.with_ids([first]), by=admin)

    def cost(request) -> int:
        request()
        with CaptureQueriesContext(connection) as captured:
            assert request().status_code == 200
        return len(captured)

    requests = [
        lambda: desk.get(url_of("invalid_records", module)),
        lambda: desk.get(url_of("archived_records", module)),
        lambda: desk.post(url_of("replace_records", module), {"everything": 1}),
        lambda: desk.post(url_of("purge_records", module), {"everything": 1}),
    ]
    grow(2)
    few = [cost(request) for request in requests]
    grow(8)
    assert [cost(request) for request in requests] == few


def test_replacing_takes_as_many_queries_for_many_as_for_few(make, module, admin, staff):
    database = make.database()
    fill(database, 400)
    batch = assign_random(module=module, database=database, staff=staff, count=110, by=admin).batch
    ids = sorted(batch.records.values_list("pk", flat=True))
    mark(module, ids, staff)
    costs = []
    for part in (ids[:10], ids[10:]):
        with CaptureQueriesContext(connection) as captured:
            assert replace_invalid(records=module.Record.objects.with_ids(part), by=admin).replaced == len(part)
        costs.append(len(captured))
    assert costs[0] == costs[1]
    assert ask(f"SELECT count(*) FROM {module.key}_record WHERE replaces_id IS NOT NULL") == [(110,)]
