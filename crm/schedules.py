"""What runs by the clock. Declared here, and written to the task queue after every migrate; nobody edits it there."""

from dataclasses import dataclass

from django.db import transaction


@dataclass(frozen=True)
class Every:
    """A task that runs every so many minutes. A run that was missed is not made up for."""

    name: str
    task: str
    minutes: int


SCHEDULES = [Every("resume interrupted uploads", "crm.distribution.imports.tasks.resume_interrupted", minutes=1)]


@transaction.atomic
def write_schedules(**_signal: object) -> None:
    """Makes the queue's schedules exactly these."""
    from django_q.models import Schedule

    for each in SCHEDULES:
        Schedule.objects.update_or_create(
            name=each.name,
            defaults={
                "func": each.task,
                "schedule_type": Schedule.MINUTES,
                "minutes": each.minutes,
                "repeats": -1,
            },
        )
    Schedule.objects.exclude(name__in=[each.name for each in SCHEDULES]).delete()
