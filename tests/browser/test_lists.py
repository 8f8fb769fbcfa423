"""The lists in a browser: filter, sort, choose columns, save a view, export; and the search of every page."""

import re

import pytest
from playwright.sync_api import Page, expect

from crm.distribution.assignment import assign_random
from crm.registry import get_module
from tests.browser.conftest import NARROW
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def records(admin, staff):
    module = get_module("memberwd")
    database = factories_of(module).database(name="Members", columns=["User", "City"])
    fill(database, 30, customer_name="Budi Santoso", data=["a", "Bandung"])
    fill(database, 30, customer_name="Siti Aminah", data=["b", "Medan"])
    assign_random(module=module, database=database, staff=staff, count=20, by=admin)
    return database


def test_a_list_is_filtered_arranged_saved_and_exported(
    page: Page, records, admin, sign_in_as, assert_accessible, assert_fits, screenshot
):
    sign_in_as(admin)
    page.goto(records.get_absolute_url())
    page.get_by_label("Search", exact=True).fill("siti")
    expect(page.get_by_label("Filters that are on")).to_contain_text("siti")
    expect(page.locator("tbody tr", has_text="Budi")).to_have_count(0)
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    page.get_by_role("link", name="Customer", exact=True).click()
    expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Customer")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("City").check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tbody tr", has_text="Medan")).to_have_count(30)
    page.locator("summary", has_text="View").click()
    page.get_by_label("Save what you see as a view").fill("Sitis")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Sitis")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name=re.compile("^Assigned [0-9]")).click()
    expect(page.get_by_role("button", name="Save changes")).to_be_visible()
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("memberwd-database-")
    page.keyboard.press("Escape")
    expect(page.locator("details[open]")).to_have_count(0)
    page.set_viewport_size(NARROW)
    for menu in ("View", "Columns", "Export", "Dates"):
        page.locator("summary", has_text=menu).click()
        expect(page.locator("details[open]")).to_have_count(1)
        assert_fits(page)
        assert_accessible(page)
    screenshot(page, "list-narrow")


def test_a_slash_leads_to_the_search_from_every_page(
    page: Page, records, staff, sign_in_as, assert_accessible, assert_fits, screenshot
):
    sign_in_as(staff)
    page.goto("/notifications/")
    page.keyboard.press("/")
    page.keyboard.type("santo budi")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/search/?q=santo+budi")
    expect(page.locator("[data-figure='memberwd.search.found']")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_fits(page)
    screenshot(page, "search-narrow")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("customer")


def test_what_is_typed_in_a_list_stays_when_its_search_is_left(page: Page, admin, staff, sign_in_as):
    database = factories_of(get_module("records")).database(name="Newsletter")
    fill(database, 20)
    sign_in_as(staff)
    page.goto("/records/requests/mine/")
    page.get_by_label("Search", exact=True).fill("news")
    page.wait_for_url("**/mine/?q=news")
    how_many = page.get_by_role("spinbutton")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    how_many.click()
    page.keyboard.type("12")
    page.wait_for_timeout(500)
    expect(how_many).to_have_value("12")
    assert not [url for url in asked if "q=news" in url]


def test_the_overview_shows_a_teams_numbers_on_a_phone(page: Page, records, admin, sign_in_as):
    sign_in_as(admin)
    page.set_viewport_size(NARROW)
    page.goto("/")
    numbers = page.locator(".team-table .figure").all()
    assert numbers
    for number in numbers:
        box = number.bounding_box()
        assert 0 <= box["x"] <= NARROW["width"] - box["width"]
    assert page.locator(".team-table").evaluate("table => table.scrollWidth - table.parentElement.clientWidth") <= 0
