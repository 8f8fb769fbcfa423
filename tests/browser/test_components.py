"""The components of docs/ui.md, all at once on a page that only the tests have."""

from pathlib import Path

import pytest
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.template import engines
from django.test import RequestFactory
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE

STATUSES = ["available", "reserved", "requested", "assigned", "archived", "invalid", "conflict", "ok", "wait", "off"]
MESSAGES = [
    Message(constants.SUCCESS, "50 records assigned to Sari Wulandari.", extra_tags="/undo/1/"),
    Message(constants.WARNING, "Three records could not be recalled."),
    Message(constants.ERROR, "Nothing was changed: only 574 records are available."),
]


@pytest.fixture
def gallery(page, staff, sign_in_as):
    """Opens the page of components under an address that the test answers itself."""
    sign_in_as(staff)
    request = RequestFactory().get("/gallery/?page=2")
    request.user = staff
    template = engines["django"].from_string((Path(__file__).parent / "gallery.html").read_text())
    context = {"user": staff, "messages": MESSAGES, "statuses": STATUSES, "page": Paginator(range(120), 50).page(2)}
    html = template.render(context, request)
    page.route("**/gallery/", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))

    def open_gallery(size):
        page.set_viewport_size(size)
        page.goto("/gallery/")
        return page

    return open_gallery


@pytest.mark.parametrize("size", [pytest.param(WIDE, id="wide"), pytest.param(NARROW, id="narrow")])
def test_components_are_accessible_and_fit(gallery, size, assert_accessible, assert_fits, screenshot):
    page = gallery(size)
    assert_accessible(page, always=True)
    assert_fits(page)
    screenshot(page, f"components-{size['width']}")


def test_dialog_asks_before_it_sends(gallery, assert_accessible):
    page = gallery(WIDE)
    sent = []
    page.route("**/nowhere/", lambda route: (sent.append(route.request.method), route.fulfill(status=204)))
    page.get_by_role("button", name="Recall").click()
    dialog = page.get_by_role("dialog", name="Are you sure?")
    expect(dialog).to_contain_text("50 records go back to the pool. Go on?")
    assert_accessible(page)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert sent == []
    page.get_by_role("button", name="Recall").click()
    with page.expect_response("**/nowhere/"):
        dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_be_hidden()
    assert sent == ["POST"]


def test_choosing_rows_counts_them_and_shift_takes_the_range(gallery):
    page = gallery(WIDE)
    rows = page.get_by_role("checkbox", name="Choose row")
    expect(page.locator("[data-bulk-count]")).to_have_text("Choose records to act on them")
    rows.nth(1).click()
    rows.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-bulk-count]")).to_have_text("4 chosen")
    page.get_by_role("checkbox", name="All on this page").check()
    expect(page.locator("[data-bulk-count]")).to_have_text(f"{len(STATUSES)} chosen")
    rows.first.uncheck()
    expect(page.get_by_role("checkbox", name="All on this page")).not_to_be_checked()
