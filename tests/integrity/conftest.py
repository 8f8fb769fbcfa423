"""Fifty of sixty records with Sari in each module, and damage past all triggers."""

from collections.abc import Callable
from typing import Any

import pytest

from crm.distribution.assignment import assign_random
from crm.registry import modules
from integrity.models import Run
from integrity.runs import make_run, work_run
from tests.distribution.conftest import module
from tests.distribution.sql import run as write
from tests.factories.distribution import factories_of, fill

__all__ = ["module"]


@pytest.fixture
def batches(admin, staff) -> dict[str, Any]:
    """One of each module, by its key."""
    found = {}
    for each in modules():
        database = factories_of(each).database()
        fill(database, 60)
        found[each.key] = assign_random(module=each, database=database, staff=staff, count=50, by=admin).batch
    return found


@pytest.fixture
def look(db) -> Callable[..., Run]:
    """A health check, to its end."""
    return lambda **scope: work_run(make_run(by=None, origin=Run.Origin.COMMAND, **scope))


def behind_the_back(sql: str, *values: Any) -> None:
    """Runs it so that no trigger notices: what a restore, a replica or a hand with psql can do."""
    write("SET session_replication_role = replica")
    write(sql, *values)
    write("SET session_replication_role = origin")
