"""Of every plant: what repair says it changes is what changes, what it says is gone is gone, and a second one rests."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from django.apps import apps

from crm.registry import Module, modules
from integrity.models import Run
from integrity.reports import not_undone
from integrity.runs import make_run, work_run
from tests.distribution.sql import ask, run
from tests.integrity.planting import Plant, side_by_side
from tests.integrity.plants import PLANTS
from tests.integrity.test_contract import dump, found_by
from tests.integrity.world import World

pytestmark = pytest.mark.django_db

IN_TEST = 1
"""So many plants of each check are repaired in `make test`; `make proof` repairs the others."""

Sown = tuple[tuple[Module, Plant], ...]
"""What is repaired at once: one plant in each module; alone, what is done in all, or cannot be undone as a whole."""


def at_once(several: Iterable[Plant]) -> list[Sown]:
    plants = sorted(several, key=lambda plant: sum(plant.fits(module) for module in modules()))
    single = [plant for plant in plants if plant.alone or plant.is_past_the_keys]
    alone = [((next(filter(plant.fits, modules())), plant),) for plant in single]
    pairs: list[tuple[Module, Plant]] = []
    for plant in [plant for plant in plants if plant not in single]:
        taken = Counter(module.key for module, _plant in pairs)
        pairs.append((min(filter(plant.fits, modules()), key=lambda module: taken[module.key]), plant))
    return [*alone, *side_by_side(pairs)]


def name_of(sown: Sown) -> str:
    return ", ".join(f"{module.key}: {plant.codes[0]}, {plant.name}" for module, plant in sown)


EACH = [
    pytest.param(sown, id=name_of(sown), marks=marks)
    for marks, plants in (
        ([], [plant for plants in PLANTS.values() for plant in plants[:IN_TEST]]),
        ([pytest.mark.proof], [plant for plants in PLANTS.values() for plant in plants[IN_TEST:]]),
    )
    for sown in at_once(plants)
]

SAID_LATER = {"reservation_overdue", "conflict_reason_stale"}
"""What has just been changed is given its time, by an undo as by anybody."""


def repair(kind: str = Run.Kind.REPAIR, **scope: Any) -> Run:
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return work_run(make_run(by=None, origin=Run.Origin.COMMAND, kind=kind, **scope))


def images() -> dict[tuple[str, int], str]:
    """Every row that a repair may change, by its model and key."""
    found = {}
    for model in apps.get_models():
        label = model._meta.label_lower
        if label.split(".")[0] in ("integrity", "pghistory", "sessions", "contenttypes") or hasattr(
            model, "pgh_tracked_model"
        ):
            continue
        rows = ask(f'SELECT "{model._meta.pk.column}", to_jsonb(t)::text FROM "{model._meta.db_table}" t')
        found |= {(label, pk): text for pk, text in rows}
    return found


def changed(before: dict[tuple[str, int], str], after: dict[tuple[str, int], str]) -> set[tuple[str, int]]:
    return {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}


def said(run: Run) -> set[tuple[str, int]]:
    return {(each.object, each.object_id) for each in run.changes.all() if each.object_id}


def shown(run: Run) -> list[tuple[str, int, Any]]:
    """What a preview can know: the number of a row that is yet to come it cannot."""
    return [(each.object, each.object_id if each.before else 0, each.before) for each in run.changes.all()]


@pytest.mark.parametrize("sown", EACH)
def test_what_is_planted_is_repaired_and_only_that(world: World, sown: Sown):
    expected = set().union(*[plant.sow(world, module) for module, plant in sown])
    waits = {code for _module, plant in sown for code in plant.waits.split()}
    damaged, whole = images(), dump()

    preview = repair(Run.Kind.PREVIEW)
    assert (preview.state, preview.error) == ("finished", "")
    assert dump() == whole

    done = repair()
    assert (done.state, done.error, done.verified) == ("finished", "", True)
    assert found_by(done) == expected
    assert changed(damaged, images()) == said(done)
    assert shown(done) == shown(preview)
    assert done.remaining == 0
    assert done.repaired + done.needs_decision >= done.total

    mended = dump()
    again = repair()
    assert again.total == done.needs_decision
    assert found_by(again) == found_by(done.proof)
    assert {code for code, _name, _pk in found_by(again)} == waits
    assert (again.state, again.repaired, again.changes.count()) == ("finished", 0, 0)
    assert dump() == mended

    if done.changes.exists():
        undone = repair(Run.Kind.UNDO, of=done)
        assert (undone.state, undone.error) == ("finished", "")
        stay = {(label, pk): why for label, pk, why in not_undone(undone)}
        assert undone.remaining == len(stay)
        assert changed(damaged, images()) == stay.keys()
        if stay:
            assert sown[0][1].is_past_the_keys, "PostgreSQL forbids nothing else"
            assert any("PostgreSQL forbids what it was" in why for why in stay.values())
        else:
            assert found_by(undone.proof) <= expected
            assert {code for code, _name, _pk in expected - found_by(undone.proof)} <= SAID_LATER

        last = repair()
        assert (last.state, last.remaining, last.needs_decision) == ("finished", 0, done.needs_decision)
