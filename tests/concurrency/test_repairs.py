"""Repairs: killed in the middle, two at once, and beside a team that goes on working."""

import subprocess
import time
from typing import Any

import pytest
from django.db import connection

from crm.distribution.assignment import assign_random
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.registry import get_module
from integrity.models import Change, Run
from integrity.runs import make_run, work_run, work_waiting
from tests.distribution.processes import manage
from tests.distribution.sql import ask, run
from tests.factories.distribution import factories_of, fill
from tests.integrity.conftest import planned_anew

pytestmark = pytest.mark.django_db(transaction=True)

DAMAGED = "SELECT count(*) FROM memberwd_record WHERE status = 'invalid'"

# All is repaired, and not yet proved.
HALF_WAY = """
import time
from django.utils.translation import gettext_lazy as _
from integrity import repair
from integrity.ground import Step
from integrity.runs import make_run, work_run

def wait(ground):
    assert ground.changes
    print("half way", flush=True)
    time.sleep(120)

repair.STEPS = [*repair.STEPS, Step(("batch_count_mismatch",), _("Waits."), wait, list, True)]
work_run(make_run(by=None, origin="command", kind="repair"))
"""


def handed_out(staff: Any, admin: Any, records: int, count: int) -> Any:
    database = factories_of(get_module("memberwd")).database()
    fill(database, records)
    return assign_random(module=get_module("memberwd"), database=database, staff=staff, count=count, by=admin).batch


def damage(batch: Any) -> None:
    run(f"SET session_replication_role = replica; UPDATE memberwd_record SET status = 'invalid'"
        f" WHERE batch_id = {batch.pk}; SET session_replication_role = origin")  # fmt: skip


def repair() -> Run:
    return work_run(make_run(by=None, origin="command", kind=Run.Kind.REPAIR))


def test_killed_in_the_middle_it_has_changed_nothing_and_says_so(staff, admin):
    damage(handed_out(staff, admin, 9, 5))
    planned_anew()
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(**manage("shell", "-v", "0", "-c", HALF_WAY), **options) as worker:
        said = worker.stdout.readline()
        assert said == "half way\n", said + worker.stderr.read()
        killed = Run.objects.get(kind="repair")
        assert killed.state == "running"
        worker.kill()
    assert ask(DAMAGED) == [(5,)]
    assert not Change.objects.exists()
    give_up = time.monotonic() + 20
    while Run.objects.get(pk=killed.pk).state == "running" and time.monotonic() < give_up:
        work_waiting()
        time.sleep(0.1)
    killed.refresh_from_db()
    assert (killed.state, killed.repaired, killed.verified) == ("interrupted", None, False)
    assert "Nothing was changed" in killed.error
    again = repair()
    assert (again.state, again.remaining, ask(DAMAGED)) == ("finished", 0, [(0,)])


def test_of_two_at_once_the_second_waits_and_finds_nothing_to_do(workers, staff, admin):
    damage(handed_out(staff, admin, 9, 5))
    planned_anew()
    first, second = sorted(workers.run(repair, repair), key=lambda done: done.finished_at)
    assert (first.state, first.remaining, first.verified) == ("finished", 0, True)
    assert (second.state, second.total, second.changes.count()) == ("finished", 0, 0)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.proof)])
def test_who_works_other_records_meanwhile_waits_for_nothing(workers, staff, admin, other_staff, count):
    """A repair of so many rows, while somebody notes what came of records of the same list that are not damaged."""
    damaged = handed_out(staff, admin, count + 100, count)
    other = assign_random(
        module=get_module("memberwd"), database=damaged.database, staff=other_staff, count=50, by=admin
    ).batch
    damage(damaged)
    planned_anew()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    is_done: list[bool] = []
    waits: list[float] = []

    def work() -> int:
        keys = list(other.records.values_list("pk", flat=True))
        while not is_done:
            for pk in keys:
                began = time.monotonic()
                note_outcome(records=type(other.records.first()).objects.filter(pk=pk), by=other_staff, note=str(began))
                waits.append(time.monotonic() - began)
        return len(waits)

    at_work = workers.start(work)
    try:
        done = repair()
    finally:
        is_done.append(True)
    assert at_work.result(60) > 10
    assert (done.state, done.error, done.remaining) == ("finished", "", 0)
    assert ask(DAMAGED) == [(0,)]
    assert max(waits) < 1, f"{len(waits)} notes, the longest wait {max(waits):.2f} s, the repair {done.took}"


def test_who_wants_a_record_that_is_being_repaired_waits_or_is_told(workers, staff, admin):
    """A sentence at most: a deadlock or a lock that did not come would end this."""
    batch = handed_out(staff, admin, 200, 100)
    damage(batch)
    planned_anew()
    errors: list[str] = []
    is_done: list[bool] = []

    def work() -> None:
        while not is_done:
            try:
                assign_random(module=batch.module, database=batch.database, staff=staff, count=1, by=admin)
                note_outcome(records=batch.records.all(), by=staff, reach="reachable")
            except Refused as refused:
                errors.append(str(refused))

    at_work = workers.start(work)
    try:
        done = repair()
    finally:
        is_done.append(True)
    at_work.result(60)
    assert (done.state, done.error, done.remaining) == ("finished", "", 0)
    assert all(text.endswith(".") for text in errors), errors
