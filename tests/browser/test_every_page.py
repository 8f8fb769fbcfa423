"""Every page of the demo, as each role sees it: accessible in both themes, fitting at 1280 and at 360 pixels."""

import pytest
from django.urls import reverse

from bonanza.models import Batch as BonanzaBatch
from crm.accounts.models import User
from crm.distribution.holdings import FOLLOW_UPS
from crm.home import demo
from crm.registry import modules
from integrity.runs import make_run, work_run
from memberwd.models import Batch, Database, Record
from records.models import Database as NormalDatabase
from tests.browser.conftest import NARROW, WIDE
from tests.distribution.sql import run


def pages_of_admins() -> dict[str, str]:
    database, batch = Database.objects.first(), Batch.objects.filter(left_count__gt=0).first()
    run(
        "SET session_replication_role = replica;"
        " UPDATE memberwd_batch SET current_count = current_count + 1, left_count = left_count - 1"
        f" WHERE id = {batch.pk}; SET session_replication_role = origin"
    )
    found = work_run(make_run(by=None, origin="command"))
    each_module = {
        f"{module.key}-{name}": reverse(name, args=[module])
        for module in modules()
        for name in ("databases", "records", "batches", "new_upload")
    }
    return {
        "overview": reverse("overview"),
        **each_module,
        "database": database.get_absolute_url(),
        "database-assigned": f"{database.get_absolute_url()}?status=assigned",
        "database-nothing": f"{database.get_absolute_url()}?q=nobody",
        "batch": batch.get_absolute_url(),
        "batch-received": f"{batch.get_absolute_url()}?show=received",
        "batch-left": f"{batch.get_absolute_url()}?show=left",
        "record": Record.objects.assigned().first().get_absolute_url(),
        "upload": database.upload.get_absolute_url(),
        "requests": reverse("requests"),
        "requests-approved": f"{reverse('requests')}?state=approved",
        "reservations": reverse("reservations"),
        "reservations-nothing": f"{reverse('reservations')}?q=nobody",
        "reservation-add": reverse("add_reservation"),
        "reservation-add-many": reverse("add_reservations"),
        "reservation-expiry": reverse("reservation_expiry"),
        "search": f"{reverse('search')}?q=joni",
        "records-arranged": f"{reverse('records', args=['memberwd'])}?status=assigned&sort=-worked&state=said_yes",
        "normal-database": NormalDatabase.objects.first().get_absolute_url(),
        "products": reverse("products"),
        "product": reverse("product_edit", args=[database.product.pk]),
        "people": reverse("people"),
        "invalid": reverse("invalid_records", args=["memberwd"]),
        "archived": reverse("archived_records", args=["memberwd"]),
        "deactivate": reverse("person_deactivate", args=[User.objects.get(username="sari").pk]),
        "integrity": reverse("integrity"),
        "integrity-run": found.get_absolute_url(),
        "chaos": f"{reverse('chaos')}?planted=memberwd",
        "finding": found.findings.filter(code="batch_count_mismatch").first().get_absolute_url(),
        "database-story": reverse("database_story", args=["memberwd", database.pk, "available"]),
        "batch-story": reverse("batch_story", args=["memberwd", batch.pk, "current"]),
        "notices": reverse("notices"),
        "notice-settings": reverse("notice_settings"),
        "profile": reverse("profile"),
    }


def pages_of_staff() -> dict[str, str]:
    sari = User.objects.get(username="sari")
    return {
        "today": reverse("today"),
        **{f"follow-ups-{state}": f"{reverse('follow_ups')}?state={state}" for state in FOLLOW_UPS},
        "my-requests": reverse("my_requests"),
        "my-reservations": reverse("my_reservations"),
        "my-search": f"{reverse('search')}?q=joni",
        **{f"mine-{module.key}": reverse("my_records", args=[module]) for module in modules()},
        "my-batch": Batch.objects.of(sari).first().get_absolute_url(),
        "my-bonanza-batch": BonanzaBatch.objects.of(sari).first().get_absolute_url(),
        "my-record": Record.objects.held_by(sari).first().get_absolute_url(),
        "my-notices": reverse("notices"),
    }


def pages_of_owners() -> dict[str, str]:
    return {"settings": reverse("module_settings")}


PAGES = {"admin": pages_of_admins, "sari": pages_of_staff, "owner": pages_of_owners}


@pytest.mark.slow("it makes the demo data, and axe looks at every row")
def test_the_fullest_pages_are_accessible_and_fit(page, sign_in_as, assert_accessible, assert_fits):
    """The short form of the tour below."""
    demo.seed(scale=1)
    page.set_viewport_size(NARROW)
    for username, name in (("admin", "database-assigned"), ("sari", "my-batch")):
        sign_in_as(User.objects.get(username=username))
        page.goto(PAGES[username]()[name])
        assert_fits(page)
        assert_accessible(page, always=True)


@pytest.mark.proof
@pytest.mark.parametrize("username", PAGES)
def test_every_page_is_accessible_and_fits(username, page, sign_in_as, assert_accessible, assert_fits, screenshot):
    demo.seed(scale=1)
    sign_in_as(User.objects.get(username=username))
    for name, url in PAGES[username]().items():
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            response = page.goto(url)
            assert response.status == 200, url
            assert_fits(page)
            screenshot(page, f"{name}-{size['width']}")
        assert_accessible(page)
