"""Reservations: one for a customer, and none past its time."""

from django.utils.translation import gettext_lazy as _

from crm.reservations.models import Reservation
from crm.reservations.services import expire_reservations
from integrity.checks.reservations import TABLE, WHOSE, overdue_day, standing
from integrity.ground import Ground, Step

# Of the same person, or asked for by somebody when it was reserved: PostgreSQL would have refused the second.
END_DUPLICATES = """
    UPDATE {table} v SET status = CASE v.status WHEN 'active' THEN 'released' ELSE 'rejected' END, since = now(),
                         decided_by_id = NULL
    FROM ({standing}) s
    WHERE v.id = s.id AND v.id = ANY(%(ids)s::bigint[]) AND s.id <> s.first AND NOT ({whose})
"""


def end_duplicates(ground: Ground) -> None:
    if ids := ground.targets(["reservation_duplicate"], Reservation):
        ground.execute(END_DUPLICATES.format(table=TABLE, standing=standing(), whose=WHOSE), {"ids": ids})


def expire(ground: Ground) -> None:
    if ids := ground.targets(["reservation_overdue"], Reservation):
        expire_reservations(today=overdue_day(), among=Reservation.objects.filter(pk__in=ids))


STEPS = [
    Step(("reservation_duplicate",), _("The one that came first stays."), end_duplicates, lambda: [Reservation]),
    Step(("reservation_overdue",), _("Its time is over."), expire, lambda: [Reservation]),
]
