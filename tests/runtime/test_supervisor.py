"""`make run`: everything starts together, comes back when a part of it is killed, and ends without a trace.

A small project of its own stands in for the app, so that these tests stay quick and need no other database.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm.runtime import ROOT
from crm.runtime.postgres import Cluster
from crm.runtime.supervisor import is_loopback
from tests.runtime.processes import eventually, is_down, keeper, kill, postmaster, query
from tests.runtime.run import Run

TASK_PROCESSES = 6
"""The guard and, of django-q: cluster, sentinel, the one worker, pusher and monitor."""


@pytest.fixture
def run(project: Path) -> Iterator[Run]:
    run = Run(project)
    try:
        run.wait_until_running()
        assert eventually(lambda: tasks_are_up(run), 30), "the tasks may start after the first page can be had"
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        assert eventually(run.nothing_is_left, 30)


def tasks_are_up(run: Run) -> bool:
    return len(run.processes("qcluster")) == TASK_PROCESSES


def test_it_shows_the_address_and_the_sign_ins_and_ends_on_sigterm(run: Run) -> None:
    output = run.output.read_text()
    assert f"http://127.0.0.1:{run.port}\nSign in as olivia\n" in output
    assert "Seeded" in output
    assert run.answers()
    run.process.terminate()
    assert run.process.wait(30) == 0
    assert run.nothing_is_left(), "at the very moment when the supervisor ends"


def test_ctrl_c_during_the_start_ends_it_too(project: Path) -> None:
    run = Run(project)
    assert eventually(run.cluster.keeper_runs)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 0
    assert run.nothing_is_left()


def test_a_killed_supervisor_leaves_nothing(run: Run) -> None:
    assert len(run.processes("gunicorn")) >= 3
    run.process.kill()
    assert eventually(run.nothing_is_left, 30)


def test_whatever_is_killed_comes_back(run: Run) -> None:
    query(run.cluster, "CREATE TABLE kept AS SELECT 1 AS n")
    old_tasks = run.processes("qcluster")
    for pid in run.processes("guard.py"):
        kill(pid)
    kill(keeper(run.cluster))
    assert eventually(lambda: not set(old_tasks) & set(run.processes())), "the workers of a killed guard end"
    assert eventually(lambda: run.answers() and tasks_are_up(run), 20)
    output = run.output.read_text()
    assert "The web server is started again" in output
    assert "The task cluster is started again" in output
    assert "database and keeper are started again" in output

    web_master, task_master = run.processes("-m gunicorn")[1], run.processes("qcluster")[1]
    kill(web_master)
    kill(task_master)
    kill(postmaster(run.cluster))
    assert eventually(lambda: run.output.read_text().count("is started again") == 4, 20)
    assert eventually(lambda: run.answers() and tasks_are_up(run), 20)
    assert query(run.cluster, "SELECT n FROM kept") == [(1,)]


def test_a_part_that_ignores_sigterm_is_killed_in_the_end(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    guard = [sys.executable, str(ROOT / "crm/runtime/guard.py"), "0.5", str(os.getpid()), "sh", "-c", stubborn]
    with subprocess.Popen(guard, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGKILL


def test_the_guard_passes_on_how_the_command_ended() -> None:
    guard = [sys.executable, str(ROOT / "crm/runtime/guard.py"), "1", str(os.getpid())]
    assert subprocess.run([*guard, "sh", "-c", "exit 7"], start_new_session=True, check=False).returncode == 7
    assert subprocess.run([*guard, "no-such-command"], start_new_session=True, check=False).returncode == 127


@pytest.mark.parametrize("port", ["eighty", "0", "70000"])
def test_a_port_that_is_none_is_refused_before_anything_starts(project: Path, port: str) -> None:
    run = Run(project, settings={"PORT": port})
    assert run.process.wait(10) == 1
    assert "PORT is" in run.output.read_text()
    assert not run.cluster.home.exists()


def test_a_port_in_use_is_refused_before_anything_starts(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        run = Run(project, port=other.getsockname()[1])
        assert run.process.wait(10) == 1
    assert re.search(r"Cannot listen on 127.0.0.1 port \d+: Address already in use", run.output.read_text())
    assert not run.cluster.home.exists()


def test_a_preparation_that_fails_ends_it(project: Path) -> None:
    (project / "crm/settings.py").write_text("raise SystemExit('SOMETHING is not set')\n")
    run = Run(project)
    assert run.process.wait(30) == 1
    assert "SOMETHING is not set" in run.output.read_text()
    assert run.nothing_is_left()


EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.mark.proof
def test_what_nobody_configured_says_that_it_is_a_demo(run: Run) -> None:
    assert "Fifty runs in demo mode at http" in run.output.read_text()


@pytest.mark.proof
def test_what_is_configured_does_not(project: Path) -> None:
    run = Run(project, settings={"SECRET_KEY": "s" * 50, "HOST": EVERYWHERE})
    run.wait_until_running()
    assert "Fifty runs at http" in run.output.read_text()
    run.process.terminate()
    assert run.process.wait(30) == 0
    assert run.nothing_is_left()


@pytest.mark.parametrize("host", [EVERYWHERE, "::"])
def test_a_demo_that_nobody_asked_for_is_not_shown_to_others(project: Path, host: str) -> None:
    run = Run(project, settings={"HOST": host})
    assert run.process.wait(10) == 1
    output = run.output.read_text()
    assert f"HOST is {host}" in output
    assert "Set SECRET_KEY and ALLOWED_HOSTS" in output
    assert "DEMO=1" in output
    assert not run.cluster.home.exists()


@pytest.mark.proof
def test_a_demo_that_somebody_insists_on_is_shown_to_others(project: Path) -> None:
    run = Run(project, settings={"HOST": EVERYWHERE, "DEMO": "1"})
    run.wait_until_running()
    run.process.terminate()
    assert run.process.wait(30) == 0
    assert run.nothing_is_left()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True), ("10.0.0.5", False), ("::", False)],
)
def test_what_only_this_machine_can_reach(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_managing_needs_no_running_server(project: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "FIFTY_PG_DURABLE": "0"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    started = time.monotonic()
    subprocess.run(command, cwd=project, env=environment, check=True)
    assert time.monotonic() - started < 30
    assert eventually(lambda: is_down(Cluster(project / ".local/pg")))
