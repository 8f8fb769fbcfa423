"""The embedded PostgreSQL: it runs while it is used, survives what is done to it, and leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from crm.runtime import ROOT
from crm.runtime.accounts import command_prefix
from crm.runtime.postgres import Cluster, StartError
from tests.runtime.processes import another_user, answers, end, eventually, is_down, keeper, kill, postmaster, query

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another account")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster to copy: initdb takes half of all the time that these tests would take."""
    cluster = Cluster(tmp_path_factory.mktemp("template"), durable=False)
    end(cluster, cluster.ensure())
    return cluster.home


@pytest.fixture
def cluster(template: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that is not running, in a directory with a space in its name."""
    shutil.copytree(template, tmp_path / "the cluster", symlinks=True)
    cluster = Cluster(tmp_path / "the cluster", durable=False)
    yield cluster
    assert eventually(lambda: is_down(cluster))


def test_the_first_use_makes_the_cluster_and_its_database(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "new" / "cluster")
    with pytest.raises(psycopg.OperationalError):
        query(cluster, "SELECT 1")
    lease = cluster.ensure()
    assert query(cluster, "SELECT current_database()") == [("fifty",)]
    assert query(cluster, "SHOW server_encoding") == [("UTF8",)]
    assert query(cluster, "SHOW data_checksums") == [("on",)]
    assert query(cluster, "SHOW fsync") == [("on",)]
    assert query(cluster, "SHOW listen_addresses") == [("",)]
    assert cluster.home.stat().st_mode & 0o777 == 0o700
    end(cluster, lease)


def test_asking_for_the_url_touches_nothing(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "nowhere")
    assert cluster.database_url("other").startswith("postgres://postgres@/other?host=%2F")
    assert not cluster.home.exists()


def test_a_second_user_joins_and_the_last_one_out_stops_the_server(cluster: Cluster) -> None:
    first = cluster.ensure()
    pid = postmaster(cluster)
    second = cluster.ensure()
    assert postmaster(cluster) == pid
    first.release()
    assert not cluster.wait_until_stopped(seconds=1)
    assert answers(cluster)
    end(cluster, second)


def test_many_at_once_share_one_server(cluster: Cluster) -> None:
    with ThreadPoolExecutor(6) as pool:
        leases = list(pool.map(lambda _: cluster.ensure(), range(6)))
    assert query(cluster, "SELECT count(*) FROM pg_database WHERE datname = 'fifty'") == [(1,)]
    end(cluster, *leases)


def test_a_killed_user_leaves_no_server(cluster: Cluster) -> None:
    with another_user(cluster) as user:
        assert answers(cluster)
        kill(user.pid)
        assert eventually(lambda: is_down(cluster))


def test_a_program_started_by_a_user_does_not_prolong_the_lease(cluster: Cluster) -> None:
    lease = cluster.ensure()
    with subprocess.Popen(["sleep", "60"]) as other:
        end(cluster, lease)
        other.kill()


def test_a_killed_server_comes_back_with_everything_committed(cluster: Cluster) -> None:
    cluster = Cluster(cluster.home, durable=True)
    lease = cluster.ensure()
    query(cluster, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    kill(postmaster(cluster))
    assert eventually(lambda: answers(cluster))
    assert query(cluster, "SELECT count(*) FROM kept") == [(1000,)]
    end(cluster, lease)


def test_a_killed_keeper_takes_the_server_along_and_the_next_user_starts_both(cluster: Cluster) -> None:
    lease = cluster.ensure()
    query(cluster, "CREATE TABLE kept AS SELECT 1 AS n")
    kill(keeper(cluster))
    assert eventually(lambda: is_down(cluster))
    assert cluster.ensure_keeper()
    assert not cluster.ensure_keeper()
    assert query(cluster, "SELECT n FROM kept") == [(1,)]
    end(cluster, lease)


def test_process_ids_in_files_of_a_killed_server_are_not_believed(cluster: Cluster) -> None:
    lease = cluster.ensure()
    old, old_keeper = postmaster(cluster), keeper(cluster)
    contents = (cluster.data / "postmaster.pid").read_text()
    socket_lock = cluster.socket_directory / ".s.PGSQL.5432.lock"
    socket_contents = socket_lock.read_text()
    kill(old_keeper)
    kill(old)
    assert eventually(lambda: is_down(cluster))
    alive = str(os.getpid())  # as after a restart of the machine: the number belongs to somebody else now
    (cluster.data / "postmaster.pid").write_text(contents.replace(str(old), alive, 1))
    socket_lock.write_text(socket_contents.replace(str(old), alive, 1))
    assert cluster.ensure_keeper()
    assert answers(cluster)
    end(cluster, lease)


@pytest.mark.parametrize("name", ["l" * 120, 'com,ma "quote" and ü'])
def test_any_path_will_do(template: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(template, tmp_path / name)
    cluster = Cluster(tmp_path / name, durable=False)
    lease = cluster.ensure()
    assert answers(cluster)
    assert cluster.socket_directory != cluster.home
    assert cluster.socket_directory.stat().st_mode & 0o777 == 0o700
    end(cluster, lease)
    assert not cluster.socket_directory.exists()


def test_a_socket_directory_that_others_can_enter_is_refused(template: Path, tmp_path: Path) -> None:
    shutil.copytree(template, tmp_path / ("l" * 120))
    cluster = Cluster(tmp_path / ("l" * 120), durable=False)
    cluster.socket_directory.mkdir()
    cluster.socket_directory.chmod(0o777)
    with pytest.raises(StartError, match="nobody else can enter"):
        cluster.ensure()
    cluster.socket_directory.rmdir()
    assert eventually(lambda: is_down(cluster))


def test_two_clusters_are_independent(cluster: Cluster, template: Path, tmp_path: Path) -> None:
    shutil.copytree(template, tmp_path / "neighbour")
    neighbour = Cluster(tmp_path / "neighbour", durable=False)
    ours, theirs = cluster.ensure(), neighbour.ensure()
    query(cluster, "CREATE TABLE ours ()")
    assert query(neighbour, "SELECT to_regclass('ours')") == [(None,)]
    end(cluster, ours)
    assert answers(neighbour)
    end(neighbour, theirs)


def test_an_interrupted_initdb_is_begun_anew(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", durable=False)
    with subprocess.Popen([sys.executable, "-m", "crm.runtime.keeper", "--not-durable", str(cluster.home)]) as early:
        assert early.wait() == 1, "the directory is not there yet, which the keeper does not make"
    cluster.home.mkdir(mode=0o700)
    prefix = command_prefix(cluster.home, Path(sys.executable))
    command = [*prefix, sys.executable, "-m", "crm.runtime.keeper", "--not-durable", str(cluster.home)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as waiting:
        assert eventually((cluster.home / "data.unfinished" / "base").exists)
        background = Path(f"/proc/{waiting.pid}/task/{waiting.pid}/children").read_text().split()
        for pid in background:
            kill(int(pid))
        assert waiting.wait() == 1
    assert not cluster.data.exists()
    lease = cluster.ensure()
    assert answers(cluster)
    assert not (cluster.home / "data.unfinished").exists()
    end(cluster, lease)


def test_data_of_another_version_are_left_alone(cluster: Cluster) -> None:
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartError, match="made by PostgreSQL 15; this is PostgreSQL 18"):
        cluster.ensure()
    assert is_down(cluster)


def test_a_server_that_cannot_start_says_why(cluster: Cluster) -> None:
    with (cluster.data / "postgresql.conf").open("a") as configuration:
        configuration.write("max_connections = nonsense\n")
        configuration.write("shared_buffer = 1\n")
    with pytest.raises(StartError, match="unrecognized configuration parameter"):
        cluster.ensure()
    assert is_down(cluster)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot use .*file"):
        Cluster(tmp_path / "file" / "cluster").ensure()


@pytest.fixture
def everybodys_directory() -> Iterator[Path]:
    """A directory that any account can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
def test_root_can_have_it_run_as_nobody_where_nobody_may_not_go(tmp_path: Path) -> None:
    """Where there are no user namespaces, as in many containers."""
    tmp_path.chmod(0o700)
    cluster = Cluster(tmp_path / "cluster", durable=False, account="nobody")
    lease = cluster.ensure()
    query(cluster, "CREATE TABLE kept AS SELECT 1 AS n")
    owner = cluster.data.stat().st_uid
    assert owner != 0
    assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == owner
    kill(keeper(cluster))
    assert eventually(lambda: is_down(cluster)), "the server ends with its keeper here too"
    lease.release()
    # Whose files they are decides from now on.
    cluster = Cluster(tmp_path / "cluster", durable=False)
    lease = cluster.ensure()
    assert query(cluster, "SELECT n FROM kept") == [(1,)]
    assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == owner
    end(cluster, lease)


def as_user(user: int) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", "/usr/bin/env")


def python_for(user: int, directory: Path) -> str:
    """A Python that the account may run, with our packages; ours may lie in root's home directory."""
    for base in (sys.executable, "/usr/bin/python3"):
        python = directory / "venv" / "bin" / "python"
        subprocess.run([base, "-m", "venv", "--clear", "--without-pip", directory / "venv"], check=True)
        for packages in (directory / "venv").glob("lib/python*/site-packages"):
            (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
        if not subprocess.run([*as_user(user), python, "-c", "import psycopg"], check=False).returncode:
            return str(python)
    pytest.skip(f"account {user} can run neither {sys.executable} nor a like Python of the system")


@needs_root
@pytest.mark.parametrize("user", [65534, 54321], ids=["named", "without a name"])
def test_an_ordinary_user_runs_it_as_themselves(everybodys_directory: Path, user: int) -> None:
    (everybodys_directory / "cluster").mkdir()
    python = python_for(user, everybodys_directory)
    os.chown(everybodys_directory / "cluster", user, user)
    cluster = Cluster(everybodys_directory / "cluster", durable=False)
    with another_user(cluster, prefix=as_user(user), python=python):
        assert answers(cluster)
        assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == user
        lease = cluster.ensure()  # root joins
        kill(keeper(cluster))
        assert eventually(lambda: is_down(cluster))
        cluster.ensure_keeper()  # root starts it, for them
        assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == user
    end(cluster, lease)


@needs_root
def test_somebody_elses_cluster_is_refused(everybodys_directory: Path) -> None:
    (everybodys_directory / "cluster").mkdir(mode=0o700)
    python = python_for(65534, everybodys_directory)
    code = f"""
from pathlib import Path
from crm.runtime.postgres import Cluster
Cluster(Path({str(everybodys_directory / "cluster")!r})).ensure()
"""
    result = subprocess.run(
        [*as_user(65534), python, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Run as the account that owns it" in result.stderr
