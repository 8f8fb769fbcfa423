"""The work loop: by keyboard and by mouse, without a page load, and with every number as SQL counts it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from crm.distribution.assignment import assign_random, recall_records
from crm.distribution.settings import change_settings
from crm.distribution.work import note_outcome
from crm.registry import get_module
from memberwd.models import Record
from tests.browser.conftest import NARROW, WIDE
from tests.distribution.sql import ask
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

MEMBERWD = get_module("memberwd")
STATES = {
    "current": "true",
    "to_do": "reach = '' AND response = '' AND validation = ''",
    "reached": "reach = 'reachable'",
    "responded": "response <> ''",
    "said_yes": "response = 'yes'",
    "marked_valid": "validation = 'valid'",
    "marked_invalid": "validation = 'invalid'",
}


@pytest.fixture
def batch(admin, staff):
    product = ProductFactory(name="Kopi", message_template="Halo {name}")
    database = factories_of(MEMBERWD).database(name="Senin", product=product)
    fill(database, 70, phone="0812-3456-7890", phone_key="+6281234567890", customer_name="Budi")
    return assign_random(module=MEMBERWD, database=database, staff=staff, count=60, by=admin).batch


class Loads:
    """Counts the page loads from now on."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("framenavigated", lambda frame: self._note(frame == page.main_frame))

    def _note(self, is_main: bool) -> None:
        self.count += is_main


class Keyboard:
    """Presses keys one at a time and counts them; waits until the answer is there, as nobody types faster."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1
        expect(self.page.locator(".htmx-request")).to_have_count(0)


def current(page: Page) -> Record:
    """The record of the current row."""
    [row] = page.locator("tr[aria-current]").all()
    return Record.objects.get(pk=int(row.get_attribute("id").rsplit("-", 1)[1]))


def assert_numbers_are_true(page: Page, batch) -> None:
    for name, condition in STATES.items():
        query = f"SELECT count(*) FROM memberwd_record WHERE batch_id = %s AND status = 'assigned' AND {condition}"
        [(count,)] = ask(query, batch.pk)
        shown = page.locator(f'[data-figure="memberwd.batch.{name}"]')
        for element in shown.all():
            expect(element).to_have_attribute("data-value", str(count))
        assert shown.count() > 0, name


def test_five_keys_lead_from_a_batch_to_the_next_record_with_an_outcome(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    loads, keyboard = Loads(page), Keyboard(page)
    first = current(page)
    keyboard.press("1", "y", "j", "3")
    assert keyboard.count <= 5
    expect(page.locator(f"#record-memberwd-{current(page).pk} [name=reach][aria-pressed=true]")).to_have_text(
        re.compile("Unreachable")
    )
    first.refresh_from_db()
    second = current(page)
    assert (first.reach, first.response) == ("reachable", "yes")
    assert second.reach == "unreachable"
    assert second.row_number > first.row_number
    assert_numbers_are_true(page, batch)
    assert loads.count == 0


def test_continue_begins_at_the_first_record_to_do_after_the_last(page, sign_in_as, staff, batch):
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    note_outcome(records=Record.objects.with_ids(rows[:52]), by=staff, reach="reachable")
    note_outcome(records=Record.objects.with_ids(rows[51:52]), by=staff, response="yes")
    sign_in_as(staff)
    page.goto("/memberwd/mine/")
    page.get_by_role("link", name=re.compile("^Continue in")).first.click()
    page.wait_for_url(re.compile(r"\?at="))
    assert current(page).pk == rows[52]
    expect(page.locator(f"#record-memberwd-{rows[52]}")).to_be_in_viewport()
    page.keyboard.press("1")
    expect(page.locator(f"#record-memberwd-{rows[52]} [data-key='1']")).to_have_attribute("aria-pressed", "true")


def test_the_focus_stays_on_the_button_that_was_clicked(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    row = page.locator("[data-work-row]").nth(3)
    button = row.get_by_role("button", name="Reachable ada", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    expect(row).to_have_attribute("aria-current", "true")
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()
    button.dblclick()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_note_follow_up_and_reason_by_keyboard(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    loads = Loads(page)
    record = current(page)
    row = page.locator(f"#record-memberwd-{record.pk}")
    page.keyboard.press("e")
    page.keyboard.type("jny 1?")
    page.keyboard.press("Enter")
    expect(row).to_be_focused()
    expect(page.get_by_text("Note saved.")).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("button", name=re.compile("^Tomorrow"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("Follow up on"))).to_be_visible()
    expect(row).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("wrong number")
    page.keyboard.press("Enter")
    expect(row.locator("[data-key=x]")).to_have_attribute("aria-pressed", "true")
    record.refresh_from_db()
    [(tomorrow,)] = ask("SELECT (now() AT TIME ZONE 'Asia/Jakarta')::date + 1")
    assert (record.note, record.follow_up_on, record.validation_reason) == ("jny 1?", tomorrow, "wrong number")
    assert (record.reach, record.response) == ("", "")
    assert_numbers_are_true(page, batch)
    assert loads.count == 0


def test_undo_by_key_puts_the_row_and_the_numbers_back(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    loads = Loads(page)
    page.keyboard.press("j")
    record = current(page)
    row = page.locator(f"#record-memberwd-{record.pk}")
    page.keyboard.press("y")
    expect(row.locator("[data-key=y]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("u")
    expect(row.locator("[data-key=y]")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    assert current(page).pk == record.pk
    assert_numbers_are_true(page, batch)
    page.keyboard.press("j")
    page.keyboard.press("1")
    expect(page.locator("tr[aria-current] [data-key='1']")).to_have_attribute("aria-pressed", "true")
    assert loads.count == 0


def test_a_record_that_was_recalled_meanwhile_says_so_and_the_numbers_follow(
    page, sign_in_as, staff, admin, batch, console, screenshot
):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    record = current(page)
    with transaction.atomic():
        recall_records(records=Record.objects.filter(pk=record.pk), by=admin)
    page.keyboard.press("1")
    row = page.locator(f"#record-memberwd-{record.pk}")
    expect(row).to_contain_text("No longer with you.")
    expect(page.get_by_text(f"{record} is no longer with you. Nothing was changed.")).to_be_visible()
    assert_numbers_are_true(page, batch)
    record.refresh_from_db()
    assert (record.status, record.reach) == ("available", "")
    screenshot(page, "work-recalled")
    page.keyboard.press("j")
    page.keyboard.press("1")
    expect(page.locator("tr[aria-current] [data-key='1']")).to_have_attribute("aria-pressed", "true")
    console[:] = [line for line in console if "409" not in line]


def test_what_is_typed_meanwhile_is_not_overwritten_by_an_answer(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    record = current(page)
    page.route(re.compile("/outcome/"), lambda route: (page.wait_for_timeout(150), route.continue_()))
    page.keyboard.press("1")
    page.keyboard.press("y")
    page.keyboard.press("e")
    page.keyboard.type("still typing")
    row = page.locator(f"#record-memberwd-{record.pk}")
    expect(page.get_by_text(f"{record}: Said yes.")).to_be_visible()
    expect(row.locator("[name=note]")).to_have_value("still typing")
    page.keyboard.press("Enter")
    expect(row.locator("[data-key=y]")).to_have_attribute("aria-pressed", "true")
    expect(row.locator("[data-key='1']")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Note saved.")).to_be_visible()
    record.refresh_from_db()
    assert (record.reach, record.response, record.note) == ("reachable", "yes", "still typing")


def test_keys_are_only_keys_of_the_table_and_can_be_turned_off(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    page.get_by_label("Search", exact=True).press("1")
    page.get_by_label("Search", exact=True).fill("")
    expect(page.locator("[data-work-row]")).to_have_count(50)
    page.get_by_role("link", name="Rename").focus()
    page.keyboard.press("1")
    page.locator("[data-work-row]").first.focus()
    page.keyboard.press("Alt+1")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("y")
    page.get_by_role("switch").uncheck()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="Keys")).to_be_hidden()
    page.keyboard.press("1")
    page.reload()
    page.locator("[data-work-row]").first.focus()
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert not batch.records.exclude(worked_at=None).exists()


def test_a_slash_leads_to_the_search_in_sight_and_can_be_turned_off(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    page.keyboard.press("/")
    expect(page.get_by_label("Customer id, phone or name")).to_be_focused()
    page.keyboard.press("Tab")
    page.set_viewport_size(NARROW)
    page.locator("[data-work-row]").first.focus()
    page.keyboard.press("/")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("switch", name="Single keys").uncheck()
    page.reload()
    row = page.locator("[data-work-row]").first
    row.focus()
    page.keyboard.press("/")
    expect(row).to_be_focused()
    page.get_by_role("button", name="Your menu").click()
    expect(page.get_by_role("switch", name="Single keys")).not_to_be_checked()


def test_the_search_keeps_what_is_typed_while_the_answer_comes_and_what_else_the_url_says(
    page, sign_in_as, staff, batch
):
    sign_in_as(staff)
    page.clock.install(time=0)
    page.goto("/memberwd/mine/?cards=name")
    page.get_by_role("link", name=re.compile("^To do [0-9]")).click()
    page.wait_for_url(re.compile("state=to_do"))
    page.clock.pause_at(3_600)
    search, waiting = page.get_by_label("Search", exact=True), []
    page.route(re.compile("q=bu(&|$)"), lambda route: waiting.append(route))
    search.press_sequentially("bu")
    with page.expect_request(re.compile("q=bu(&|$)")):
        page.clock.run_for(300)
    search.press_sequentially("di")
    with page.expect_response(re.compile("q=bu(&|$)")):
        waiting[0].continue_()
    page.wait_for_url(re.compile("q=bu(&|$)"))
    expect(search).to_have_value("budi")
    page.clock.resume()
    page.wait_for_url(re.compile("q=budi"))
    page.get_by_label("Sort by").select_option("follow_up")
    page.wait_for_url(re.compile("sort=follow_up"))
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"cards": ["name"], "state": ["to_do"], "q": ["budi"], "sort": ["follow_up"]}


def test_what_can_be_undone_shrinks_to_its_undo_and_the_key_still_takes_it_back(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.clock.install()
    page.goto(batch.get_absolute_url())
    page.keyboard.press("y")
    text = page.locator("#messages .message-text")
    expect(text).to_be_visible()
    page.clock.run_for(16_000)
    expect(text).to_be_hidden()
    undo = page.get_by_role("button", name="Undo")
    undo.hover()
    expect(text).to_be_visible()
    page.mouse.move(0, 0)
    expect(text).to_be_hidden()
    expect(undo).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    assert not batch.records.exclude(response="").exists()


def test_the_page_of_a_record_follows_a_click(page, sign_in_as, staff, owner, batch):
    sign_in_as(staff)
    page.goto(batch.records.first().get_absolute_url())
    moments = page.locator(".timeline > li")
    before = moments.count()
    page.keyboard.press("y")
    expect(moments).to_have_count(before + 1)
    expect(moments.first).to_contain_text("Said yes")
    change_settings(module=MEMBERWD, by=owner, auto_replace=True)
    page.keyboard.press("x")
    page.get_by_label("Reason").fill("Wrong number")
    page.keyboard.press("Enter")
    expect(page.locator(".page-subtitle")).to_have_text("No longer with you")


def test_the_last_record_of_a_page_leads_to_the_first_of_the_next(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    page.locator("[data-work-row]").last.focus()
    assert current(page).pk == rows[49]
    page.keyboard.press("j")
    expect(page.locator(f"#record-memberwd-{rows[50]}")).to_have_attribute("aria-current", "true")


def test_many_by_keyboard_and_dialog(page, sign_in_as, staff, batch):
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    for key in ("a", "j", "a", "j", " "):
        page.keyboard.press(key)
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("tr[aria-current] [data-key='2']")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("u")
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    expect(page.locator("[name=ids]:checked")).to_have_count(3)
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_role("button", name="Note…").click()
    page.locator("#dialog").get_by_label("Response").select_option(label="No")
    page.locator("#dialog").get_by_role("button", name="Note").click()
    expect(page.get_by_text("3 records noted: said no.")).to_be_visible()
    assert batch.records.filter(response="no").count() == 3
    assert_numbers_are_true(page, batch)


def test_it_works_without_javascript(browser, browser_context_args, base_url, staff, batch, context, sign_in_as):
    sign_in_as(staff)
    plain = browser.new_context(**browser_context_args, java_script_enabled=False)
    plain.add_cookies(context.cookies())
    page = plain.new_page()
    page.goto(batch.get_absolute_url())
    row = page.locator("[data-work-row]").first
    row.locator("[name=note]").fill("call again")
    row.get_by_role("button", name="Reachable ada", exact=True).click()
    page.wait_for_url(re.compile("#record-memberwd-"))
    expect(row.locator("[data-key='1']")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    assert not batch.records.exclude(reach="", note="").exists()
    row.locator("[name=note]").fill("not his number")
    row.get_by_role("button", name="Invalid", exact=True).click()
    expect(page.get_by_text("Say why the record is invalid.")).to_be_visible()
    expect(row.locator("[name=note]")).to_have_value("not his number")
    row.get_by_label("Why it is invalid").fill("Wrong number")
    row.get_by_role("button", name="Invalid", exact=True).click()
    expect(row.locator("[data-key=x]")).to_have_attribute("aria-pressed", "true")
    [record] = batch.records.filter(validation="invalid")
    assert (record.validation_reason, record.note) == ("Wrong number", "not his number")
    plain.close()


@pytest.mark.parametrize(
    "size", [pytest.param(WIDE, id="1280", marks=pytest.mark.proof), pytest.param(NARROW, id="360")]
)
def test_the_dialogs_fit_and_are_accessible(
    size, page, sign_in_as, staff, batch, assert_accessible, assert_fits, screenshot
):
    sign_in_as(staff)
    page.set_viewport_size(size)
    page.goto(batch.get_absolute_url())
    page.keyboard.press("y")
    expect(page.locator("tr[aria-current] [data-key=y]")).to_have_attribute("aria-pressed", "true")
    screenshot(page, f"work-{size['width']}")
    page.get_by_role("button", name="Dismiss").click()  # it lies over what is measured, as the top bar does
    page.evaluate("scrollTo(0, 0)")
    assert page.locator("[role=region][id=messages]").count() == 1
    table = page.locator("[data-work]")
    assert table.evaluate("wrap => wrap.scrollWidth - wrap.clientWidth") <= 0
    for key, heading in (("?", "Keys"), ("f", "Follow up"), ("x", "Why is this record invalid?")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert_fits(page)
        assert_accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name=heading)).to_be_hidden()


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=[pytest.mark.proof])])
def test_no_note_is_lost_that_is_typed_as_fast_as_a_text_expander_types(page: Page, sign_in_as, staff, batch, count):
    """Ten milliseconds from key to key, each note right after a click that is still on its way."""
    sign_in_as(staff)
    page.goto(batch.get_absolute_url())
    rows = [row.get_attribute("id") for row in page.locator("[data-work-row]").all()]
    for turn in range(0, count, len(rows)):
        page.locator(f"#{rows[0]}").focus()
        for number in range(turn, min(turn + len(rows), count)):
            if number > turn:
                page.keyboard.press("j")
            page.keyboard.type("1e", delay=10)
            page.keyboard.press("Control+a")
            page.keyboard.type(f"back {number}", delay=10)
            page.keyboard.press("Enter")
    expect(page.locator(".htmx-request")).to_have_count(0)
    kept = dict(Record.objects.values_list("pk", "note"))
    keys = [int(row.rsplit("-", 1)[1]) for row in rows]
    last = {key: max(range(at, count, len(rows))) for at, key in enumerate(keys) if at < count}
    assert {key: kept[key] for key in last} == {key: f"back {number}" for key, number in last.items()}
    shown = {key: page.locator(f"#record-memberwd-{key} textarea[name=note]").input_value() for key in last}
    assert shown == {key: kept[key] for key in last}
