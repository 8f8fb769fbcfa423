"""Fifty of sixty records with Sari in each module, and damage past all triggers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django_q.models import Schedule

from crm.distribution.assignment import assign_random
from crm.registry import modules
from crm.schedules import write_schedules
from integrity.models import Run
from integrity.runs import make_run, work_run
from tests.distribution.conftest import module
from tests.distribution.sql import run as write
from tests.factories.distribution import factories_of, fill
from tests.integrity.world import World

__all__ = ["module"]


@pytest.fixture(autouse=True)
def clock(db) -> None:
    """The task cluster runs: what is due is not late, however old the database of the tests is."""
    planned_anew()


def planned_anew() -> None:
    Schedule.objects.all().delete()
    write_schedules()


@pytest.fixture(scope="module")
def built(django_db_setup, django_db_blocker):
    """Made once; each test takes back what it has done to it."""
    with django_db_blocker.unblock(), transaction.atomic():
        planned_anew()
        world = World()
        # As at a commit: a table whose keys wait to be looked at cannot be altered.
        write("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        yield world
        transaction.set_rollback(True)


@pytest.fixture
def world(built):
    with transaction.atomic():
        yield built
        transaction.set_rollback(True)


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


COUNTS = ["batch_count_mismatch"]
"""The check to ask, where it matters how checks are asked and not which."""


def miscount(key: str, says: int = 49) -> None:
    """The batches of the module say another number than their records."""
    write(f"SET session_replication_role = replica; UPDATE {key}_batch SET current_count = {says},"
          f" received_count = {says}, initial_count = {says}; SET session_replication_role = origin")  # fmt: skip
