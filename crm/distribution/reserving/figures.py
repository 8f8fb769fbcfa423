"""The numbers of reservations. Imported when the app is ready."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.distribution.reserving.covered import matching, naming
from crm.distribution.reserving.filters import STATUSES
from crm.figures import Figure, declare
from crm.reservations.models import Reservation, ReservationQuerySet


class Team:
    """What a number is about that is about everybody."""

    pk = "all"


TEAM = Team()

# Of all reservations, and of one's own.
SENTENCES: dict[str, tuple[Promise, Promise]] = {
    "pending": (_("Reservations that wait for an admin."), _("Your reservations that wait for an admin.")),
    "active": (_("Reservations in force."), _("Your reservations in force.")),
    "ending": (
        _("Reservations that end within their days of warning."),
        _("Your reservations that end within their days of warning."),
    ),
    "ended": (_("Reservations that ended or were released."), _("Your reservations that ended or were released.")),
    "rejected": (
        _("Reservations that were turned down or withdrawn."),
        _("Your reservations that were turned down, or that you withdrew."),
    ),
    "standing": (
        _("Reservations that wait or are in force."),
        _("Your reservations that wait or are in force."),
    ),
    "all": (_("Reservations, whatever became of them."), _("Your reservations, whatever became of them.")),
}


def _in_status(status: str, reservations: ReservationQuerySet) -> QuerySet:
    return reservations if status == "all" else STATUSES[status][1](reservations)


def _of_all(status: str) -> Callable[[Any], QuerySet]:
    return lambda team: _in_status(status, Reservation.objects.all())


def _of_user(status: str) -> Callable[[Any], QuerySet]:
    return lambda user: _in_status(status, Reservation.objects.of(user))


def _listed(url_name: str, status: str) -> Callable[[Any], str]:
    return lambda subject: reverse(url_name) + ("" if status == "all" else f"?status={status}")


for status, (sentence, own) in SENTENCES.items():
    declare(Figure(f"reservations.{status}", sentence, _of_all(status), _listed("reservations", status)))
    declare(Figure(f"mine.reservations.{status}", own, _of_user(status), _listed("my_reservations", status)))

declare(
    Figure(
        "staff.reservations",
        _("Reservations of the staff member that wait or are in force."),
        lambda user: Reservation.objects.of(user).standing(),
        lambda user: f"{reverse('reservations')}?staff={user.pk}&status=standing",
    )
)


def _named(name: str) -> Callable[[Reservation], QuerySet]:
    return lambda reservation: naming(reservation, name)


def _shown(name: str) -> Callable[[Reservation], str]:
    return lambda reservation: f"{reverse('reservation', args=[reservation.pk])}?show={name}#list"


def _counted(name: str) -> Callable[[Reservation], int]:
    """As it was selected with the list (`with_counts`), or else counted."""

    def count(reservation: Reservation) -> int:
        known: int | None = vars(reservation).get(f"{name}_now")
        return naming(reservation, name).count() if known is None else known

    return count


for name, sentence in [
    (
        "reserved",
        _(
            "Records kept out of the pools that name this reservation; where several cover a record, one of them is"
            " named."
        ),
    ),
    (
        "conflict",
        _("Records in conflict that name this reservation; where several cover a record, one of them is named."),
    ),
]:
    declare(Figure(f"reservation.{name}", sentence, _named(name), _shown(name), _counted(name)))

declare(
    Figure(
        "reservation.records",
        _("Records of this customer, by id or by phone, in all modules."),
        matching,
        lambda reservation: reverse("reservation", args=[reservation.pk]) + "#list",
    )
)


# What the next nightly run would do.
def _of_run(name: str) -> Callable[[Any], QuerySet]:
    return lambda run: run.rows(name)


def _listed_of_run(name: str) -> Callable[[Any], str]:
    return lambda run: f"{reverse('reservation_expiry')}?show={name}"


for name, sentence in [
    ("ends", _("Reservations that the next run ends.")),
    ("warned", _("Reservations of whose end the next run warns the owner.")),
]:
    declare(Figure(f"expiry.{name}", sentence, _of_run(name), _listed_of_run(name)))


# What became of the lines of a bulk entry.
def _lines(name: str) -> Callable[[Any], int]:
    return lambda report: report.number_of(name)


def _listed_in_report(name: str) -> Callable[[Any], str]:
    return lambda report: report.get_absolute_url() + ("" if name == "left_out" else f"?outcome={name}")


for name, sentence in [
    ("added", _("Lines whose customer is reserved now.")),
    ("reserved", _("Lines whose customer was reserved already; they stay as they were.")),
    ("pending", _("Lines whose customer somebody has asked for already; they go on waiting.")),
    ("repeated", _("Lines that name a customer whom an earlier line names.")),
    ("bad", _("Lines that cannot be used.")),
    ("left_out", _("Lines whose customer was not reserved.")),
]:
    declare(Figure(f"entry.{name}", sentence, url=_listed_in_report(name), stored=_lines(name)))
for name, sentence in [
    ("lines", _("Lines that name something.")),
    ("out_of_pools", _("Records that the entry took out of the pools.")),
    ("conflicts", _("Records that the entry put into conflict.")),
]:
    declare(Figure(f"entry.{name}", sentence, stored=_lines(name)))
