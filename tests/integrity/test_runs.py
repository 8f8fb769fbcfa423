"""Runs: one moment, one at a time, never silently lost, and never healthier than they know."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from crm.errors import Refused
from crm.schedules import SCHEDULES
from integrity import checks
from integrity.checks import counts
from integrity.models import Finding, Run
from integrity.runs import AT_WORK, KEEP_RUNS, make_run, run_night, start_run, work_run, work_waiting
from tests.factories.integrity import RunFactory
from tests.integrity.conftest import COUNTS, miscount

pytestmark = pytest.mark.django_db


def test_only_what_is_asked_about_is_looked_at(batches, look):
    assert [
        (each.code, each.module) for each in look(keys=["bonanza"], codes=["batch_count_mismatch"]).results.all()
    ] == [("batch_count_mismatch", "bonanza")]


def test_what_there_is_not_cannot_be_asked_about(db):
    for scope in ({"keys": ["nothing"]}, {"codes": ["nothing"]}):
        with pytest.raises(Refused, match="nothing"):
            make_run(by=None, origin="command", **scope)


def test_a_finding_keeps_the_time_when_it_was_found_first(batches, look):
    miscount("memberwd")
    first = look(codes=COUNTS).findings.get()
    miscount("memberwd", 48)
    look(keys=["bonanza"], codes=COUNTS)
    second = look(codes=COUNTS).findings.get()
    assert (second.since, second.actual) == (first.since, "48")
    miscount("memberwd", 50)
    assert look(codes=COUNTS).is_healthy
    miscount("memberwd")
    assert look(codes=COUNTS).findings.get().since > first.since


def test_a_check_that_cannot_be_asked_is_not_healthy_and_the_others_are_asked(batches, look, monkeypatch):
    miscount("memberwd")
    real = list(counts.looks())
    broken = [replace(each, sql="SELECT 1/0" if each.scope == "bonanza" else each.sql) for each in real]
    monkeypatch.setattr(counts, "looks", lambda: iter(broken))
    run = look(codes=COUNTS)
    assert (run.state, run.is_healthy) == ("failed", False)
    assert "batch_count_mismatch (bonanza): " in run.error
    assert {each.module: (each.count, bool(each.error)) for each in run.results.all()} == {
        "records": (0, False),
        "bonanza": (0, True),
        "memberwd": (1, False),
    }


def test_a_run_that_ends_before_its_time_says_so(batches, monkeypatch):
    run = make_run(by=None, origin="command")
    monkeypatch.setattr("integrity.runs.run_checks", lambda run, told: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work_run(run)
    run.refresh_from_db()
    assert (run.state, run.is_healthy) == ("failed", False)


def test_one_that_waits_or_is_at_work_is_not_started_again(admin):
    first = start_run(by=admin, module="bonanza")
    assert start_run(by=admin, module="bonanza") == first
    assert start_run(by=admin) != first
    assert work_waiting() == 2
    assert start_run(by=admin, module="bonanza") != first


def test_a_run_that_a_command_has_left_behind_is_worked_and_stands_in_nobodys_way(admin):
    left = make_run(by=None, origin="command", keys=["bonanza"])
    started = start_run(by=admin, module="bonanza")
    assert started != left
    assert work_waiting() == 2
    assert set(Run.objects.values_list("state", flat=True)) == {"finished"}


def test_a_run_is_worked_once(batches, look):
    run = look(codes=COUNTS)
    ended = run.finished_at
    assert work_run(run).finished_at == ended


def test_the_run_of_a_worker_that_is_gone_was_interrupted(db):
    run = RunFactory(state="running", started_at=timezone.now(), finished_at=None)
    assert work_waiting() == 0
    run.refresh_from_db()
    assert (run.state, run.is_healthy) == ("interrupted", False)
    assert "start it again" in run.error


def test_every_check_is_asked_by_a_look_in_every_module_that_it_is_about(db):
    asked = {(code, look.scope) for look in checks.looks() for code in look.codes}
    assert asked == {(check.code, key) for check in checks.checks().values() for key in check.scopes()}


def test_a_check_that_no_look_asks_is_not_healthy(batches, look, monkeypatch):
    without = [each for each in counts.looks() if each.scope != "bonanza"]
    monkeypatch.setattr(counts, "looks", lambda: iter(without))
    run = look(codes=COUNTS)
    assert run.state == "failed"
    assert "batch_count_mismatch (bonanza): It was not asked." in run.error


@pytest.mark.django_db(transaction=True)
def test_with_nothing_in_its_way_it_finds_what_is_planted_in_every_module(batches):
    """Outside a transaction: its own moment, its progress through another connection, its findings in the end."""
    for key in batches:
        miscount(key)
    run = work_run(make_run(by=None, origin="command", codes=COUNTS))
    assert (run.state, run.total, run.progress) == ("finished", 3, 100)
    assert {finding.module for finding in run.findings.all()} == batches.keys()


@pytest.mark.django_db(transaction=True)
def test_all_checks_see_one_moment_while_others_write(admin, staff, batches, monkeypatch):
    """Between two looks somebody else damages what the second looks at: it is not seen, and the next run sees it."""
    other = connection.copy()
    damage = "UPDATE memberwd_batch SET current_count = 49, received_count = 49, initial_count = 49"

    def told(percent: int) -> None:
        if percent and not told.done:
            told.done = True
            with other.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica")
                cursor.execute(damage)

    told.done = False
    monkeypatch.setattr("integrity.runs.ProgressOfRun.__call__", lambda self, percent: told(percent))
    try:
        assert work_run(make_run(by=None, origin="command", codes=COUNTS)).is_healthy
        assert told.done
        assert work_run(make_run(by=None, origin="command", codes=COUNTS)).total == 1
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_being_worked_is_not_taken_for_lost(admin, batches):
    other = connection.copy()
    running = RunFactory(state="running", started_at=timezone.now(), finished_at=None)
    waiting = make_run(by=None, origin="command")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [AT_WORK])
            assert work_waiting() == 0
            assert {Run.objects.get(pk=each.pk).state for each in (running, waiting)} == {"running", "waiting"}
            cursor.execute("SELECT pg_advisory_unlock(%s)", [AT_WORK])
    finally:
        other.close()
    assert work_waiting() == 1
    assert [Run.objects.get(pk=each.pk).state for each in (running, waiting)] == ["interrupted", "finished"]


def test_the_night_asks_about_everything(batches):
    miscount("bonanza")
    run_night()
    [night] = Run.objects.all()
    assert (night.origin, night.by, night.modules, night.codes, night.state) == ("schedule", None, [], [], "finished")
    assert night.findings.filter(module="bonanza", code="batch_count_mismatch").exists()


def test_it_is_scheduled_at_the_time_of_the_setting():
    [night] = [each for each in SCHEDULES if each.task == "integrity.runs.run_night"]
    assert night.at == settings.HEALTH_CHECK_AT
    assert night.next_run(None).astimezone(ZoneInfo(settings.TIME_ZONE)).time() == settings.HEALTH_CHECK_AT


def test_what_was_found_long_ago_goes_but_for_the_newest_of_each_check(batches, look):
    miscount("bonanza")
    long_ago = timezone.now() - KEEP_RUNS - timedelta(days=1)
    first, second = look(codes=COUNTS), look(codes=COUNTS)
    other = look(codes=["key_drift"])
    Run.objects.update(finished_at=long_ago)
    run_night()
    assert set(Run.objects.exclude(origin="schedule")) == {second, other}
    assert not Finding.objects.filter(run=first.pk).exists()
    night = Run.objects.get(origin="schedule")
    assert night.findings.get(code="batch_count_mismatch").since == second.findings.get().since


def test_whatever_one_look_raises_the_others_are_asked(batches, look, monkeypatch):
    miscount("memberwd")
    monkeypatch.setattr("integrity.checks.schedules.rows", lambda: 1 / 0)
    found = look(codes=[*COUNTS, "schedule_missing"])
    assert (found.state, found.total) == ("failed", 1)
    assert "schedule_missing (): division by zero" in found.error
