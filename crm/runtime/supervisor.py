"""`make run`: the database, the web server and the task cluster together, until Ctrl-C or SIGTERM.

A part that dies is started again. Whatever ends the supervisor, kill -9 included, nothing of it is left: web and
tasks run under guards (guard.py), and the database has a keeper that stops it when nobody uses it (postgres.py).
"""

import argparse
import http.client
import os
import signal
import socket
import sys
import time
from types import FrameType

import psycopg

from crm.runtime import ROOT, database_url, embedded_cluster, ensure_database, env, use_demo_defaults
from crm.runtime.children import Child
from crm.runtime.guard import die_with_parent
from crm.runtime.postgres import Lease, StartError
from crm.runtime.task_watch import PATIENCE, tasks_are_stuck

WATCH_SECONDS = 0.5
TASK_WATCH_SECONDS = 10.0
READY_SECONDS = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(BaseException):
    """Somebody asked us to stop."""


def say(text: str) -> None:
    print(f"fifty: {text}", flush=True)


def address() -> tuple[str, int]:
    """Where to listen: HOST and PORT. Raises StartError if that cannot be."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise StartError(f"PORT is {port!r}; it must be a number from 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, int(port)))
        except OSError as error:
            raise StartError(
                f"Cannot listen on {host} port {port}: {error.strerror}. Choose another: make run PORT=8001"
            ) from error
    return host, int(port)


class Supervisor:
    """The parts, from the first to be started to the last to be stopped."""

    def __init__(self, host: str, port: int) -> None:
        self.port = port
        self.lease: Lease | None = None
        self.checked_tasks = 0.0
        self.prepare = self._child("The preparation", 5, "crm.runtime.prepare")
        netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.reachable_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        gunicorn = ["gunicorn", "crm.wsgi:application", "--bind", netloc, "--worker-class", "gthread"]
        gunicorn += ["--workers", "2", "--threads", "4", "--graceful-timeout", "8", "--log-level", "warning"]
        self.web = self._child("The web server", 10, *gunicorn, "--no-control-socket")
        self.tasks = self._child("The task cluster", 20, str(ROOT / "manage.py"), "qcluster")
        self.url = f"http://{netloc.replace(host, self.reachable_host)}"

    def _child(self, name: str, seconds_to_end: float, program: str, *arguments: str) -> Child:
        module = [] if program.endswith(".py") else ["-m"]
        return Child(name, [sys.executable, *module, program, *arguments], seconds_to_end, ROOT)

    def start(self) -> None:
        """Start everything and wait until the first page can be had. Raises StartError."""
        self.lease = ensure_database()
        self.prepare.start(capture=True)
        status, sign_ins = self.prepare.finish()
        if status:
            raise StartError("The database could not be prepared; the reason is above.")
        self.web.start()
        self.tasks.start()
        self._wait_until_ready()
        print(f"\nFifty runs at {self.url}\n{sign_ins.rstrip()}\nCtrl-C stops it.\n", flush=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if not self.web.running():
                raise StartError("The web server did not start; the reason is above.")
            if time.monotonic() > deadline:
                raise StartError(f"The web server did not answer within {READY_SECONDS:.0f} s.")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether /healthz answers. A refusal (400: not a name this app is served under) is an answer too."""
        connection = http.client.HTTPConnection(self.reachable_host, self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False  # not listening yet
        finally:
            connection.close()

    def watch(self) -> None:
        """Keep everything running until Stop is raised."""
        while True:
            time.sleep(WATCH_SECONDS)
            self.web.restart_if_ended()
            self.tasks.restart_if_ended()
            self._watch_database()
            self._watch_tasks()

    def _watch_database(self) -> None:
        if self.lease is None:
            return
        try:
            if self.lease.cluster.ensure_keeper():
                say("The database's keeper had ended; database and keeper are started again")
        except StartError as error:
            say(f"{error}\nTrying again.")

    def _watch_tasks(self) -> None:
        """Restart a task cluster that has stopped taking tasks. One that has just started gets time to begin."""
        now = time.monotonic()
        if now - self.checked_tasks < TASK_WATCH_SECONDS or now - self.tasks.started < PATIENCE.total_seconds():
            return
        self.checked_tasks = now
        try:
            if not tasks_are_stuck(database_url()):
                return
        except psycopg.Error as error:
            say(f"The waiting tasks could not be looked at: {error}")
            return
        say("The task cluster takes no tasks and is restarted")
        self.tasks.kill()
        self.tasks.start()

    def stop(self) -> None:
        """Stop web and tasks gracefully, then the database; within half a minute."""
        children = (self.prepare, self.web, self.tasks)
        for child in children:
            child.ask_to_end()
        for child in children:
            child.wait_or_kill()
        if self.lease:
            self.lease.release()
        if not env.str("DATABASE_URL", default="") and not embedded_cluster().wait_until_stopped():
            say("The database goes on running for another process of this checkout")

    def kill(self) -> None:
        for child in (self.prepare, self.web, self.tasks):
            child.kill()


def on_signal(_signum: int, _frame: FrameType | None) -> None:
    raise Stop


def supervise(supervisor: Supervisor) -> int:
    """Run until asked to stop; the exit status. A second request while stopping kills what has not ended yet."""
    status = 0
    try:
        supervisor.start()
        supervisor.watch()
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        status = 1
    except Stop:
        say("Stopping")
    try:
        supervisor.stop()
    except Stop:
        supervisor.kill()
        supervisor.stop()
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description="Run Fifty: database, web server and task cluster.")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when the process that started this ends")
    if parser.parse_args().stop_with_parent:
        die_with_parent(os.getppid(), signal.SIGTERM)
    use_demo_defaults()
    for signum in STOP_SIGNALS:
        signal.signal(signum, on_signal)
    try:
        return supervise(Supervisor(*address()))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except Stop:
        return 0


if __name__ == "__main__":
    sys.exit(main())
