"""The main job: upload a list, hand 50 records to a staff member, and see 50 wherever the number is shown."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from memberwd.models import Batch, Database
from tests.browser.conftest import NARROW, WIDE
from tests.browser.tasks import run_queued_tasks
from tests.factories.products import ProductFactory

UPLOADS = Path(__file__).parents[1] / "data" / "uploads"


def shown(page: Page, figure: str) -> list[str]:
    """The values that the page shows of a figure, as text."""
    return page.locator(f'[data-figure="{figure}"]').all_inner_texts()


def upload(page: Page, file: str, product: str) -> None:
    page.goto("/memberwd/databases/uploads/new/")
    page.get_by_label("File").set_input_files(UPLOADS / file)
    page.get_by_label("Product").select_option(label=product)
    page.get_by_role("button", name="Upload and preview").click()
    expect(page.get_by_text("Reading the file")).to_be_visible()
    assert run_queued_tasks() == 1


@pytest.mark.slow("the journey of fifty records through a browser, from the file to the last page")
def test_fifty_is_fifty_everywhere(page, sign_in_as, admin, staff, screenshot, assert_accessible, assert_fits, console):
    ProductFactory(name="Kopi Senja")
    sign_in_as(admin)

    upload(page, "member_wd_60.csv", "Kopi Senja")
    expect(page.get_by_role("button", name="Import 60 records")).to_be_visible()
    assert shown(page, "upload.accepted") == ["60"]
    screenshot(page, "upload-preview")
    assert_accessible(page)

    page.get_by_role("button", name="Import 60 records").click()
    expect(page.get_by_text("Importing the rows")).to_be_visible()
    assert run_queued_tasks() == 1
    expect(page.get_by_role("link", name="Open the database")).to_be_visible()
    assert shown(page, "memberwd.database.records") == ["60"]

    page.get_by_role("link", name="Open the database").click()
    page.get_by_label("Staff member").first.select_option(label="Sari Staff")
    page.get_by_label("How many").fill("50")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("50 records assigned to Sari Staff.")).to_be_visible()
    assert set(shown(page, "memberwd.database.assigned")) == {"50"}
    assert set(shown(page, "memberwd.database.available")) == {"10"}
    screenshot(page, "database")
    assert_accessible(page)

    page.get_by_label("Staff member").first.select_option(label="Sari Staff")
    page.get_by_label("How many").fill("11")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#assign-panel [role=alert]")).to_be_visible()
    expect(page.get_by_text("50 records assigned to Sari Staff.")).to_have_count(0)
    console.clear()  # the browser logs the 422

    database, batch = Database.objects.get(), Batch.objects.get()
    for path, figure in [
        ("/overview/", "memberwd.module.assigned"),
        ("/overview/", "memberwd.staff.assigned"),
        ("/memberwd/databases/", "memberwd.database.assigned"),
        ("/memberwd/records/", "memberwd.module.assigned"),
        ("/memberwd/batches/", "memberwd.batch.current"),
        ("/memberwd/batches/", "memberwd.batch.received"),
        (batch.get_absolute_url(), "memberwd.batch.current"),
        (batch.get_absolute_url(), "memberwd.batch.received"),
    ]:
        page.goto(path)
        assert set(shown(page, figure)) == {"50"}, f"{figure} on {path}"

    page.goto(f"{database.get_absolute_url()}?status=assigned")
    expect(page.locator("#list tbody tr")).to_have_count(50)

    sign_in_as(staff)
    page.goto("/memberwd/mine/")
    assert set(shown(page, "memberwd.mine.assigned")) == {"50"}
    assert set(shown(page, "memberwd.batch.current")) == {"50"}
    expect(page.locator("#list tbody tr")).to_have_count(50)
    screenshot(page, "my-records")
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_fits(page)
    screenshot(page, "my-records-narrow")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("empty.csv", "The file is empty"),
        ("header_only.csv", "no row of data"),
        ("not_a_sheet.xlsx", "not a complete workbook"),
        ("picture.csv", "binary data"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_the_reason(page, sign_in_as, admin, file, reason, console):
    ProductFactory(name="Kopi Senja")
    sign_in_as(admin)
    page.goto("/memberwd/databases/uploads/new/")
    page.get_by_label("File").set_input_files(UPLOADS / file)
    page.get_by_label("Product").select_option(label="Kopi Senja")
    page.get_by_role("button", name="Upload and preview").click()
    page.wait_for_load_state()
    run_queued_tasks()
    expect(page.get_by_text(reason).first).to_be_visible()
    assert not Database.objects.exists()
    console.clear()  # a form that comes back with 422 is logged by the browser


@pytest.mark.slow("the way of chosen records back, in a browser, with axe on each page of it")
def test_recall_takes_the_chosen_records_back(
    page, sign_in_as, admin, staff, assert_accessible, screenshot, assert_fits
):
    sign_in_as(admin)
    ProductFactory(name="Kopi Senja")
    upload(page, "member_wd_60.csv", "Kopi Senja")
    page.get_by_role("button", name="Import 60 records").click()
    expect(page.get_by_text("Importing the rows")).to_be_visible()
    run_queued_tasks()
    page.get_by_role("link", name="Open the database").click()
    page.get_by_label("Staff member").first.select_option(label="Sari Staff")
    page.get_by_label("How many").fill("50")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("50 records assigned")).to_be_visible()

    page.goto(Batch.objects.get().database.get_absolute_url() + "?status=assigned")
    for box in page.locator('#list tbody input[name="ids"]').all()[:7]:
        box.check()
    page.get_by_role("button", name="Recall").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("7 with Sari Staff")).to_be_visible()
    assert_accessible(page)
    screenshot(page, "recall")
    dialog.get_by_role("button", name="Recall").click()
    expect(page.get_by_text("7 records recalled.")).to_be_visible()
    assert set(shown(page, "memberwd.database.assigned")) == {"43"}

    page.goto(Batch.objects.get().get_absolute_url())
    assert shown(page, "memberwd.batch.left")[0] == "7"
    assert set(shown(page, "memberwd.batch.current")) == {"43"}
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert_fits(page)
        assert_accessible(page)
    screenshot(page, "batch-narrow")
