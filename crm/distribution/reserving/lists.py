"""The list of reservations: its tabs, columns and orders."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, F, IntegerField, Value, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.distribution.columns import Column
from crm.distribution.listing import Listing, Narrowed
from crm.distribution.ordering import Order
from crm.distribution.reserving.access import reservations_for
from crm.distribution.reserving.covered import with_counts
from crm.distribution.reserving.figures import TEAM
from crm.distribution.reserving.filters import STATUSES, OwnFilter, ReservationFilter
from crm.reservations.models import Reservation

STANDING_FIRST = Case(
    When(status="pending", then=Value(0)),
    When(status="active", then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)

ORDERS: dict[str, Order] = {
    "customer": Order(("customer_key", "pk")),
    "staff": Order(("staff__name", "staff__username", "customer_key", "pk")),
    "ends": Order((F("ends_on").asc(nulls_last=True), "pk")),
    "since": Order(("since", "pk")),
}

DEFAULT_ORDERS: dict[str, list[Any]] = {
    "pending": ["since", "pk"],
    "ending": ["ends_on", "pk"],
    "active": ["-since", "-pk"],
    "ended": ["-since", "-pk"],
    "rejected": ["-since", "-pk"],
}
"""Whoever has waited longest comes first, and what ends first; else the latest."""


def default_order(status: str) -> list[Any]:
    return DEFAULT_ORDERS.get(status, [STANDING_FIRST, "-since", "-pk"])


def status_label(status: str, decided_by: int | None, staff: int) -> str:
    """What the status is called; what the owner has rejected was withdrawn."""
    if status == Reservation.Status.REJECTED and decided_by == staff:
        return str(_("Withdrawn"))
    return str(Reservation.Status(status).label)


def _person(name: str | None, username: str | None) -> str:
    return name or username or ""


def _yes(is_permanent: bool) -> str:
    return str(_("Yes")) if is_permanent else ""


COLUMNS = [
    Column("customer", _("Customer"), ("customer_id",), sort="customer"),
    Column("phone", _("Phone"), ("phone",), in_file_only=True),
    Column("product", _("Product"), ("product__name",), in_file_only=True),
    Column("staff", _("Owner"), ("staff__name", "staff__username"), _person, sort="staff"),
    Column("status", _("Status"), ("status", "decided_by_id", "staff_id"), status_label, sort="ends"),
    Column("ends", _("Ends"), ("ends_on",), in_file_only=True),
    Column("permanent", _("Permanent"), ("is_permanent",), _yes, in_file_only=True),
    Column("since", _("Since"), ("since",), sort="-since"),
    Column("asked_by", _("Entered by"), ("created_by__name", "created_by__username"), _person, in_file_only=True),
    Column("by", _("Decided by"), ("decided_by__name", "decided_by__username"), _person, in_file_only=True),
    Column("reserved", _("Reserved"), ("reserved_now",), is_number=True),
    Column("conflict", _("In conflict"), ("conflict_now",), is_number=True),
    Column("note", _("Note"), ("note",), in_file_only=True),
    Column("reason", _("Why it was not approved"), ("reason",), in_file_only=True),
]


@dataclass(frozen=True)
class Tab:
    """A status, the figure of its number, and what that is about."""

    status: str
    label: str | Promise
    figure: str
    subject: Any


def tabs(filter: OwnFilter, figures: str, subject: Any) -> list[Tab]:
    """The status that only other pages lead to has one while it is chosen."""
    each = {name: label for name, (label, _select) in STATUSES.items()} | {"": _("All")}
    shown = [name for name in each if name != "standing" or filter.chosen_status == name]
    if filter.narrows:
        asked = {name: filter.but_with(status=name) for name in shown}
        return [
            Tab(name, each[name], "list.tab", Narrowed(f"{figures}?{left.data.urlencode()}", left.qs.count()))
            for name, left in asked.items()
        ]
    return [Tab(name, each[name], f"{figures}.{name or 'all'}", subject) for name in shown]


class ReservationList(Listing):
    """All reservations, as the URL filters and sorts them."""

    filter: ReservationFilter

    def __init__(self, request: SignedInRequest) -> None:
        chosen = ReservationFilter(request.GET, with_counts(reservations_for(request.user)))
        super().__init__(
            request,
            None,
            filter=chosen,
            columns=COLUMNS,
            orders=ORDERS,
            default_order=default_order(chosen.chosen_status),
            name="reservations",
            here=reverse("reservations"),
        )

    @property
    def tabs(self) -> list[Tab]:
        return tabs(self.filter, "reservations", TEAM)
