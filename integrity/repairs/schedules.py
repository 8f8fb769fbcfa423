"""What runs by the clock, written anew."""

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_q.models import Schedule

from crm.schedules import write_schedules
from integrity.checks.schedules import LATE
from integrity.ground import Ground, Step


def write(ground: Ground) -> None:
    if not ground.has_targets("schedule_missing"):
        return
    ground.touch(Schedule, Schedule.objects.values_list("pk", flat=True))
    ground.take_images(Schedule)
    for schedule in Schedule.objects.order_by("name", "pk"):
        if Schedule.objects.filter(name=schedule.name, pk__lt=schedule.pk).exists():
            schedule.delete()
    Schedule.objects.filter(Q(next_run=None) | Q(next_run__lt=timezone.now() - LATE)).update(next_run=timezone.now())
    write_schedules()
    ground.touch(Schedule, Schedule.objects.values_list("pk", flat=True))


STEPS = [Step(("schedule_missing",), _("So it is declared."), write, lambda: [Schedule])]
