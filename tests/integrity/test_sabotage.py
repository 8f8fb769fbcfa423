"""A repair that does not do what it says is taken back as a whole, and says so."""

from collections.abc import Callable

import pytest
from django.utils.translation import gettext_lazy as _

from crm.registry import get_module
from integrity.ground import Ground, Step
from integrity.repairs import STEPS
from tests.distribution.sql import run
from tests.integrity.plants import PLANTS
from tests.integrity.test_contract import dump
from tests.integrity.test_repair import repair
from tests.integrity.world import World

pytestmark = pytest.mark.django_db


def sabotaged(monkeypatch, work: Callable[[Ground], None]) -> None:
    """As the last step of all."""
    step = Step(("batch_count_mismatch",), _("Sabotage."), work, lambda: [get_module("memberwd").Batch], True)
    monkeypatch.setattr("integrity.repair.STEPS", [*STEPS, step])


def refused(damaged: dict[str, set[str]], text: str) -> None:
    done = repair()
    assert "Nothing was changed" in done.error
    assert (done.state, done.repaired, done.verified, done.changes.count()) == ("refused", 0, False, 0)
    assert text in done.error
    assert done.remaining + done.needs_decision == done.total > 0
    assert dump() == damaged


def test_it_writes_a_wrong_value(world: World, monkeypatch):
    memberwd = get_module("memberwd")
    PLANTS["batch_count_mismatch"][0].sow(world, memberwd)
    damaged = dump()
    pk = world.place(memberwd)["batch3"][1]
    wrong = f"UPDATE memberwd_batch SET current_count = 51, received_count = received_count + 49 WHERE id = {pk}"
    sabotaged(monkeypatch, lambda ground: run(wrong))
    refused(damaged, "A batch's count is wrong (memberwd.batch")


def test_it_forgets_one_row(world: World, monkeypatch):
    memberwd = get_module("memberwd")
    PLANTS["legacy_invalid_status"][0].sow(world, memberwd)
    pk = world.place(memberwd)["fresh"][1]
    damaged = dump()

    def forget(ground: Ground) -> None:
        run(f"UPDATE memberwd_record SET status = 'invalid' WHERE id = {pk}")
        for step in STEPS[-8:]:
            if step.always:
                step.work(ground)

    sabotaged(monkeypatch, forget)
    refused(damaged, "this would still be wrong after the repair. Old status")


def test_it_mends_one_thing_and_breaks_another(world: World, monkeypatch):
    memberwd = get_module("memberwd")
    PLANTS["legacy_invalid_status"][0].sow(world, memberwd)
    damaged = dump()
    pk = world.place(memberwd)["worked"][1]
    sabotaged(monkeypatch, lambda ground: run(f"UPDATE memberwd_record SET invalid_reason = 'odd' WHERE id = {pk}"))
    refused(damaged, "Flagged without a conflict")


def test_it_ends_in_the_middle(world: World, monkeypatch):
    PLANTS["batch_count_mismatch"][0].sow(world, get_module("memberwd"))
    damaged = dump()
    sabotaged(monkeypatch, lambda ground: run("INSERT INTO memberwd_batch (id) VALUES (1)"))
    refused(damaged, "PostgreSQL refuses the repair")
