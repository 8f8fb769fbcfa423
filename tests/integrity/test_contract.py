"""Of every check, in every module: what breaks it is named, exactly, by exactly the checks that the plant says."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from crm.registry import modules
from integrity import scan
from integrity.check import COLUMNS, Look
from integrity.checks import checks, looks
from integrity.models import Run
from integrity.naming import told
from integrity.runs import make_run, work_run
from tests.distribution.sql import ask, run
from tests.integrity.planting import Plant
from tests.integrity.plants import PLANTS
from tests.integrity.world import World

pytestmark = pytest.mark.django_db

IN_TEST = 2
"""So many plants of each check are sown in `make test`, in all modules at once; `make proof` sows the others."""

EACH = [
    pytest.param(plant, id=f"{code}-{plant.name}", marks=[pytest.mark.proof] if number >= IN_TEST else [])
    for code, plants in PLANTS.items()
    for number, plant in enumerate(plants)
]


def look(**scope: Any) -> Run:
    """As the clock would: in a transaction of its own, whose keys are looked at when it ends."""
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return work_run(make_run(by=None, origin=Run.Origin.COMMAND, **scope))


def found_by(run: Run) -> set[tuple[str, str, int]]:
    return set(run.findings.values_list("code", "object", "object_id"))


def dump() -> dict[str, set[str]]:
    """All that is stored but what integrity remembers: the rows of each table."""
    tables = [name for name in connection.introspection.table_names() if not name.startswith("integrity_")]
    return {table: {row for (row,) in ask(f'SELECT t::text FROM "{table}" t')} for table in tables}


def test_nothing_is_found_in_a_sound_world(world):
    found = look()
    assert (found.state, found.total) == ("finished", 0), [str(each) for each in found.findings.all()]


@pytest.mark.parametrize("plant", EACH)
def test_what_is_planted_is_named_exactly(world: World, plant: Plant):
    expected = set().union(*[plant.sow(world, module) for module in modules() if plant.fits(module)])
    found = look()
    assert (found.state, found.error) == ("finished", "")
    assert found_by(found) == expected
    assert found.total == found.findings.count() == sum(found.results.values_list("count", flat=True))
    assert Counter(found.findings.values_list("code", "module")) == {
        (each.code, each.module): each.count for each in found.results.all() if each.count
    }
    for finding, row, reason in told(found.findings.all()):
        there = apps.get_model(finding.object)._base_manager.filter(pk=finding.object_id).exists()
        assert ("which is gone" in row.name) == (not there and finding.object_id != 0), row.name
        assert finding.module in checks()[finding.code].scopes()
        assert "%(" not in reason
        assert len(reason.split()) > 3, reason


@pytest.mark.parametrize("code", ["legacy_invalid_status", "conflict_log_mismatch", "history_mismatch"])
def test_a_health_check_changes_nothing(world, code):
    [module] = [each for each in modules() if each.key == "memberwd"]
    PLANTS[code][0].sow(world, module)
    damaged = dump()
    assert look().total
    assert dump() == damaged


@pytest.mark.parametrize("code", PLANTS)
def test_a_check_that_finds_nothing_any_more_fails_its_plants(world, monkeypatch, code):
    blind = [without(each, code) for each in looks()]
    monkeypatch.setattr(scan, "looks", lambda: blind)
    plant = PLANTS[code][0]
    module = [each for each in modules() if plant.fits(each)][-1]
    expected = plant.sow(world, module)
    found = found_by(look())
    assert found != expected
    assert found == {each for each in expected if each[0] != code}


def without(each: Look, code: str) -> Look:
    """The same, but blind for one check."""
    if each.rows is not None:
        rows = each.rows
        return replace(each, rows=lambda: (row for row in rows() if row[0] != code))
    return replace(each, sql=f"SELECT * FROM ({each.sql}) AS o ({', '.join(COLUMNS)}) WHERE o.code <> '{code}'")


def test_every_check_is_planted_in_five_ways_or_more():
    assert set(PLANTS) == set(checks()) - {"guard_missing"}, "what is planted of the guards is in test_guards.py"
    assert {code: len(plants) for code, plants in PLANTS.items() if len(plants) < 5} == {}
    for code, plants in PLANTS.items():
        assert len({plant.name for plant in plants}) == len(plants)
        assert all(code in plant.codes for plant in plants), code
