"""Is the task cluster stuck? django-q2 can deadlock when one of its workers is killed at a bad moment."""

from datetime import timedelta
from typing import Any

import environ
import psycopg

# A waiting task is taken within a second; a task that waits behind a running one leaves that one taken.
PATIENCE = timedelta(seconds=120)

# `lock` is the time from which a task may be taken; taking it sets `lock` to a time in the future.
STUCK = """
    SELECT coalesce(min(lock) < now() - %s, false) AND NOT coalesce(max(lock) > now(), false)
    FROM django_q_ormq
"""


def tasks_are_stuck(database_url: str) -> bool:
    """Whether a task has been due for PATIENCE while no task is taken. Raises psycopg.Error.

    A cluster that hangs with a task in its hands is noticed when that task's time (`retry`) has run out.
    """
    with psycopg.connect(**connection_parameters(database_url), autocommit=True, connect_timeout=5) as connection:
        row = connection.execute(STUCK, [PATIENCE]).fetchone()
    return bool(row and row[0])


def connection_parameters(database_url: str) -> dict[str, Any]:
    """What to connect with, read from the URL as Django reads it."""
    found = environ.Env.db_url_config(database_url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options: dict[str, Any] = found.get("OPTIONS", {})
    return options | {names[key]: found[key] for key in names if found[key]}
