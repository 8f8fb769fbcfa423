"""The sign of life at /healthz."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection, connections
from django.utils import timezone
from django_q.models import OrmQ

from crm.runtime.task_watch import RETRY
from crm.tasks import end_work, show_work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_cluster():
    cache.clear()
    yield
    cache.clear()


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


def waiting_task(*, seconds, pulled):
    """A task that has waited so long, in the table or, pulled, in a cluster's hands."""
    since = timezone.now() - timedelta(seconds=seconds)
    return OrmQ.objects.create(key="fifty", payload="", lock=since + RETRY if pulled else since)


def test_the_watch_and_the_queue_agree_how_long_a_task_stays_pulled():
    assert settings.Q_CLUSTER["retry"] == RETRY.total_seconds()


def test_a_cluster_that_lives_but_does_not_work_is_stuck(client, running_cluster):
    waiting_task(seconds=130, pulled=False)
    answer = client.get("/healthz?strict")
    assert (answer.status_code, answer.json()["tasks"]) == (503, "stuck")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("pulled", [False, True], ids=["due", "pulled"])
def test_a_task_may_wait_for_a_while(client, running_cluster, pulled):
    waiting_task(seconds=110, pulled=pulled)
    assert client.get("/healthz?strict").status_code == 200


def test_a_cluster_that_works_is_not_stuck_because_a_worker_was_killed(client, running_cluster):
    waiting_task(seconds=500, pulled=True)
    assert client.get("/healthz?strict").status_code == 200


def test_a_task_may_wait_behind_one_that_runs(client, running_cluster):
    waiting_task(seconds=500, pulled=False)
    running = {"ack_id": waiting_task(seconds=500, pulled=True).pk}
    show_work(task=running)
    assert client.get("/healthz?strict").status_code == 200
    end_work(task=running)
    assert client.get("/healthz?strict").status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a_task_that_has_lost_its_connection_still_runs(client, running_cluster):
    waiting_task(seconds=500, pulled=False)
    running = {"ack_id": waiting_task(seconds=500, pulled=True).pk}
    show_work(task=running)
    connection.close()
    OrmQ.objects.count()
    assert client.get("/healthz?strict").status_code == 200
    end_work(task=running)
    connection.close()
    assert client.get("/healthz?strict").status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a_task_with_a_second_connection_asks_nothing_of_the_first():
    """Which may be in the middle of a COPY, and would wait for ever."""
    task = {"ack_id": 1}
    show_work(task=task)
    second = connections.create_connection("default")
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE copied (number int)")
            with cursor.copy("COPY copied FROM STDIN") as copy, second.cursor() as beside:
                beside.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1")
                assert beside.fetchone() == (1,)
                copy.write_row([1])
    finally:
        second.close()
        end_work(task=task)


def test_without_database_nothing_works_and_no_detail_leaks(client, broken_database):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "database": "failed", "tasks": "unknown"}


def test_answer_is_never_cached(client):
    assert "no-store" in client.get("/healthz")["Cache-Control"]
