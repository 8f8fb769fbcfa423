"""The old failure, and what becomes of it: 49 where there are 50, found, read, opened, and explained."""

import pytest
from playwright.sync_api import expect

from crm.distribution.assignment import assign_random
from crm.registry import get_module
from crm.reservations.services import add_reservation
from tests.browser.conftest import NARROW, WIDE
from tests.browser.tasks import run_queued_tasks
from tests.distribution.sql import run
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

MEMBERWD = get_module("memberwd")

OLD_FAILURE = """
    SET session_replication_role = replica;
    UPDATE memberwd_record SET status = 'invalid', invalid_reason = 'Reserved by dewi'
    WHERE id = (SELECT min(id) FROM memberwd_record WHERE batch_id = {batch});
    UPDATE memberwd_database SET assigned_count = 49, invalid_count = 1 WHERE id = {database};
    SET session_replication_role = origin
"""
"""As the earlier CRM did it: a conflict changed the record's status, and the batch was counted by hand, or not."""


@pytest.fixture
def batch(admin, staff):
    database = factories_of(MEMBERWD).database(name="Senin", product=ProductFactory(name="Kopi"))
    fill(database, 60, customer_name="Budi")
    return assign_random(module=MEMBERWD, database=database, staff=staff, count=50, by=admin).batch


@pytest.fixture
def look_at(page, screenshot, assert_accessible, assert_fits):
    """Takes a picture of the page in both themes and widths."""

    def look(name: str) -> None:
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
            for size in (WIDE, NARROW):
                page.set_viewport_size(size)
                assert_fits(page)
                screenshot(page, f"integrity-{name}-{theme}-{size['width']}")
        page.set_viewport_size(WIDE)
        page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
        assert_accessible(page)

    return look


@pytest.mark.slow("a tour, with pictures of each page in both themes and widths")
def test_the_old_failure_is_found_read_and_explained(page, sign_in_as, admin, batch, look_at):
    sign_in_as(admin)
    run(OLD_FAILURE.format(batch=batch.pk, database=batch.database_id))
    page.goto("/memberwd/databases/")
    page.get_by_role("button", name="Health Check").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    assert run_queued_tasks() == 1
    expect(page.get_by_text("Not healthy")).to_be_visible()
    look_at("run")

    page.get_by_role("link", name=f"Batch {batch.pk} of Sari Staff says 50 assigned, and 49").click()
    expect(page.get_by_text("the history has no event for it")).to_be_visible()
    expect(page.get_by_text("is “invalid”, and the history says “assigned”")).to_be_visible()
    expect(page.get_by_role("cell", name="Adam Admin")).not_to_have_count(0)
    look_at("finding")

    page.get_by_role("link", name="The rows that it counts").click()
    expect(page.locator("[data-figure='memberwd.batch.current']").first).to_have_attribute("data-value", "50")
    expect(page.get_by_text("Not what the rows say")).to_be_visible()
    expect(page.get_by_text("Showing 1–49 of 49")).to_have_count(0)
    look_at("batch")

    page.locator("a.how", has_text="With the staff member").click()
    for name, value in (("shown", "50"), ("rows", "49"), ("total", "50")):
        expect(page.locator(f"[data-figure='story.{name}']").first).to_have_attribute("data-value", value)
    expect(page.get_by_text("These must be the same.")).to_be_visible()
    look_at("story")

    page.goto("/integrity/")
    expect(page.get_by_role("heading", name="Integrity", exact=True)).to_be_visible()
    look_at("home")


@pytest.mark.slow("a tour, with pictures of each page in both themes and widths")
def test_damage_is_planted_seen_repaired_undone_and_repaired_again(
    page, sign_in_as, admin, batch, other_staff, settings, look_at
):
    settings.DEMO = True
    sign_in_as(admin)
    left_with = assign_random(module=MEMBERWD, database=batch.database, staff=other_staff, count=3, by=admin).batch
    add_reservation(product=batch.database.product, customer_id="nobody's", staff=other_staff, by=admin)
    figure = "[data-figure='{}']"

    page.goto("/integrity/chaos/")
    page.get_by_label("Module").select_option("memberwd")
    for title in ("The lost fiftieth record", "Somebody is gone and still has records"):
        page.get_by_label(title, exact=True).check()
    look_at("chaos")
    page.get_by_role("button", name="Plant the damage").click()
    expect(page.get_by_text("The damage is planted")).to_be_visible()

    page.get_by_role("button", name="Health Check").first.click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("Not healthy")).to_be_visible()
    look_at("red")

    page.get_by_role("button", name="Repair…").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("Nothing was changed yet.")).to_be_visible()
    expect(page.locator(figure.format("repair.needs_decision")).first).to_have_attribute("data-value", "4")
    look_at("preview")

    page.get_by_label("Hand them on").check()
    page.locator("[name='assignee_not_working-staff']").select_option(label="Sari Staff")
    page.get_by_label("End them").check()
    page.get_by_role("button", name="Show what this would do").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("Hand them on → Sari Staff")).to_be_visible()
    expect(page.locator(figure.format("repair.needs_decision")).first).to_have_attribute("data-value", "0")
    look_at("decided")

    page.get_by_role("button", name="Repair what is ticked").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("Nothing remains: the checks were asked again")).to_be_visible()
    expect(page.get_by_text("Counts before and after")).to_be_visible()
    look_at("report")
    report = page.url

    page.get_by_role("button", name="Undo this repair").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("rows are as they were before the repair, wrong as they were.")).to_be_visible()
    look_at("undone")
    assert left_with.records.filter(status="assigned", assignee=other_staff).count() == 3

    page.goto(report)
    expect(page.get_by_role("button", name="Undo this repair")).to_have_count(0)

    page.goto("/integrity/")
    look_at("runs")
    page.get_by_role("button", name="Repair…").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    page.get_by_role("button", name="Repair what is ticked").click()
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_text("Not everything is right yet")).to_be_visible()
    expect(page.locator(figure.format("repair.remaining")).first).to_have_attribute("data-value", "0")
