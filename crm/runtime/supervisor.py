"""`make run`: the database, the web server and the task cluster together, until Ctrl-C or SIGTERM.

A part that dies is started again. Whatever ends the supervisor, kill -9 included, nothing of it is left: web and
tasks run under guards (guard.py), and the database has a keeper that stops it when nobody uses it (postgres.py).
"""

import argparse
import http.client
import ipaddress
import os
import signal
import socket
import sys
import time

from crm.runtime import ROOT, embedded_cluster, ensure_database, env, is_configured, use_demo_defaults
from crm.runtime.children import Child, say
from crm.runtime.guard import die_with_parent
from crm.runtime.postgres import Lease, StartError
from crm.runtime.stopping import Stop, stop_on_signals
from crm.runtime.tasks import WATCH_SECONDS, TaskCluster

READY_SECONDS = 60.0


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


def choose_mode(host: str) -> None:
    """Demo mode where nothing is configured. Raises StartError if others could then reach it at `host`."""
    if not is_configured() and not is_loopback(host):
        raise StartError(
            f"HOST is {host}, where others can reach this machine, and nothing is configured: Fifty would run in demo "
            "mode, with a secret and passwords that everybody knows. Set SECRET_KEY and ALLOWED_HOSTS (see "
            ".env.example), or DEMO=1 if you want the demo there all the same."
        )
    use_demo_defaults()


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only. Raises OSError for a name that nobody knows."""
    return all(ipaddress.ip_address(found[4][0]).is_loopback for found in socket.getaddrinfo(host, None))


class Supervisor:
    """The parts, from the first to be started to the last to be stopped."""

    def __init__(self, host: str, port: int) -> None:
        self.port = port
        self.lease: Lease | None = None
        self.prepare = Child("The preparation", [sys.executable, "-m", "crm.runtime.prepare"], 5, ROOT)
        netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.reachable_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:crm.web", "--bind", netloc]
        gunicorn += ["crm.wsgi:application"]
        self.web = Child("The web server", gunicorn, 10, ROOT)
        self.tasks = TaskCluster()
        self.url = f"http://{netloc.replace(host, self.reachable_host)}"

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
        mode = " in demo mode" if env.bool("DEMO", default=False) else ""
        print(f"\nFifty runs{mode} at {self.url}\n{sign_ins.rstrip()}\nCtrl-C stops it.\n", flush=True)

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
            self.tasks.watch()
            self._watch_database()

    def _watch_database(self) -> None:
        if self.lease is None:
            return
        try:
            if self.lease.cluster.ensure_keeper():
                say("The database's keeper had ended; database and keeper are started again")
        except StartError as error:
            say(f"{error}\nTrying again.")

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
    stop_on_signals()
    try:
        host, port = address()
        choose_mode(host)
        return supervise(Supervisor(host, port))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except Stop:
        return 0


if __name__ == "__main__":
    sys.exit(main())
