"""The nightly end of reservations whose time is over, and the warnings before it.

What a run would do is a query (`Reservation.objects.due`, `.to_warn`), so a run that comes late, or twice, does what is
left to do and nothing else.
"""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from crm.history import operation
from crm.reservations.models import Reservation
from crm.reservations.services import expire_reservations
from crm.reservations.telling import tell_owners
from crm.schedules import tried_again


@dataclass(frozen=True)
class Night:
    """What a run did, or would do: reservations that ended and owners' warnings; and, of one that has run, how many
    records went back to the pools and how many conflicts were cleared."""

    expired: int
    warned: int
    freed: int | None = None
    cleared: int | None = None


@tried_again
def run_expiry(today: date | None = None) -> Night:
    """Ends what is due and warns of what ends soon; every owner is warned once of each end. `today` is a local date."""
    today = today or timezone.localdate()
    # Two transactions: the second locks reservations, and the first holds records and counts.
    effect = expire_reservations(today=today)
    return Night(expired=effect.done, warned=_warn(today), freed=effect.freed, cleared=effect.cleared)


def preview_expiry(today: date | None = None) -> Night:
    """How many the next run would end and warn of, if it were today."""
    today = today or timezone.localdate()
    return Night(Reservation.objects.due(today).count(), Reservation.objects.to_warn(today).count())


def _warn(today: date) -> int:
    with operation("reservation.warn", by=None):
        locked = Reservation.objects.to_warn(today).select_related("staff", "product").locked()
        for reservation in locked:
            reservation.warned_on = vars(reservation)["ends_on"]
        Reservation.objects.bulk_update(locked, ["warned_on"], batch_size=1000)
        tell_owners(locked, "ending")
        return len(locked)
