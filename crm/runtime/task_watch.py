"""Is the task cluster stuck? django-q2 can deadlock when one of its processes is killed at a bad moment: an idle
worker that is killed leaves the queue's lock taken for ever, and the tasks that were pulled into it wait.

Real work is visible: a task that runs holds an advisory lock of the class WORK, whose second key is the task's row
in the queue (crm.tasks). PostgreSQL gives it up when the worker ends, however it ends.
"""

from datetime import timedelta
from typing import Any

import environ
import psycopg

WORK = 50_000
"""The first key of the advisory locks of running tasks."""

PATIENCE = timedelta(seconds=120)
"""How long a task may wait while nobody works. One that a sound cluster can run starts within a second."""

RETRY = timedelta(seconds=2400)
"""How long a task stays pulled before it is offered again: Q_CLUSTER's `retry`, for those who run without Django."""

RUNNING = """
    SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %(work)s AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

# Nobody works, and nobody has just ended a task: between two tasks the second may have waited behind the first.
NOBODY_WORKS = f"""
    NOT EXISTS ({RUNNING}) AND NOT EXISTS (SELECT FROM django_q_task WHERE stopped > now() - %(patience)s)
"""

# `lock` is the time from which a task may be taken; taking it sets `lock` to that moment + RETRY.
STUCK = f"EXISTS (SELECT FROM django_q_ormq WHERE lock < now() - %(patience)s) AND {NOBODY_WORKS}"

# Pulled, and its worker was killed: it does not run, though others have come to their end long after it was pulled. Or
# the cluster hangs with it.
LOST = f"""
    lock > now() AND lock - %(retry)s < now() - %(patience)s AND id NOT IN ({RUNNING})
    AND ({NOBODY_WORKS} OR EXISTS (SELECT FROM django_q_task WHERE stopped > lock - %(retry)s + %(patience)s))
"""

# Looked at once a minute, unless the cluster's own guard hangs.
SCHEDULES_WAIT = f"""
    EXISTS (SELECT FROM django_q_schedule WHERE repeats <> 0 AND next_run < now() - %(patience)s)
    AND {NOBODY_WORKS}
"""

GIVE_BACK = f"UPDATE django_q_ormq SET lock = now() WHERE lock > now() AND id NOT IN ({RUNNING})"  # noqa: S608 (ours)
GIVE_BACK_LOST = f"UPDATE django_q_ormq SET lock = now() WHERE {LOST}"  # noqa: S608 (ours)


def parameters(patience: timedelta = PATIENCE) -> dict[str, Any]:
    """The parameters of the statements above."""
    return {"work": WORK, "retry": RETRY, "patience": patience}


def tasks_are_stuck(database_url: str, patience: timedelta = PATIENCE) -> bool:
    """Whether a task that nobody has pulled, or a schedule, has waited for `patience` while nobody works.

    Raises psycopg.Error.
    """
    with _connect(database_url) as connection:
        row = connection.execute(f"SELECT ({STUCK}) OR ({SCHEDULES_WAIT})", parameters(patience)).fetchone()
    return bool(row and row[0])


def give_back_lost_tasks(database_url: str, patience: timedelta = PATIENCE) -> int:
    """Offers anew the tasks whose worker was killed; how many they are. Raises psycopg.Error."""
    with _connect(database_url) as connection:
        return connection.execute(GIVE_BACK_LOST, parameters(patience)).rowcount


def give_back_tasks(database_url: str) -> int:
    """Offers anew the tasks that were pulled and do not run; how many they are. For after a stuck cluster's end.

    On several machines, another one's queue may hold such a task too, which then runs twice: tasks bear that.
    Raises psycopg.Error.
    """
    with _connect(database_url) as connection:
        return connection.execute(GIVE_BACK, parameters()).rowcount


def _connect(database_url: str) -> psycopg.Connection:
    return psycopg.connect(**connection_parameters(database_url), autocommit=True, connect_timeout=5)


def connection_parameters(database_url: str) -> dict[str, Any]:
    """What to connect with, read from the URL as Django reads it."""
    found = environ.Env.db_url_config(database_url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options: dict[str, Any] = found.get("OPTIONS", {})
    return options | {names[key]: found[key] for key in names if found[key]}
