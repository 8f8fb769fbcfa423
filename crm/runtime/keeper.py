"""The keeper: the parent of the embedded server. `python -m crm.runtime.keeper [--not-durable] DIRECTORY`.

The command returns when the server is ready (0), or with a message if it cannot be (1); the keeper itself goes
on in the background until nobody holds a lease. See postgres.py for who locks what.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from crm.runtime.guard import die_with_parent
from crm.runtime.locks import open_lock, try_lock, wait_lock
from crm.runtime.postgres import MAJOR_VERSION, SOCKET_NAME, WAIT_SECONDS, Cluster, StartError, binaries

POLL_SECONDS = 0.2
LOG_BYTES = 5_000_000
INITDB = [
    *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--data-checksums"),
    *("--locale-provider=builtin", "--locale=C.UTF-8", "--text-search-config=simple", "--no-instructions"),
]
# For a machine that does other things as well: a laptop, a small server.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Nothing of the user's environment (PGPORT, LC_ALL, ...) may change what the server does.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Server:
    """The server's process, and the steps to and from it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, first: bool = False) -> None:
        """Start the server and wait until it is ready. Raises StartError.

        Data are made only by the keeper's first start: one whose files have been removed must end, not begin anew.
        """
        fd = open_lock(self.cluster.lock("server"))
        try:
            if not wait_lock(fd, seconds=WAIT_SECONDS):
                raise StartError("Processes of a server that was killed are still running.")
            if first:
                self._make_socket_directory()
                self._make_data(fd)
            self._check_version()
            self._remove_stale_files()
            self.process = self._run(self._command(), server_lock=fd)
        finally:
            os.close(fd)
        self._wait_until_ready(self.process)

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """Fast shutdown: disconnect everybody, write everything, end. Forcibly if that takes minutes."""
        if self.process is None:
            return
        for signum, seconds in ((signal.SIGINT, 120), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self.process.poll() is None:
                self.process.send_signal(signum)
            try:
                self.process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                print(f"keeper: the server did not end within {seconds} s", flush=True)

    def _make_socket_directory(self) -> None:
        """Where everybody may write, a directory that somebody else has put there must not be used."""
        directory = self.cluster.socket_directory
        if directory == self.cluster.home:
            return
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        if found.st_uid not in (os.geteuid(), self.cluster.home.stat().st_uid) or found.st_mode & 0o077:
            raise StartError(f"{directory} must be a directory of our own that nobody else can enter. Remove it.")

    def remove_socket_directory(self) -> None:
        """After the server has ended; elsewhere than in the cluster's own directory it would be litter."""
        directory = self.cluster.socket_directory
        if directory != self.cluster.home and directory.exists() and not any(directory.iterdir()):
            directory.rmdir()

    def _make_data(self, server_lock: int) -> None:
        """Run initdb beside the final place and move the result there: half a cluster is never taken for one."""
        if self.cluster.data.exists():
            return
        unfinished = self.cluster.home / "data.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        sync = [] if self.cluster.durable else ["--no-sync"]
        command = [str(binaries() / "initdb"), *INITDB, *sync, "-D", str(unfinished)]
        if self._run(command, server_lock=server_lock).wait():
            raise StartError("initdb failed.")
        unfinished.rename(self.cluster.data)

    def _check_version(self) -> None:
        try:
            found = (self.cluster.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError as error:
            raise StartError(f"{self.cluster.data} is not a PostgreSQL cluster. Move it away.") from error
        if found != str(MAJOR_VERSION):
            raise StartError(
                f"{self.cluster.data} was made by PostgreSQL {found}; this is PostgreSQL {MAJOR_VERSION}. Write its "
                "data out with the version before (pg_dump), move the directory away, and read them in again."
            )

    def _remove_stale_files(self) -> None:
        """What a killed server left behind. Its process ids may by now belong to somebody else and look alive.

        Safe because we hold server.lock: no process of this cluster's server exists.
        """
        (self.cluster.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self.cluster.socket_directory / name).unlink(missing_ok=True)

    def _command(self) -> list[str]:
        quoted = str(self.cluster.socket_directory).replace('"', '""')
        settings = SETTINGS | {"unix_socket_directories": f'"{quoted}"'}
        if not self.cluster.durable:
            settings |= NOT_DURABLE
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(binaries() / "postgres"), "-D", str(self.cluster.data), *options]

    def _run(self, command: list[str], *, server_lock: int) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL; it and all its children hold the lock, and end when the keeper does."""
        keeper = os.getpid()
        return subprocess.Popen(
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            pass_fds=[server_lock],
            # SIGINT asks PostgreSQL for a fast and clean shutdown. The keeper has one thread: a safe preexec_fn.
            preexec_fn=lambda: die_with_parent(keeper, signal.SIGINT),
        )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """PostgreSQL writes its state into the last line of postmaster.pid. Recovery may take long: no limit."""
        while not _last_line(self.cluster.data / "postmaster.pid").startswith("ready"):
            if process.poll() is not None:
                raise StartError(f"The server ended with status {process.returncode}.")
            time.sleep(0.01)


def _last_line(path: Path) -> str:
    try:
        return path.read_text().rpartition("\n")[0].rpartition("\n")[2]
    except FileNotFoundError:
        return ""


def keep(server: Server, users: int) -> None:
    """Restart the server whenever it dies, until nobody uses it or SIGTERM arrives; then stop it."""
    stopping = False

    def stop(_signum: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    while not try_lock(users) and not stopping:
        if server.ended():
            print("keeper: the server ended unexpectedly and is started again", flush=True)
            server.start()
        time.sleep(POLL_SECONDS)
    server.stop()


def detach(log: Path) -> None:
    """Leave the terminal; from now on everything printed, here and by the server, goes to the log."""
    os.setsid()
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(cluster: Cluster, report: int, keeper_lock: int) -> None:
    """The background process: start the server, tell the waiting command through `report`, keep."""
    detach(cluster.log)
    users = open_lock(cluster.lock("users"))
    server = Server(cluster)
    try:
        server.start(first=True)
    except (StartError, OSError) as error:
        os.write(report, str(error).encode())
        return
    os.write(report, b"ready")
    os.close(report)
    keep(server, users)
    server.remove_socket_directory()
    # In this order: whoever then gets a lease sees that there is no keeper.
    os.close(keeper_lock)
    os.close(users)


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep an embedded PostgreSQL running while it is used.")
    parser.add_argument("--not-durable", action="store_true")
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    cluster = Cluster(options.directory, durable=not options.not_durable)
    keeper_lock = open_lock(cluster.lock("keeper"))
    # Somebody may be looking whether the lock is free, which holds it for a moment.
    if not wait_lock(keeper_lock, seconds=1):
        return 0
    reading, report = os.pipe()
    if not os.fork():
        run(cluster, report, keeper_lock)
        return 0
    os.close(report)
    with os.fdopen(reading) as reports:
        answer = reports.read()
    if answer == "ready":
        return 0
    print(answer or "Its keeper ended unexpectedly.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
