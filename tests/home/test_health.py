"""The sign of life at /healthz."""

import os
from queue import Queue
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.status import Stat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_cluster():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def running_cluster():
    """The sign of life that a task cluster writes every half second."""
    cluster = SimpleNamespace(
        pid=os.getpid(),
        parent_pid=os.getpid(),
        cluster_id="test",
        broker=get_broker(),
        tob=timezone.now(),
        reincarnations=0,
        status=lambda: "Idle",
        monitor=None,
        pusher=None,
        pool=[],
        task_queue=Queue(),
        result_queue=Queue(),
    )
    Stat(cluster).save()


@pytest.fixture
def broken_database():
    def refuse(*args):
        raise OperationalError("connection to 10.0.0.5 refused: password of crm_user is wrong")

    with connection.execute_wrapper(refuse):
        yield


def test_everything_runs(client, running_cluster):
    answer = client.get("/healthz?strict")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "tasks": "ok"})


def test_without_tasks_the_pages_still_work(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "database": "ok", "tasks": "not running"}


def test_strict_counts_missing_tasks_as_failure(client):
    assert client.get("/healthz?strict").status_code == 503


def test_without_database_nothing_works_and_no_detail_leaks(client, broken_database):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "database": "failed", "tasks": "unknown"}


def test_answer_is_never_cached(client):
    assert "no-store" in client.get("/healthz")["Cache-Control"]
