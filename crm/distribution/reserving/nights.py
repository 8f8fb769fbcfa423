"""What the next nightly run will do, for those who want to see it before."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F
from django.utils import timezone

from crm.reservations.models import Reservation, ReservationQuerySet
from crm.schedules import SCHEDULES

TASK = "crm.reservations.expiry.run_expiry"


@dataclass(frozen=True)
class NextRun:
    at: datetime

    @property
    def day(self) -> date:
        return timezone.localdate(self.at)

    @property
    def pk(self) -> str:
        return self.day.isoformat()

    def rows(self, name: str) -> ReservationQuerySet:
        """What it `ends`, or of what it has the owners `warned`; what ends first comes first."""
        every = Reservation.objects.select_related("product", "staff")
        rows = every.due(self.day) if name == "ends" else every.to_warn(self.day)
        return rows.order_by(F("ends_on"), "pk")


def next_run() -> NextRun:
    return NextRun(next(each for each in SCHEDULES if each.task == TASK).next_run(None))
