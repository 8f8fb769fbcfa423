"""What runs by the clock. Declared here, and written to the task queue after every migrate; nobody edits it there."""

import time as time_module
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.errors import is_busy, is_lost

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Every:
    """A task that runs every so many minutes. A run that was missed is not made up for."""

    name: str
    task: str
    minutes: int

    kind = "I"

    def next_run(self, planned: datetime | None) -> datetime:
        return planned or timezone.now()


@dataclass(frozen=True)
class Daily:
    """A task that runs once a day, at the local time `at`. A run that was missed is made up for once."""

    name: str
    task: str
    at: time

    kind = "D"
    minutes = None

    def next_run(self, planned: datetime | None) -> datetime:
        """What is planned, if it is for that time of day; else the next time that it is `at`."""
        if planned and timezone.localtime(planned).time() == self.at:
            return planned
        now = timezone.localtime()
        day = now.date() if now.time() < self.at else now.date() + timedelta(days=1)
        return timezone.make_aware(datetime.combine(day, self.at))


SCHEDULES: list[Every | Daily] = [
    Every("send mail that waits", "crm.accounts.outbox.send_waiting", minutes=1),
    Every("resume interrupted uploads", "crm.distribution.imports.tasks.resume_interrupted", minutes=1),
    Every("work health checks that wait", "integrity.runs.work_waiting", minutes=1),
    Daily("expire reservations", "crm.reservations.expiry.run_expiry", at=time(0, 15)),
    Daily("health check", "integrity.runs.run_night", at=settings.HEALTH_CHECK_AT),
    Daily("clean up", "crm.home.housekeeping.clean_up", at=time(3, 30)),
]


PAUSES = (5, 20, 60, 180)
"""Seconds after which a task of every day is tried again: less in all than a task may take."""


def tried_again(task: Callable[P, T]) -> Callable[P, T]:
    """A task of every day that others are in the way of, or that has lost the database, tries again after a while, and
    does not wait for the next day.
    """

    @wraps(task)
    def work(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in PAUSES:
            try:
                return task(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if connection.in_atomic_block or not (is_busy(error) or is_lost(error)):
                    raise
                log.warning("task.tried_again", task=task.__qualname__, after=pause, error=type(error).__name__)
                close_old_connections()
                time_module.sleep(pause)
        return task(*args, **kwargs)

    return work


FORGIVEN = timedelta(minutes=5)
"""A run that fails is no news where another has succeeded within this time."""


@dataclass(frozen=True)
class Failure:
    """The last run of a scheduled task, which failed."""

    name: str
    task: str
    at: datetime
    error: str
    """All that the task has left; the last line says what was wrong."""

    @property
    def last_line(self) -> str:
        lines = self.error.strip().splitlines()
        return lines[-1] if lines else ""


UNENDED = timedelta(hours=1)
"""After so long a run that has not ended never will: more than a task may take, and than its second try takes."""


def failures() -> list[Failure]:
    """Of those scheduled tasks whose last run failed; of what runs all the time, if none has succeeded for a while;
    and of those that began and have not come to an end, because their workers die of them.
    """
    from django_q.models import Schedule, Task

    last = Task.objects.filter(func=OuterRef("func")).order_by("-stopped")
    long_ago = Task.objects.filter(stopped__lt=timezone.now() - UNENDED).order_by("-stopped")
    schedules = Schedule.objects.filter(name__in=[each.name for each in SCHEDULES]).annotate(
        **{f"last_{field}": Subquery(last.values(field)[:1]) for field in ("stopped", "success", "result")},
        another=Subquery(long_ago.values("stopped")[:1]),
    )
    found = {
        each.func: Failure(each.name, each.func, each.last_stopped, str(each.last_result or ""))
        for each in schedules
        if each.last_success is False
    }
    often = [each.func for each in schedules if each.func in found and each.schedule_type == Every.kind]
    if often:
        well = Task.objects.filter(func__in=often, success=True, stopped__gt=timezone.now() - FORGIVEN)
        for task in set(well.values_list("func", flat=True)):
            del found[task]
    return [*found.values(), *(unended for each in schedules if (unended := _unended(each)))]


def _unended(schedule: Any) -> Failure | None:
    """If its run began an hour ago and has not ended. A cluster that was off has begun nothing: `another` task has
    ended since.
    """
    daily = schedule.schedule_type == Daily.kind
    began = schedule.next_run - timedelta(days=1) if daily else schedule.last_stopped
    has_ended = daily and schedule.last_stopped and schedule.last_stopped > began
    if not schedule.task or began is None or has_ended or not schedule.another or schedule.another <= began:
        return None
    return Failure(schedule.name, schedule.func, began, str(_("It began, and has not come to an end.")))


@transaction.atomic
def write_schedules(**_signal: object) -> None:
    """Makes the queue's schedules exactly these. When each runs next stays as it is planned."""
    from django_q.models import Schedule

    planned = dict(Schedule.objects.select_for_update().values_list("name", "next_run"))
    for each in SCHEDULES:
        Schedule.objects.update_or_create(
            name=each.name,
            defaults={
                "func": each.task,
                "schedule_type": each.kind,
                "minutes": each.minutes,
                "repeats": -1,
                "next_run": each.next_run(planned.get(each.name)),
            },
        )
    Schedule.objects.exclude(name__in=[each.name for each in SCHEDULES]).delete()
