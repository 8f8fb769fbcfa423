"""Alerts about what does not wait any more, before the repair or because of it."""

from django.utils.translation import gettext_lazy as _

from crm.notices.models import Notice
from integrity.checks.alerts import looks
from integrity.ground import Ground, Step


def take_away(ground: Ground) -> None:
    [look] = looks()
    stale = sorted(row[2] for row in ground.execute(look.sql.replace("%", "%%")))
    ground.touch(Notice, stale)
    ground.take_images(Notice)
    Notice.objects.filter(pk__in=stale).delete()


STEPS = [
    Step(("alert_stale",), _("What it tells about does not wait any more."), take_away, lambda: [Notice], True),
]
