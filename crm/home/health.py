"""Whether the parts of this system answer."""

from dataclasses import asdict, dataclass
from typing import Literal

import structlog
from django.db import Error, connection
from django_q.status import Stat

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Health:
    """What `/healthz` answers. It is for anybody's eyes: no names, no versions, no errors."""

    status: Literal["ok", "degraded", "failed"]
    database: Literal["ok", "failed"]
    tasks: Literal["ok", "not running", "unknown"]

    as_dict = asdict


def check_health() -> Health:
    """Asks the database, and the shared cache for a sign of life from a task cluster in the last three seconds.

    Without tasks the pages still work (degraded); without the database nothing does (failed).
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        tasks_run = bool(Stat.get_all())
    except Error as error:
        log.error("health.database_failed", error=str(error))
        return Health("failed", "failed", "unknown")
    return Health("ok", "ok", "ok") if tasks_run else Health("degraded", "ok", "not running")
