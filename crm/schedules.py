"""What runs by the clock. Declared here, and written to the task queue after every migrate; nobody edits it there."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone


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
    Every("resume interrupted uploads", "crm.distribution.imports.tasks.resume_interrupted", minutes=1),
    Every("work health checks that wait", "integrity.runs.work_waiting", minutes=1),
    Daily("expire reservations", "crm.reservations.expiry.run_expiry", at=time(0, 15)),
    Daily("health check", "integrity.runs.run_night", at=settings.HEALTH_CHECK_AT),
    Daily("clean up", "crm.home.housekeeping.clean_up", at=time(3, 30)),
]


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
