"""What surrounds every page: navigation, theme, messages, bell, dialog, and what happens when a request fails."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, at
from tests.factories.notices import NoticeFactory

SIZES = [pytest.param(WIDE, id="wide"), pytest.param(NARROW, id="narrow")]


@pytest.mark.parametrize("size", SIZES)
def test_sign_in_page_is_accessible_and_fits(page, size, assert_accessible, assert_fits, screenshot):
    page.set_viewport_size(size)
    page.goto("/accounts/login/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    screenshot(page, f"sign-in-{size['width']}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("role", ["admin", "staff"])
def test_shell_is_accessible_and_fits(
    request, page, role, size, sign_in_as, assert_accessible, assert_fits, screenshot
):
    person = request.getfixturevalue(role)
    NoticeFactory.create_batch(51, user=person)
    sign_in_as(person)
    page.set_viewport_size(size)
    page.goto("/notifications/")
    expect(page.get_by_role("heading", level=1, name="Notifications")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    screenshot(page, f"shell-{role}-{size['width']}")


def test_admin_finds_the_admin_pages_and_staff_their_records(page, admin, staff, sign_in_as):
    navigation = page.get_by_role("navigation", name="Main")
    sign_in_as(admin)
    page.goto("/notifications/")
    expect(navigation.get_by_role("link", name="People")).to_be_visible()
    expect(navigation.get_by_role("link", name="Databases")).to_have_count(3)
    expect(navigation.get_by_role("link", name="Notifications")).to_have_attribute("aria-current", "page")
    sign_in_as(staff)
    page.goto("/notifications/")
    expect(navigation.get_by_role("link", name="Member WD")).to_be_visible()
    expect(navigation.get_by_role("link", name="People")).to_have_count(0)


def test_skip_link_is_first_and_leads_to_the_content(page, staff, sign_in_as):
    sign_in_as(staff)
    page.goto("/notifications/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_theme_follows_the_system_until_chosen_and_the_choice_stays(page, staff, sign_in_as):
    root = page.locator("html")
    sign_in_as(staff)
    page.goto("/notifications/")
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Light").click()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="Your menu").click()
    expect(page.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Auto").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_collapsed_navigation_stays_collapsed(page, staff, sign_in_as, assert_accessible):
    sign_in_as(staff)
    page.goto("/notifications/")
    collapse = page.get_by_role("button", name="Collapse the navigation")
    collapse.click()
    expect(collapse).to_have_attribute("aria-expanded", "false")
    page.reload()
    expect(collapse).to_have_attribute("aria-expanded", "false")
    width = page.locator("#sidebar").bounding_box()["width"]
    assert width < 80
    expect(page.get_by_role("link", name="Notifications").first).to_be_visible()
    assert_accessible(page)


def test_navigation_slides_in_on_a_narrow_screen(page, admin, sign_in_as, assert_accessible):
    sign_in_as(admin)
    page.set_viewport_size(NARROW)
    page.goto("/notifications/")
    people = page.locator("#sidebar").get_by_role("link", name="People")
    expect(people).to_be_hidden()
    page.get_by_role("button", name="Open the navigation").click()
    expect(people).to_be_visible()
    expect(page.locator("#sidebar.show:not(.showing)")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(people).to_be_hidden()


def test_marking_as_read_changes_the_list_and_the_bell(page, staff, sign_in_as):
    NoticeFactory(user=staff, text="First")
    NoticeFactory(user=staff, text="Second")
    sign_in_as(staff)
    page.goto("/notifications/?state=unread")
    expect(page.locator("#bell")).to_contain_text("2")
    page.get_by_role("button", name="Mark as read: First").click()
    expect(page.get_by_role("button", name=re.compile("^(Unread: )?First$"))).to_have_count(0)
    expect(page.locator("#bell")).to_contain_text("1")


def test_success_message_goes_by_itself_and_can_be_dismissed(page, staff, sign_in_as):
    sign_in_as(staff)
    page.clock.install()
    page.goto("/notifications/")
    page.get_by_role("button", name="Mark all as read").click()
    message = page.locator("#messages").get_by_text("0 notifications marked as read.")
    expect(message).to_be_visible()
    page.clock.run_for(8_000)
    expect(message).to_have_count(0)
    page.get_by_role("button", name="Mark all as read").click()
    page.get_by_role("button", name="Dismiss").click()
    expect(message).to_have_count(0)


def test_ended_session_is_said_and_the_page_stays_to_be_used_after_signing_in(page, staff, sign_in_as, console):
    NoticeFactory(user=staff, text="First")
    sign_in_as(staff)
    page.goto("/notifications/")
    Session.objects.all().delete()
    page.get_by_role("button", name="Mark as read: First").click()
    messages = page.get_by_role("region", name="Messages")
    expect(messages).to_contain_text("You have been signed out. Nothing was changed.")
    expect(messages.get_by_role("link")).to_have_attribute("href", "/accounts/login/?next=%2Fnotifications%2F")
    expect(page).to_have_url(at("/notifications/"))
    console.clear()
    sign_in_as(staff)
    page.get_by_role("button", name="Mark as read: First").click()
    expect(page.locator("#bell [data-figure]")).to_have_attribute("data-value", "0")
    expect(messages).to_be_empty()


def test_form_works_after_signing_in_again_in_another_tab(page, staff, sign_in_as, console):
    """The CSRF token of a page is out of date then; the browser's is used."""
    NoticeFactory(user=staff, text="First")
    sign_in_as(staff)
    page.goto("/notifications/")
    stale = page.evaluate("document.querySelector('[name=csrfmiddlewaretoken]').value")
    other_tab = page.context.new_page()
    page.context.clear_cookies()
    sign_in_as(staff)
    other_tab.goto("/notifications/")
    assert other_tab.evaluate("document.querySelector('[name=csrfmiddlewaretoken]').value") != stale
    page.get_by_role("button", name="Mark as read: First").click()
    expect(page.locator("#bell [data-figure]")).to_have_attribute("data-value", "0")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("#messages")).to_contain_text("0 notifications marked as read.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 403}, "You may not do this."),
        ({"status": 404}, "This is no longer here, or not yours."),
        ({"status": 500}, "Something went wrong on our side."),
        (None, "The server cannot be reached."),
    ],
    ids=["forbidden", "gone", "broken", "offline"],
)
def test_failed_request_is_said_and_waits_to_be_dismissed(page, staff, sign_in_as, console, answer, said):
    NoticeFactory(user=staff, text="First")
    sign_in_as(staff)
    page.goto("/notifications/")
    page.route("**/read/", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.get_by_role("button", name="Mark as read: First").click()
    expect(page.locator("#messages")).to_contain_text(said)
    expect(page.locator("#messages [data-fades]")).to_have_count(0)
    expect(page.get_by_role("button", name="Mark as read: First")).to_be_visible()
    console.clear()


def test_second_click_while_the_first_is_on_its_way_sends_nothing(page, staff, sign_in_as):
    NoticeFactory(user=staff, text="First")
    sign_in_as(staff)
    page.goto("/notifications/")
    sent, waiting = [], []
    page.route("**/read/", lambda route: (sent.append(route.request.url), waiting.append(route)))
    button = page.get_by_role("button", name="Mark as read: First")
    with page.expect_request("**/read/"):
        button.click()
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    waiting[0].continue_()
    expect(page.locator("#bell [data-figure]")).to_have_attribute("data-value", "0")
    assert len(sent) == 1


def test_what_was_typed_is_in_the_form_again_after_signing_in_once_more(page, owner, admin, sign_in_as):
    for person in (owner, admin):
        person.set_password("a long enough phrase")
        person.save(update_fields=["password"])

    def sign_in(person):
        page.get_by_label("Username").fill(person.username)
        page.locator("[name=password]").fill("a long enough phrase")
        page.get_by_role("button", name="Sign in").click()

    name = page.locator("#id_name")

    def type_and_send():
        page.goto("/products/add/")
        name.fill("Kopi Susu")
        Session.objects.all().delete()
        page.locator("main form[method=post] button[type=submit]").click()
        expect(page.get_by_label("Username")).to_be_visible()

    sign_in_as(owner)
    type_and_send()
    sign_in(owner)
    expect(page.get_by_text("Here it is as you typed it")).to_be_visible()
    expect(name).to_have_value("Kopi Susu")
    page.reload()
    expect(name).to_have_value("")
    expect(page.get_by_text("Here it is as you typed it")).to_have_count(0)

    type_and_send()
    sign_in(admin)
    expect(name).to_have_value("")
