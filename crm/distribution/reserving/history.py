"""What happened to a reservation: who did what, and when."""

from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import BooleanField, Case, Exists, OuterRef, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.conflict_log import Conflict, ConflictQuerySet
from crm.distribution.timeline import MOST_MOMENTS
from crm.registry import modules
from crm.reservations.models import Reservation

OPERATIONS: dict[str, Promise] = {
    "reservation.ask": _("Asked for"),
    "reservation.add": _("Entered"),
    "reservation.approve": _("Approved"),
    "reservation.reject": _("Turned down"),
    "reservation.withdraw": _("Withdrawn"),
    "reservation.release": _("Released"),
    "reservation.restore": _("Restored"),
    "reservation.move": _("Moved"),
    "person.leave": _("The owner left"),
}
BY_THE_RUN = {"expired": _("Ended"), "active": _("The owner was warned of the end")}
"""What the nightly run has done, by the status that came of it."""


@dataclass(frozen=True)
class Moment:
    """One entry. `who` is None where nobody did it in the app."""

    at: datetime
    what: str | Promise
    who: User | None
    staff: User | None


def history(reservation: Reservation) -> list[Moment]:
    """Newest first."""
    events = apps.get_model("reservations", "ReservationEvent").objects.filter(pgh_obj_id=reservation.pk)
    events = list(events.select_related("pgh_context").order_by("-pgh_id")[:MOST_MOMENTS])
    contexts = [event.pgh_context.metadata if event.pgh_context else {} for event in events]
    people = User.objects.in_bulk(
        {pk for context, event in zip(contexts, events, strict=True) for pk in (context.get("user"), event.staff_id)}
        - {None}
    )
    return [
        Moment(
            event.pgh_created_at,
            _what(context.get("operation"), event.status, event.is_permanent),
            people.get(context.get("user")),
            people.get(event.staff_id),
        )
        for event, context in zip(events, contexts, strict=True)
    ]


def conflicts_of(reservation: Reservation) -> ConflictQuerySet:
    """The newest first, each with `is_there`: whether its record still is."""
    there = Case(
        *(
            When(module=module.key, then=Exists(module.Record.objects.filter(pk=OuterRef("record_id"))))
            for module in modules()
        ),
        default=False,
        output_field=BooleanField(),
    )
    found = Conflict.objects.filter(reservation=reservation).select_related("staff", "closed_by")
    return found.annotate(is_there=there)


def _what(operation: str | None, status: str, is_permanent: bool) -> str | Promise:
    if operation == "reservation.expire":
        return BY_THE_RUN.get(status, _("Changed"))
    if operation == "reservation.keep":
        return _("Made permanent") if is_permanent else _("Not permanent any more")
    return OPERATIONS.get(operation or "", operation or _("Changed outside the app"))
