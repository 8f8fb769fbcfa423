"""Processes to use, kill and look for in the tests of crm.runtime."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from crm.runtime import ROOT
from crm.runtime.locks import held
from crm.runtime.postgres import Cluster, Lease

USE_THE_CLUSTER = """
import sys
from pathlib import Path
from crm.runtime.postgres import Cluster
lease = Cluster(Path(sys.argv[1]), durable=False).ensure()
print("using", flush=True)
sys.stdin.read()
"""


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_down(cluster: Cluster) -> bool:
    """Neither a keeper nor any process of the server is left."""
    return not cluster.keeper_runs() and not held(cluster.lock("server"))


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


def keeper(cluster: Cluster) -> int:
    """The keeper's process id: the parent of the server."""
    return int(Path(f"/proc/{postmaster(cluster)}/stat").read_text().rpartition(")")[2].split()[1])


def query(cluster: Cluster, statement: str) -> list[tuple]:
    with psycopg.connect(cluster.database_url(), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def answers(cluster: Cluster) -> bool:
    try:
        return query(cluster, "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def end(cluster: Cluster, *leases: Lease) -> None:
    for lease in leases:
        lease.release()
    assert cluster.wait_until_stopped()
    assert eventually(lambda: is_down(cluster))


@contextmanager
def another_user(
    cluster: Cluster, *, prefix: tuple[str, ...] = (), python: str = sys.executable
) -> Iterator[subprocess.Popen]:
    """Another process that holds a lease until its input is closed, or it is killed."""
    with subprocess.Popen(
        [*prefix, python, "-c", USE_THE_CLUSTER, str(cluster.home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"using\n"
            yield process
        finally:
            process.kill()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
