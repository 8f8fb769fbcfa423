"""Every task shows that it runs, so that a cluster that hangs can be told from one that is busy (task_watch.py)."""

from typing import Any

import structlog
from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django_q.signals import post_execute_in_worker, pre_execute

from crm.runtime.task_watch import WORK

log = structlog.get_logger(__name__)

_running: set[int] = set()
"""The row in the queue of the task that this process runs."""


@receiver(pre_execute)
def show_work(*, task: dict[str, Any], **_signal: object) -> None:
    """Takes the lock of the task's row in the queue; a task that runs without a queue has none.

    Shared, because a task that is offered anew may run twice at once, and neither may wait here.
    """
    if row := task.get("ack_id"):
        _lock(connection, row)
        _running.add(row)


@receiver(connection_created)
def show_work_again(*, connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """A task that has lost its connection, and the lock with it, goes on with another. One that has a second beside it
    has the lock still.
    """
    if connection is connections["default"]:
        for row in _running:
            _lock(connection, row)


@receiver(post_execute_in_worker)
def end_work(*, task: dict[str, Any], **_signal: object) -> None:
    if row := task.get("ack_id"):
        _running.discard(row)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_shared(%s, %s::int)", [WORK, row])
        except Error as error:
            # The end of the session is the end of the lock; an error here would lose the task's result.
            log.warning("task.connection_lost", error=str(error))
            connection.close()


def _lock(on: BaseDatabaseWrapper, row: int) -> None:
    with on.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s::int)", [WORK, row])
