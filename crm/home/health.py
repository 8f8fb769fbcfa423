"""Whether the parts of this system answer."""

from dataclasses import asdict, dataclass
from typing import Literal

import structlog
from django.db import Error, connection
from django_q.status import Stat

from crm.accounts.models import Mail
from crm.runtime.task_watch import STUCK, parameters
from crm.schedules import failures

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Health:
    """What `/healthz` answers. It is for anybody's eyes: no names, no versions, no errors."""

    status: Literal["ok", "degraded", "failed"]
    database: Literal["ok", "failed"]
    tasks: Literal["ok", "not running", "stuck", "failing", "unknown"]

    as_dict = asdict


def check_health() -> Health:
    """Asks the database, and the shared cache for a sign of life from a task cluster in the last three seconds; a
    cluster that lives but lets tasks wait while it does not work is stuck; failing, if what runs by the clock failed
    when it ran last, or mail is late.

    Without tasks the pages still work (degraded); without the database nothing does (failed).
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {STUCK}", parameters())
            stuck = cursor.fetchone()[0]
        tasks_run = bool(Stat.get_all())
        failing = bool(failures()) or Mail.objects.late().exists()
    except Error as error:
        log.error("health.database_failed", error=str(error))
        return Health("failed", "failed", "unknown")
    if not tasks_run:
        return Health("degraded", "ok", "not running")
    if stuck or failing:
        return Health("degraded", "ok", "stuck" if stuck else "failing")
    return Health("ok", "ok", "ok")
