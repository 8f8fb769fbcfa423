"""A day of the team in two real browsers. After every step each number on each page is what SQL counts by itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from crm.distribution.assignment import assign_random
from crm.registry import Module, get_module, modules
from crm.reservations.services import add_reservation
from memberwd.models import Batch as WdBatch
from records.models import Batch as NormalBatch
from records.models import Database as NormalDatabase
from tests.browser.tasks import run_queued_tasks
from tests.browser.truth import Truth
from tests.distribution.sql import ask
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

UPLOADS = Path(__file__).parents[1] / "data" / "uploads"
WD, NORMAL = "memberwd", "records"
WORK_ROW = re.compile(r"<tr[^>]* data-work-row")
TABLE_BODY = re.compile(r"<tbody[^>]*>(.*?)</tbody>", re.DOTALL)


class Person:
    """Somebody at their own browser."""

    def __init__(self, context: BrowserContext, base_url: str, user, console: list[str]) -> None:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base_url}])
        context.set_default_timeout(10_000)
        self.user = user
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: console.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: console.append(str(error)))

    def pages(self, among: Iterable[Module] = ()) -> Iterator[str]:
        """Every page with numbers that this person can open, of all modules or of some."""
        admin = self.user.is_admin
        of_admins = ["overview", "requests", "reservations"]
        of_staff = ["today", "my_requests", "my_reservations", "follow_ups"]
        yield from (reverse(name) for name in (of_admins if admin else of_staff))
        for module in among or modules():
            names = ["databases", "records", "batches"] if admin else ["my_records"]
            if admin and module.policy.validates:
                names += ["invalid_records", "archived_records"]
            yield from (reverse(name, args=[module]) for name in names)
            batches = module.Batch.objects.all() if admin else module.Batch.objects.of(self.user)
            yield from (batch.get_absolute_url() for batch in batches)
            if admin:
                yield from (database.get_absolute_url() for database in module.Database.objects.all())


@pytest.fixture
def day(browser, browser_context_args, base_url, admin, staff, other_staff, console) -> Iterator["Day"]:
    contexts = [browser.new_context(**browser_context_args) for _person in range(3)]
    people = [
        Person(context, base_url, user, console)
        for context, user in zip(contexts, (admin, staff, other_staff), strict=True)
    ]
    yield Day(*people)
    for context in contexts:
        context.close()
    assert console == []


class Day:
    def __init__(self, admin: Person, sari: Person, tono: Person) -> None:
        self.admin, self.sari, self.tono = admin, sari, tono
        self.truth = Truth()
        self.numbers = 0

    def check(self, *among: Module) -> None:
        """The page that each has before them, as it is, and then every other page, of all modules or of some."""
        self.truth.look()
        for person in (self.admin, self.sari, self.tono):
            person.page.wait_for_load_state("networkidle")
            for url in person.pages(among):
                answer = person.page.goto(url, wait_until="domcontentloaded")
                assert answer.status == 200, url
                self.numbers += self.truth.check(person.page)

    def check_lists(self) -> int:
        """What a number links to is a list of so many rows. Returns how many lists were counted."""
        opened = 0
        for person in (self.admin, self.sari, self.tono):
            links: dict[str, str] = {}
            for url in person.pages():
                person.page.goto(url, wait_until="domcontentloaded")
                shown = person.page.locator("a[data-figure], a > [data-figure]").evaluate_all(
                    "all => all.map(each => [each.closest('a').getAttribute('href'), each.dataset.value,"
                    " each.dataset.figure])"
                )
                links |= {href: value for href, value, name in shown if counts_rows(name, href)}
            for href, value in links.items():
                assert rows_of(person.page, href) == int(value), f"{href} of {value}"
                opened += 1
        return opened


def counts_rows(figure: str, href: str) -> bool:
    """Whether the link leads to a list of records with a box or a row for each."""
    of_records = ("database.", "module.", "mine.", "batch.", "staff.")
    kind = figure.partition(".")[2]
    others = ("module.databases", "module.batches", "mine.batches", "batch.received", "batch.left", "database.purged")
    return kind.startswith(of_records) and kind not in others and not href.startswith("#")


def rows_of(page: Page, href: str) -> int:
    """The rows of the list, on all its pages."""
    count = 0
    while href:
        answer = page.request.get(href)
        assert answer.ok, href
        html = answer.text()
        listed = html.partition(' id="list"')[2].partition(' id="ledger"')[0]
        count += len(WORK_ROW.findall(html)) or sum(body.count("<tr") for body in TABLE_BODY.findall(listed))
        following = re.search(r'rel="next"\s+href="([^"]+)"', html)
        href = f"{href.partition('?')[0]}{following[1].replace('&amp;', '&')}" if following else ""
    return count


def exported(page: Page, url: str) -> int:
    """The rows of data in a CSV."""
    answer = page.request.get(url)
    assert answer.ok, url
    return len(answer.body().decode("utf-8-sig").splitlines()) - 1


def upload(page: Page, module: str, file: str) -> None:
    page.goto(f"/{module}/databases/uploads/new/")
    page.get_by_label("File").set_input_files(UPLOADS / file)
    page.get_by_label("Product").select_option(label="Kopi Senja")
    page.get_by_role("button", name="Upload and preview").click()
    expect(page.get_by_text("Reading the file")).to_be_visible()
    run_queued_tasks()
    page.get_by_role("button", name="Import 60 records").click()
    expect(page.get_by_text("Importing the rows")).to_be_visible()
    run_queued_tasks()
    expect(page.get_by_role("link", name="Open the database")).to_be_visible()


def tick(page: Page, count: int) -> None:
    for box in page.locator('#list tbody input[name="ids"]').all()[:count]:
        box.check()


def confirm(page: Page, button: str, said: str, *, fill: Callable[[Page], None] = lambda page: None) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=button, exact=True)).to_be_visible()
    fill(page)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#messages").get_by_text(said)).to_be_visible()


@pytest.mark.slow("a browser opens every page of a module for three people")
def test_every_number_is_true_after_a_morning(day):
    """The short form of the day below: it looks at every page once, when most kinds of records are there."""
    module = get_module(WD)
    database = factories_of(module).database()
    fill(database, 20)
    day.truth.look()
    batch = assign_random(module=module, database=database, staff=day.sari.user, count=9, by=day.admin.user).batch
    mark_invalid(day.sari.page, batch, 3, "wrong number")
    day.truth.look()
    admin = day.admin.page
    admin.goto(reverse("invalid_records", args=[module]))
    admin.get_by_role("button", name="Archive and replace those of Sari Staff").click()
    confirm(admin, "Archive and replace", "3 records archived and replaced")
    day.truth.look()
    admin.goto(reverse("database", args=[module, database.pk]) + "?status=assigned")
    tick(admin, 2)
    admin.get_by_role("button", name="Recall…").click()
    confirm(admin, "Recall", "2 records recalled.")
    day.truth.look()
    assert day.truth.check(admin) > 5
    taken = batch.records.assigned().earliest("pk").customer_id
    add_reservation(product=database.product, customer_id=taken, staff=day.tono.user, by=day.admin.user)
    assert ask("SELECT status, count(*) FROM memberwd_record GROUP BY 1 ORDER BY 1") == [
        ("archived", 3),
        ("assigned", 7),
        ("available", 10),
    ]
    assert ask("SELECT count(*) FROM distribution_conflict WHERE closed_at IS NULL") == [(1,)]
    day.check(module)
    assert day.numbers > 100


@pytest.mark.proof
def test_every_number_is_true_at_every_step_of_a_day(day, screenshot):
    ProductFactory(name="Kopi Senja")
    admin, sari, tono = day.admin.page, day.sari.page, day.tono.page
    day.check()

    # The admin uploads a list for each of two modules.
    upload(admin, NORMAL, "member_wd_60.csv")
    day.check()
    upload(admin, WD, "member_wd_60.csv")
    day.check()

    # Sari asks for 20, and then for 5 more, which the admin turns down.
    for count in (20, 5):
        sari.goto(reverse("my_requests"))
        sari.get_by_label("How many records of").fill(str(count))
        sari.get_by_role("button", name="Request:").click()
        expect(sari.locator("#messages .message")).to_be_visible()
        day.check()
    assert ask("SELECT count(*) FROM records_record WHERE status = 'requested'") == [(25,)]
    admin.goto(reverse("requests"))
    admin.get_by_role("button", name="Approve: Sari Staff, 20 ×").click()
    expect(admin.locator("#messages").get_by_text("1 request approved. 20 records handed out.")).to_be_visible()
    day.check()
    admin.goto(reverse("requests"))
    admin.get_by_role("row").filter(has_text="Sari").get_by_role("button", name="Reject").click()
    confirm(admin, "Reject", "1 request rejected.")
    day.check()
    assert ask("SELECT count(*) FROM records_record WHERE status = 'assigned'") == [(20,)]

    # Sari works her batch by keyboard; the numbers on the page in front of her follow without a page load.
    batch = NormalBatch.objects.get()
    sari.goto(reverse("continue_batch", args=[get_module(NORMAL), batch.pk]))
    for keys in ("1y", "1n", "2", "3", "1y"):
        for key in keys:
            with sari.expect_response(lambda answer: answer.request.method == "POST"):
                sari.keyboard.press(key)
        sari.keyboard.press("j")
    day.truth.look()
    assert day.truth.check(sari) > 10
    assert ask("SELECT count(*) FROM records_record WHERE reach = 'reachable'") == [(3,)]
    screenshot(sari, "day-working")
    day.check()

    # 30 of Member WD for Sari, at random.
    database = ask("SELECT id FROM memberwd_database")[0][0]
    admin.goto(reverse("database", args=[get_module(WD), database]))
    admin.get_by_label("Staff member").first.select_option(label="Sari Staff")
    admin.get_by_label("How many").fill("30")
    admin.get_by_role("button", name="Assign", exact=True).click()
    expect(admin.get_by_text("30 records assigned to Sari Staff.")).to_be_visible()
    day.check()

    # She marks 5 as invalid, at once, and the admin archives and replaces them.
    wd_batch = WdBatch.objects.get()
    mark_invalid(sari, wd_batch, 5, "wrong number")
    day.check()
    admin.goto(reverse("invalid_records", args=[get_module(WD)]))
    admin.get_by_role("button", name="Archive and replace those of Sari Staff").click()
    confirm(admin, "Archive and replace", "5 records archived and replaced")
    day.check()
    wd_batch.refresh_from_db()
    assert (wd_batch.current_count, wd_batch.archived_count, wd_batch.received_count) == (30, 5, 35)

    # Two more, archived without replacement.
    mark_invalid(sari, wd_batch, 2, "no WhatsApp")
    admin.goto(reverse("invalid_records", args=[get_module(WD)]))
    admin.get_by_role("button", name="Archive those of Sari Staff only").click()
    confirm(admin, "Archive", "2 records archived")
    day.check()

    # Four are recalled, that is undone, and three are recalled for good.
    assigned = reverse("database", args=[get_module(WD), database]) + "?status=assigned"
    admin.goto(assigned)
    tick(admin, 4)
    admin.get_by_role("button", name="Recall…").click()
    confirm(admin, "Recall", "4 records recalled.")
    day.truth.look()
    day.truth.check(admin)
    admin.get_by_role("button", name="Undo").click()
    expect(admin.get_by_text("4 records are as they were before.")).to_be_visible()
    day.check()
    admin.goto(assigned)
    tick(admin, 3)
    admin.get_by_role("button", name="Recall…").click()
    confirm(admin, "Recall", "3 records recalled.")
    day.check()

    # Six go to Tono.
    admin.goto(assigned)
    tick(admin, 6)
    admin.get_by_role("button", name="Transfer…").click()
    confirm(
        admin,
        "Transfer",
        "6 records transferred to Tono Staff.",
        fill=lambda page: page.get_by_role("dialog").get_by_label("Staff member").select_option(label="Tono Staff"),
    )
    day.check()
    tono.goto(reverse("my_records", args=[get_module(WD)]))
    expect(tono.locator("tr[data-work-row]")).to_have_count(6)

    # A customer of Sari's is reserved for Tono: the record is in conflict and stays hers. Released, it is as it was.
    customer = WdBatch.objects.get(pk=wd_batch.pk).records.assigned().earliest("pk").customer_id
    held = "SELECT count(*) FROM memberwd_record WHERE status = 'assigned' AND assignee_id = %s"
    before = ask(held, day.sari.user.pk)
    for resolve in (release, hand_over):
        reserve(admin, customer)
        assert ask("SELECT count(*) FROM distribution_conflict WHERE closed_at IS NULL")[0][0] > 0
        assert ask(held, day.sari.user.pk) == before
        day.check()
        sari.goto(reverse("my_records", args=[get_module(WD)]) + "?state=conflict")
        expect(sari.locator("tr[data-work-row]")).to_have_count(1)
        screenshot(sari, "day-taken")
        resolve(admin, customer)
        assert ask("SELECT count(*) FROM distribution_conflict WHERE closed_at IS NULL") == [(0,)]
        day.check()
    assert ask(held, day.sari.user.pk) == [(before[0][0] - 1,)]

    # One archived record comes back to the pool, one is deleted for good.
    for button, words, said in (("Restore…", "Restore", "1 record"), ("Purge…", "Purge for good", "1 record")):
        admin.goto(reverse("archived_records", args=[get_module(WD)]))
        tick(admin, 1)
        admin.get_by_role("button", name=button).click()
        confirm(admin, words, said, fill=agree)
        day.check()

    # The whole database is hidden, and shown again.
    hidden = NormalDatabase.objects.get()
    for button in ("Archive", "Show in the list again"):
        admin.goto(hidden.get_absolute_url())
        admin.get_by_role("button", name=button, exact=True).first.click()
        expect(admin.get_by_text("is archived" if button == "Archive" else "is back in the list")).to_be_visible()
        day.check()

    # What a number links to is a list of so many rows, and so is what is exported from there.
    assert day.check_lists() > 50
    for status in ("assigned", "available", "archived"):
        url = reverse("export_records", args=[get_module(WD), "csv"])
        [(count,)] = ask("SELECT count(*) FROM memberwd_record WHERE status = %s", status)
        assert exported(admin, f"{url}?status={status}") == count
    assert day.numbers > 3_000


def reserve(page: Page, customer: str) -> None:
    page.goto(reverse("add_reservation"))
    page.get_by_label("Product").select_option(label="Kopi Senja")
    page.get_by_label("Owner").select_option(label="Tono Staff")
    page.locator("#id_customer_id").fill(f" {customer.upper()} ")
    page.get_by_role("button", name="Reserve", exact=True).click()
    expect(page.locator("#messages .message").first).to_be_visible()


def release(page: Page, customer: str) -> None:
    page.goto(reverse("reservations") + "?status=active")
    page.get_by_role("button", name=f"Release: {customer.upper()}").click()
    confirm(page, "Release", "1 reservation released.")


def hand_over(page: Page, _customer: str) -> None:
    page.goto(reverse("conflicts") + "?state=open")
    tick(page, page.locator('#list tbody input[name="ids"]').count())
    page.get_by_role("button", name="Hand over…").click()
    confirm(page, "Hand over", "handed to")


def agree(page: Page) -> None:
    """Types how many are deleted, where that is asked."""
    typed = page.get_by_role("dialog").get_by_label("Type how many")
    if typed.count():
        typed.fill("1")


def mark_invalid(page: Page, batch: WdBatch, count: int, reason: str) -> None:
    page.goto(f"{batch.get_absolute_url()}?state=to_do")
    tick(page, count)
    page.get_by_role("button", name="Valid or invalid…").click()

    def fill(page: Page) -> None:
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Mark as").select_option("invalid")
        dialog.get_by_label("Why is it invalid?").fill(reason)

    confirm(page, "Mark", f"{count} records marked invalid", fill=fill)
