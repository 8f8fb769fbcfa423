"""The task cluster as a watched child: `python -m crm.runtime.tasks`, for a service manager to run.

It is started again when it ends, and when it hangs (task_watch.py). SIGTERM ends it: running tasks get 20 seconds.
`make run` uses the same class beside its web server.
"""

import argparse
import sys
import time
from datetime import timedelta

import psycopg

from crm.runtime import ROOT, database_url, ensure_database, is_configured
from crm.runtime.children import Child, say
from crm.runtime.postgres import StartError
from crm.runtime.stopping import Stop, stop_on_signals
from crm.runtime.task_watch import PATIENCE, give_back_lost_tasks, give_back_tasks, tasks_are_stuck

WATCH_SECONDS = 0.5


class TaskCluster(Child):
    """The task cluster. `patience` is how long a task may wait while nobody works; a fresh cluster has as long."""

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        super().__init__("The task cluster", [sys.executable, str(ROOT / "manage.py"), "qcluster"], 20, ROOT)
        self.patience = patience
        self._looked = 0.0
        self._seemed_stuck = False

    def watch(self) -> None:
        """To be called every now and then: starts the cluster again if it has ended, or twice seemed stuck."""
        self.restart_if_ended()
        now, patience = time.monotonic(), self.patience.total_seconds()
        if not self.running() or now - self.started < patience or now - self._looked < patience / 12:
            return
        self._looked = now
        try:
            if given_back := give_back_lost_tasks(database_url(), self.patience):
                say(f"Tasks whose worker was killed are offered again: {given_back}")
            seemed_stuck, self._seemed_stuck = self._seemed_stuck, tasks_are_stuck(database_url(), self.patience)
            if seemed_stuck and self._seemed_stuck:
                self._restart()
        except psycopg.Error as error:
            say(f"The waiting tasks could not be looked at: {error}")

    def _restart(self) -> None:
        say("The task cluster takes no tasks and is restarted")
        self._seemed_stuck = False
        self.kill()
        self.start()
        if given_back := give_back_tasks(database_url()):
            say(f"Tasks that it had taken and not run are offered again: {given_back}")


def run(cluster: TaskCluster) -> None:
    """Until asked to stop. Raises StartError."""
    lease = ensure_database()
    try:
        cluster.start()
        while True:
            time.sleep(WATCH_SECONDS)
            cluster.watch()
    except Stop:
        say("Stopping")
    try:
        cluster.ask_to_end()
        cluster.wait_or_kill()
    except Stop:
        cluster.kill()
    if lease:
        lease.release()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the task cluster, and start it again when it ends or hangs.")
    parser.add_argument("--patience", type=float, default=PATIENCE.total_seconds(), help="seconds a task may wait")
    patience = timedelta(seconds=parser.parse_args().patience)
    # Another secret than the web's makes the cluster throw its tasks away.
    if not is_configured():
        print("Nothing is configured: set SECRET_KEY as on the web machines, or DEMO=1.", file=sys.stderr)
        return 1
    stop_on_signals()
    try:
        run(TaskCluster(patience))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except Stop:
        pass  # before anything was started
    return 0


if __name__ == "__main__":
    sys.exit(main())
