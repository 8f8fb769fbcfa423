"""`python -m crm.runtime.tasks`: what is killed comes back, and tasks are done whatever was killed before them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from crm.runtime.postgres import Cluster
from crm.runtime.task_watch import RETRY, WORK, give_back_lost_tasks, give_back_tasks, tasks_are_stuck
from tests.runtime.processes import eventually, kill, query
from tests.runtime.run import Run

PATIENCE = 4
STUCK = "The task cluster takes no tasks and is restarted"


def manage(project: Path, *arguments: str) -> None:
    environment = {"PATH": os.environ["PATH"], "FIFTY_PG_DURABLE": "0"}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=project, env=environment, check=True)


@pytest.fixture
def tasks(project: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    """A watched task cluster with two workers, or as many as the test says, and without anything to do."""
    manage(project, "migrate", "--verbosity", "0")
    workers = getattr(request, "param", 2)
    run = Run(
        project,
        settings={"DEMO": "1", "STUB_WORKERS": str(workers)},
        program=("crm.runtime.tasks", "--patience", str(PATIENCE)),
    )
    try:
        assert eventually(lambda: len(ready_workers(run)) == workers, 30), run.output.read_text()
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        assert eventually(run.nothing_is_left, 30)


def ready_workers(run: Run) -> list[int]:
    """The workers that have ever been ready, in that order."""
    return [int(pid) for pid in re.findall(r"ready for work at (\d+)", run.output.read_text())]


def is_idle(pid: int) -> bool:
    """Whether the worker sleeps and goes on sleeping: it waits for a task, with the queue's lock in its hands."""
    stat = Path(f"/proc/{pid}/stat")
    before = stat.read_text().rpartition(")")[2].split()
    time.sleep(0.3)
    after = stat.read_text().rpartition(")")[2].split()
    return before[0] == after[0] == "S" and before[11:13] == after[11:13]


def done(run: Run) -> int:
    return query(run.cluster, "SELECT count(*) FROM django_q_task WHERE success")[0][0]


@pytest.mark.proof
@pytest.mark.parametrize("tasks", [1, 2], indirect=True, ids=["one worker", "two workers"])
def test_a_task_is_done_in_time_though_idle_workers_were_killed(tasks: Run) -> None:
    """An idle worker waits with the queue's lock in its hands; killed, it never gives it back."""
    for pid in ready_workers(tasks):
        known = len(ready_workers(tasks))
        assert eventually(lambda pid=pid: is_idle(pid), 30), "it never came to wait for a task"
        kill(pid)
        assert eventually(lambda known=known: len(ready_workers(tasks)) > known), "django-q replaces it"
    # More than the hung cluster can pull: some stay in the table.
    manage(tasks.project, "enqueue", *["0"] * 6)
    assert eventually(lambda: done(tasks) == 6, 60), tasks.output.read_text()
    assert STUCK in tasks.output.read_text(), "it did hang"
    assert eventually(lambda: query(tasks.cluster, "SELECT count(*) FROM django_q_ormq") == [(0,)])


@pytest.mark.proof
def test_a_task_whose_worker_is_killed_is_run_again(tasks: Run) -> None:
    manage(tasks.project, "enqueue", "3")
    assert eventually(lambda: "processing" in tasks.output.read_text())
    for pid in ready_workers(tasks):
        kill(pid)
    assert eventually(lambda: done(tasks) == 1, 60), tasks.output.read_text()


@pytest.mark.proof
@pytest.mark.parametrize("tasks", [1], indirect=True)
def test_a_busy_cluster_is_left_alone_however_long_tasks_wait(tasks: Run) -> None:
    manage(tasks.project, "enqueue", *[str(PATIENCE * 1.5)] * 3)
    assert eventually(lambda: done(tasks) == 3, 60), tasks.output.read_text()
    assert STUCK not in tasks.output.read_text()


def test_a_killed_cluster_comes_back(tasks: Run) -> None:
    kill(tasks.processes("qcluster")[1])
    assert eventually(lambda: "The task cluster is started again" in tasks.output.read_text(), 20)
    manage(tasks.project, "enqueue", "0")
    assert eventually(lambda: done(tasks) == 1, 20)


def test_sigterm_ends_all_of_it_after_the_running_task(tasks: Run) -> None:
    manage(tasks.project, "enqueue", "3")
    assert eventually(lambda: "processing" in tasks.output.read_text())
    tasks.process.terminate()
    assert tasks.process.wait(30) == 0
    assert not tasks.processes()
    lease = tasks.cluster.ensure()
    assert done(tasks) == 1
    lease.release()


def test_without_the_secret_of_the_web_machines_it_does_not_start(project: Path) -> None:
    run = Run(project, program=("crm.runtime.tasks",))
    assert run.process.wait(10) == 1
    assert "set SECRET_KEY" in run.output.read_text()
    assert not run.cluster.home.exists()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Cluster]:
    """A database with the queue's tables alone."""
    cluster = Cluster(tmp_path / "pg", durable=False)
    lease = cluster.ensure()
    query(cluster, "CREATE TABLE django_q_ormq (id serial, lock timestamptz)")
    query(cluster, "CREATE TABLE django_q_schedule (repeats int, next_run timestamptz)")
    query(cluster, "CREATE TABLE django_q_task (stopped timestamptz)")
    yield cluster
    lease.release()
    assert cluster.wait_until_stopped()


def test_who_counts_as_stuck_and_what_is_given_back(queue: Cluster) -> None:
    url = queue.database_url()

    def stuck_with(
        *, due: int | None = None, pulled: int | None = None, schedule: int | None = None, ended: int | None = None
    ) -> bool:
        """Each so many seconds ago."""
        with psycopg.connect(url) as connection:
            connection.execute("TRUNCATE django_q_ormq, django_q_schedule, django_q_task")
            ago = "now() - make_interval(secs => %s)"
            if due is not None:
                connection.execute(f"INSERT INTO django_q_ormq (lock) VALUES ({ago})", [due])
            if pulled is not None:
                connection.execute(f"INSERT INTO django_q_ormq (lock) VALUES ({ago} + %s)", [pulled, RETRY])
            if schedule is not None:
                connection.execute(f"INSERT INTO django_q_schedule VALUES (-1, {ago})", [schedule])
            if ended is not None:
                connection.execute(f"INSERT INTO django_q_task VALUES ({ago})", [ended])
        return tasks_are_stuck(url)

    assert not stuck_with()
    assert not stuck_with(due=110, pulled=110, schedule=110), "not yet"
    assert stuck_with(due=130)
    assert stuck_with(due=130, pulled=1), "pulled is not yet worked on"
    assert not stuck_with(due=130, ended=1), "it waited behind one that has just ended"
    assert not stuck_with(pulled=130), "its worker was killed; the cluster works"
    assert give_back_lost_tasks(url) == 1
    assert give_back_lost_tasks(url) == 0
    assert not stuck_with(pulled=130, ended=100)
    assert give_back_lost_tasks(url) == 0, "it may wait behind another"
    assert not stuck_with(pulled=250, ended=100)
    assert give_back_lost_tasks(url) == 1, "others have passed it"
    assert stuck_with(schedule=130), "its guard hangs"
    assert not stuck_with(due=5)
    assert tasks_are_stuck(url, timedelta(seconds=4)), "patience is a parameter"

    with psycopg.connect(url, autocommit=True) as worker:
        worker.execute("SELECT pg_advisory_lock_shared(%s, 1)", [WORK + 1])
        assert stuck_with(due=130, pulled=130), "another's lock is no work"
        [(running,)] = query(queue, "SELECT id FROM django_q_ormq WHERE lock > now()")
        worker.execute("SELECT pg_advisory_lock_shared(%s, %s::int)", [WORK, running])
        assert not tasks_are_stuck(url), "it waits behind one that runs"
        query(queue, "INSERT INTO django_q_ormq (lock) VALUES (now() + interval '1 hour')")
        assert give_back_tasks(url) == 1
        assert query(queue, "SELECT id FROM django_q_ormq WHERE lock > now()") == [(running,)]
    assert eventually(lambda: tasks_are_stuck(url)), "the lock ended with its holder"
