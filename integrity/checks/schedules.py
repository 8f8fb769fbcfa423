"""What runs by the clock is in the task queue, once, and has run when it was due."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_q.models import Schedule

from crm.schedules import SCHEDULES, Daily, failures
from integrity.check import Check, Look, Row, shared

CHECKS = [
    Check(
        "schedule_missing",
        _("A task that does not run"),
        _("What runs by the clock is scheduled, once each, and ran when it was due."),
        {
            "": _("“%(field)s” is scheduled %(actual)s times."),
            "different": _("“%(field)s” does something else: %(actual)s instead of %(expected)s."),
            "late": _("“%(field)s” was due at %(expected)s, and has not run."),
            "time": _("“%(field)s” runs next at %(actual)s, and should at %(expected)s."),
            "failed": _("“%(field)s” ran, and failed: %(actual)s"),
            "undeclared": _("“%(field)s” runs by the clock, and nobody has declared it."),
        },
        applies=shared,
        decisions=("failed",),
    ),
]

LATE = timedelta(hours=2)
LATE_OF_A_DAY = timedelta(hours=26)
"""A computer that is off at night, or restarted, is no finding; a day that was missed is."""


def rows() -> Iterator[Row]:
    failed_ones = {each.name: each for each in failures()}
    stored = list(Schedule.objects.order_by("pk"))
    for each in SCHEDULES:
        mine = [schedule for schedule in stored if schedule.name == each.name]
        if len(mine) != 1:
            yield _row(mine[0].pk if mine else 0, each.name, "1", str(len(mine)), "")
        for schedule in mine:
            wanted = (each.task, each.kind, each.minutes, -1)
            actual = (schedule.func, schedule.schedule_type, schedule.minutes, schedule.repeats)
            limit = LATE_OF_A_DAY if isinstance(each, Daily) else LATE
            if actual != wanted:
                yield _row(schedule.pk, each.name, str(wanted), str(actual), "different")
            elif schedule.next_run is None or schedule.next_run < timezone.now() - limit:
                yield _row(schedule.pk, each.name, str(schedule.next_run), "", "late")
            elif isinstance(each, Daily) and timezone.localtime(schedule.next_run).time() != each.at:
                yield _row(schedule.pk, each.name, str(each.at), str(timezone.localtime(schedule.next_run)), "time")
            elif failed := failed_ones.get(each.name):
                yield _row(schedule.pk, each.name, "", failed.last_line[:200], "failed")
    names = {each.name for each in SCHEDULES}
    for schedule in stored:
        if schedule.name not in names:
            yield _row(schedule.pk, schedule.name or "", "", schedule.func, "undeclared")


def _row(pk: int, name: str, expected: str, actual: str, hint: str) -> Row:
    return "schedule_missing", Schedule._meta.label_lower, pk, name[:120], expected, actual, hint


def looks() -> Iterator[Look]:
    yield Look(("schedule_missing",), None, rows=rows)
