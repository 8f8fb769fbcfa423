"""Chaos for people: every kind of damage is found by exactly the checks that it names, read, and repaired."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.distribution.assignment import assign_random
from crm.distribution.imports.models import Upload
from crm.errors import Refused
from crm.registry import Module, get_module, modules
from integrity.chaos import plant
from integrity.checks import checks
from integrity.damage import DAMAGES
from integrity.models import Run
from integrity.naming import told
from integrity.runs import make_run, work_run
from tests.conftest import browser_of
from tests.distribution.sql import ask, run
from tests.factories.distribution import factories_of, fill
from tests.integrity.planting import side_by_side
from tests.integrity.test_contract import dump, look

pytestmark = pytest.mark.django_db

DECISIONS = {
    "duplicate": {"duplicate_customer", "guard_missing"},
    "double_worked": {"double_worked"},
    "left": {"assignee_not_working", "reservation_owner_not_working"},
    "idle_owner": {"reservation_owner_not_working"},
    "upload": {"upload_stuck"},
}
"""What a repair leaves to an admin, by the kind."""

Planted = tuple[tuple[Module, str], ...]

# Each kind in one module in `make test`, in the others in `make proof`; one in each module at once.
EACH = [
    pytest.param(
        planted,
        id=", ".join(f"{module.key}: {kind}" for module, kind in planted),
        marks=[pytest.mark.proof] if turn else [],
    )
    for turn in range(len(list(modules())))
    for planted in side_by_side(
        (fitting[(number + turn) % len(fitting)], kind)
        for number, (kind, damage) in enumerate(DAMAGES.items())
        for fitting in [[module for module in modules() if damage.fits(module)]]
        if turn < len(fitting)
    )
]


@pytest.fixture
def desk(world) -> Client:
    return browser_of(world.admin)


def codes_of(found: Run) -> set[str]:
    assert (found.state, found.error) == ("finished", "")
    return set(found.findings.values_list("code", flat=True))


def repair() -> Run:
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return work_run(make_run(by=None, origin=Run.Origin.COMMAND, kind=Run.Kind.REPAIR))


def send(desk: Client, module: Module, *kinds: str) -> Any:
    return desk.post(reverse("chaos"), {"module": module.key, "kinds": kinds}, follow=True)


@pytest.mark.parametrize("planted", EACH)
def test_what_is_planted_is_found_by_the_checks_that_it_names_and_repaired(desk, planted: Planted):
    for module, kind in planted:
        text = unescape(send(desk, module, kind).content.decode())
        assert f"Planted in {module.label}: {DAMAGES[kind].title} (" in text
        assert reverse("start_health_check") in text
    found = look()
    assert codes_of(found) == {code for _module, kind in planted for code in DAMAGES[kind].codes}
    for finding, row, _reason in told(found.findings.order_by("code").distinct("code")):
        for url in (finding.get_absolute_url(), row.url):
            assert not url or desk.get(url).status_code == 200, url

    repaired = repair()
    assert (repaired.state, repaired.error, repaired.remaining) == ("finished", "", 0)
    assert codes_of(look()) == {code for _module, kind in planted for code in DECISIONS.get(kind, set())}


def test_there_is_a_kind_for_every_check():
    assert {code for damage in DAMAGES.values() for code in damage.codes} == set(checks())


def test_fifty_are_forty_nine(world):
    module = get_module("memberwd")
    database = factories_of(module).database(product=world.product)
    fill(database, 60)
    batch = assign_random(module=module, database=database, staff=world.sari, count=50, by=world.admin).batch
    assert plant("old_status", module, world.admin) == 1
    batch.refresh_from_db()
    assert (batch.received_count, batch.current_count, batch.invalid_count) == (50, 49, 1)


def test_several_kinds_are_planted_at_once(desk):
    module = get_module("memberwd")
    kinds = ("rewritten", "vanished", "orphan", "false_conflict", "kept", "leftover", "phone_key", "trigger")
    text = send(desk, module, *kinds).content.decode()
    assert all(str(DAMAGES[kind].title) in text for kind in kinds)
    assert codes_of(look()) == {code for kind in kinds for code in DAMAGES[kind].codes}
    assert repair().remaining == 0
    assert look().is_healthy


def test_the_same_kind_again_damages_the_next_rows(world):
    module = get_module("bonanza")
    for _time in range(2):
        assert plant("rewritten", module, world.admin) == 2
    found = look().findings.filter(code="history_mismatch", field="customer_name")
    assert found.values("object_id").distinct().count() == 4


def test_what_was_repaired_is_as_damaged_as_before_after_an_undo(world):
    plant("old_status", get_module("records"), world.admin)
    undone = work_run(make_run(by=None, origin=Run.Origin.COMMAND, kind=Run.Kind.UNDO, of=repair()))
    assert (undone.state, undone.remaining) == ("finished", 0)
    assert codes_of(look()) == {"legacy_invalid_status"}


def test_an_admin_can_discard_the_file_that_lost_its_content(world, desk):
    plant("upload", get_module("bonanza"), world.admin)
    upload = Upload.objects.get(file_name="lost.csv")
    assert desk.get(upload.get_absolute_url()).status_code == 200
    desk.post(reverse("discard_upload", args=[upload.module, upload.pk]))
    assert look().is_healthy


def test_the_history_names_who_planted_it(world):
    plant("old_status", get_module("records"), world.admin)
    [(planted_by,)] = ask(
        "SELECT metadata->>'user' FROM pghistory_context WHERE metadata->>'operation' = 'chaos.plant'"
    )
    assert planted_by == str(world.admin.pk)


@pytest.mark.parametrize("kind", ["request", "answer", "duplicate"])
def test_what_fits_nowhere_is_said_and_changes_nothing(desk, kind):
    module = get_module("bonanza")
    run("SET session_replication_role = replica; DELETE FROM bonanza_record WHERE status = 'available';"
        " SET session_replication_role = origin")  # fmt: skip
    with unchanged():
        text = send(desk, module, kind).content.decode()
    assert f"DB Bonanza has nothing that fits “{DAMAGES[kind].title}”." in text


def test_one_kind_that_does_not_fit_leaves_the_others(desk):
    text = send(desk, get_module("bonanza"), "request", "batch_count").content.decode()
    assert "DB Bonanza has nothing that fits" in text
    assert "Planted in DB Bonanza: A batch counts wrong (1 place)." in text
    assert codes_of(look()) == {"batch_count_mismatch"}


@pytest.mark.parametrize(
    "wrong", [{"module": "memberwd"}, {"module": "nowhere", "kinds": "left"}, {"module": "bonanza", "kinds": "x"}]
)
def test_nothing_ticked_or_no_such_thing_is_refused(desk, wrong):
    with unchanged():
        answer = desk.post(reverse("chaos"), wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_outside_the_demo_there_is_no_such_page_and_nothing_changes(world, desk, settings):
    module = get_module("memberwd")
    assert reverse("chaos") in desk.get(reverse("integrity")).content.decode()
    settings.DEMO = False
    with unchanged():
        assert desk.get(reverse("chaos")).status_code == 404
        assert send(desk, module, "batch_count").status_code == 404
        with pytest.raises(Refused, match="in demo mode only"):
            plant("batch_count", module, world.admin)
    assert reverse("chaos") not in desk.get(reverse("integrity")).content.decode()


def test_staff_are_refused(world):
    phone = browser_of(world.sari)
    with unchanged():
        assert phone.get(reverse("chaos")).status_code == 403
        assert phone.post(reverse("chaos"), {"module": "memberwd", "kinds": "batch_count"}).status_code == 403


@contextmanager
def unchanged() -> Iterator[None]:
    """But for the message that the browser is to show."""
    before = dump()
    yield
    after = dump()
    assert {table for table in before if before[table] != after[table]} <= {"django_session"}
