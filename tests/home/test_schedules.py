"""What runs by the clock and failed is said."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule, Task

from crm.accounts.models import Mail
from crm.schedules import failures

pytestmark = pytest.mark.django_db


def ended(task: str, *, success: bool, result: str = "", minutes_ago: int = 5) -> None:
    stopped = timezone.now() - timedelta(minutes=minutes_ago)
    name = f"{task}{minutes_ago}"
    Task.objects.create(
        id=name[-32:], name=name[-100:], func=task, started=stopped, stopped=stopped, success=success, result=result
    )


NIGHT = "crm.home.housekeeping.clean_up"
ERROR = "others are at work : Traceback (most recent call last):\n  File x\nOperationalError: canceling statement"


def test_what_failed_when_it_ran_last_is_said_to_admins(client, sign_in, admin):
    ended(NIGHT, success=True, minutes_ago=2000)
    ended(NIGHT, success=False, result=ERROR)
    ended("integrity.runs.work_waiting", success=False, result=ERROR, minutes_ago=2)
    ended("integrity.runs.work_waiting", success=True, minutes_ago=3)
    ended("somebody.elses", success=False)
    assert [each.name for each in failures()] == ["clean up"]
    sign_in(admin)
    page = client.get(reverse("overview")).content.decode()
    assert "Clean up" in page
    assert "OperationalError: canceling statement" in page
    assert "Traceback" not in page
    ended(NIGHT, success=True, minutes_ago=1)
    assert not failures()
    assert "has failed" not in client.get(reverse("overview")).content.decode()


def test_a_scheduled_task_that_failed_makes_the_sign_of_life_strict(client, running_cluster):
    assert client.get("/healthz?strict").status_code == 200
    ended(NIGHT, success=False, result=ERROR)
    assert client.get("/healthz?strict").status_code == 503
    assert client.get("/healthz").json() == {"status": "degraded", "database": "ok", "tasks": "failing"}
    ended(NIGHT, success=True, minutes_ago=1)
    assert client.get("/healthz?strict").status_code == 200


def test_mail_that_is_refused_makes_the_sign_of_life_strict(client, running_cluster, staff):
    waiting = Mail.objects.create(person=staff, site="https://fifty.example/")
    assert client.get("/healthz?strict").status_code == 200, "it is on its way"
    waits = Mail.objects.filter(pk=waiting.pk)
    waits.update(tries=1, error="450 Later")
    assert client.get("/healthz?strict").status_code == 200, "that happens"
    waits.update(asked_at=timezone.now() - timedelta(minutes=61))
    assert client.get("/healthz?strict").status_code == 503
    waits.update(asked_at=timezone.now(), next_try_at=None)
    assert client.get("/healthz?strict").status_code == 503, "nobody tries any more"


def test_what_runs_all_the_time_fails_when_none_of_its_runs_succeeds():
    ended("integrity.runs.work_waiting", success=True, minutes_ago=9)
    ended("integrity.runs.work_waiting", success=False, result=ERROR, minutes_ago=2)
    assert [each.name for each in failures()] == ["work health checks that wait"]


def test_a_task_that_its_workers_die_of_is_said(client, running_cluster):
    """It is offered again and again, and leaves no result."""
    began = timezone.now() - timedelta(hours=3)
    of_the_night = Schedule.objects.filter(func=NIGHT)
    of_the_night.update(next_run=began + timedelta(days=1), task="begun")
    ended(NIGHT, success=True, minutes_ago=1600)
    assert not failures(), "the cluster has been off since"
    ended("somebody.elses", success=True, minutes_ago=30)
    assert not failures(), "it may run"
    ended("somebody.elses", success=True, minutes_ago=90)
    assert [(each.name, each.at) for each in failures()] == [("clean up", began)]
    assert client.get("/healthz?strict").status_code == 503
    of_the_night.update(task=None)
    assert not failures(), "it is new, and has never been due"
    of_the_night.update(task="begun")
    ended(NIGHT, success=True, minutes_ago=1)
    assert not failures()


def test_what_runs_all_the_time_and_does_not_end_any_more_is_said():
    Schedule.objects.filter(func="integrity.runs.work_waiting").update(task="begun")
    ended("somebody.elses", success=True, minutes_ago=90)
    assert not failures()
    ended("integrity.runs.work_waiting", success=True, minutes_ago=100)
    assert [each.name for each in failures()] == ["work health checks that wait"]
    ended("integrity.runs.work_waiting", success=True, minutes_ago=80)
    assert not failures()
