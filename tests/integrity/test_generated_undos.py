"""Whatever is damaged together, a repair of it is proved, and its undo brings back exactly what was there.

UNDOS=500 tries so many cases; each has its number, and is always the same.
"""

import os
import random

import pytest
from django.db import DatabaseError, transaction

from crm.registry import Module, modules
from integrity.models import Run
from integrity.reports import not_undone
from tests.integrity.planting import Plant
from tests.integrity.plants import PLANTS
from tests.integrity.test_contract import found_by
from tests.integrity.test_repair import changed, images, repair
from tests.integrity.world import World

pytestmark = pytest.mark.django_db

IN_TEST = 4
CASES = int(os.environ.get("UNDOS", "24"))
MOST_PLANTS = 4

KINDS = [
    (module, plant)
    for plants in PLANTS.values()
    for plant in plants
    if not plant.is_past_the_keys  # test_repair.py shows that it is listed
    for module in modules()
    if plant.fits(module)
]


def sow_some(world: World, number: int) -> list[str]:
    """Damages what it can of up to four kinds, and leaves out what another kind has made impossible; what it did."""
    chance = random.Random(number)
    sown: list[str] = []
    dropped: set[tuple[str, str]] = set()
    for module, plant in chance.sample(KINDS, chance.randint(1, MOST_PLANTS)):
        drops = {(module.key, name) for name in plant.drops.split()}
        if drops & dropped:
            continue
        dropped |= drops
        try:
            with transaction.atomic():
                plant.sow(world, module)
        except DatabaseError:
            continue
        sown.append(name_of(module, plant))
    return sown


def name_of(module: Module, plant: Plant) -> str:
    return f"{module.key}: {plant.name}"


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.proof] if n >= IN_TEST else []) for n in range(CASES)]
)
def test_an_undo_brings_back_what_was_there(world: World, number: int):
    sown = sow_some(world, number)
    assert sown
    damaged = images()
    done = repair()
    assert (done.state, done.error, done.remaining) == ("finished", "", 0), sown
    if not done.changes.exists():
        return
    undone = repair(Run.Kind.UNDO, of=done)
    assert (undone.state, undone.error, list(not_undone(undone))) == ("finished", "", []), sown
    assert changed(damaged, images()) == set(), sown
    again = repair()
    assert (again.state, again.remaining, again.needs_decision) == ("finished", 0, done.needs_decision), sown
    assert found_by(again.proof) == found_by(done.proof), sown
