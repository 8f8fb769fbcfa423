"""`make run`: everything starts together, comes back when a part of it is killed, and ends without a trace.

A small project of its own stands in for the app, so that these tests stay quick and need no other database.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from crm.runtime import ROOT
from crm.runtime.postgres import Cluster
from crm.runtime.task_watch import tasks_are_stuck
from tests.runtime.helpers import eventually, is_down, keeper, kill, postmaster, query


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Run:
    """A supervisor that was started in `project`, and what can be asked of it."""

    project: Path
    port: int = field(default_factory=free_port)
    mark: str = field(default_factory=lambda: f"RUN_MARK={uuid.uuid4()}")
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cluster = Cluster(self.project / ".local/pg")
        name, value = self.mark.split("=")
        self.output = self.project / "output.txt"
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), "FIFTY_PG_DURABLE": "0", name: value}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "crm.runtime.supervisor"],
                cwd=self.project,
                env=environment | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_running(self) -> None:
        assert eventually(lambda: "Ctrl-C stops it" in self.output.read_text(), 30), self.output.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as page:
                return page.read() == b"well"
        except OSError:
            return False

    def processes(self, words: str = "") -> list[int]:
        """The processes of this run, apart from those of the database, whose command holds `words`; oldest first."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                ours = self.mark.encode() in (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if ours and words in command:
                found.append(int(entry.name))
        return sorted(found)

    def nothing_is_left(self) -> bool:
        return not self.processes() and is_down(self.cluster)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The stub project, in a directory with a space in its name."""
    project = tmp_path / "a project"
    shutil.copytree(Path(__file__).with_name("stub"), project / "crm")
    shutil.copytree(ROOT / "crm/runtime", project / "crm/runtime")
    shutil.copy(ROOT / "crm/wsgi.py", project / "crm")
    shutil.copy(ROOT / "manage.py", project)
    return project


@pytest.fixture
def run(project: Path) -> Iterator[Run]:
    run = Run(project)
    try:
        run.wait_until_running()
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        assert eventually(run.nothing_is_left, 30)


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
    assert len(run.processes("qcluster")) >= 3
    run.process.kill()
    assert eventually(run.nothing_is_left, 30)


def test_whatever_is_killed_comes_back(run: Run) -> None:
    query(run.cluster, "CREATE TABLE kept AS SELECT 1 AS n")
    old_tasks = run.processes("qcluster")
    for pid in run.processes("guard.py"):
        kill(pid)
    kill(keeper(run.cluster))
    assert eventually(lambda: not set(old_tasks) & set(run.processes())), "the workers of a killed guard end"
    assert eventually(lambda: run.answers() and len(run.processes("qcluster")) >= len(old_tasks), 20)
    output = run.output.read_text()
    assert "The web server is started again" in output
    assert "The task cluster is started again" in output
    assert "database and keeper are started again" in output

    web_master, task_master = run.processes("-m gunicorn")[1], run.processes("qcluster")[1]
    kill(web_master)
    kill(task_master)
    kill(postmaster(run.cluster))
    assert eventually(lambda: run.output.read_text().count("is started again") == 4, 20)
    assert eventually(lambda: run.answers() and len(run.processes("qcluster")) == len(old_tasks), 20)
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


def test_a_task_cluster_that_takes_no_tasks_counts_as_stuck(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "pg", durable=False)
    lease = cluster.ensure()
    query(cluster, "CREATE TABLE django_q_ormq (id serial, key text, payload text, lock timestamptz)")

    def stuck_with(*seconds_from_now: int) -> bool:
        with psycopg.connect(cluster.database_url()) as connection:
            connection.execute("DELETE FROM django_q_ormq")
            for seconds in seconds_from_now:
                connection.execute(
                    "INSERT INTO django_q_ormq (lock) VALUES (now() + make_interval(secs => %s))", [seconds]
                )
        return tasks_are_stuck(cluster.database_url())

    assert not stuck_with()
    assert not stuck_with(-60), "not yet"
    assert stuck_with(-180)
    assert not stuck_with(-180, +1800), "it waits behind one that is taken"
    lease.release()
    assert cluster.wait_until_stopped()


def test_managing_needs_no_running_server(project: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "FIFTY_PG_DURABLE": "0"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    started = time.monotonic()
    subprocess.run(command, cwd=project, env=environment, check=True)
    assert time.monotonic() - started < 30
    assert eventually(lambda: is_down(Cluster(project / ".local/pg")))
