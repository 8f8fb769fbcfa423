"""Who is told what about reservations."""

from collections import Counter
from collections.abc import Iterable, Mapping

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from crm.accounts.models import User
from crm.notices.models import Kind
from crm.notices.services import notify_each
from crm.registry import Module
from crm.reservations.models import Reservation


def tell_taken(taken: Mapping[Module, Counter[int]]) -> None:
    """To each staff member, once: how many of their records, by module, somebody else has reserved by now."""
    total: Counter[int] = sum(taken.values(), Counter())
    first: dict[int, Module] = {}
    for module, counts in taken.items():
        for pk in counts:
            first.setdefault(pk, module)
    notify_each(
        kind=Kind.RECORDS_RESERVED,
        lines=[
            (
                user,
                ngettext(
                    "The customer of %(n)d record of yours is reserved by somebody else.",
                    "The customers of %(n)d records of yours are reserved by somebody else.",
                    total[user.pk],
                )
                % {"n": total[user.pk]},
                f"{reverse('my_records', args=[first[user.pk]])}?state=conflict",
            )
            for user in User.objects.filter(pk__in=total).order_by("pk")
        ],
    )


# To the owner: of one reservation, or of so many.
SAID = {
    "approved": ngettext_lazy(
        "Your reservation is approved: %(customer)s.", "%(n)d reservations of yours are approved.", "n"
    ),
    "rejected": ngettext_lazy(
        "Your reservation was not approved: %(customer)s.", "%(n)d reservations of yours were not approved.", "n"
    ),
    "released": ngettext_lazy(
        "Your reservation was released: %(customer)s.", "%(n)d reservations of yours were released.", "n"
    ),
    "expired": ngettext_lazy(
        "Your reservation has ended: %(customer)s.", "%(n)d reservations of yours have ended.", "n"
    ),
    "ending": ngettext_lazy("Your reservation ends soon: %(customer)s.", "%(n)d reservations of yours end soon.", "n"),
    "restored": ngettext_lazy(
        "Your reservation is in force again: %(customer)s.", "%(n)d reservations of yours are in force again.", "n"
    ),
    "moved away": ngettext_lazy(
        "Your reservation was moved to somebody else: %(customer)s.",
        "%(n)d reservations of yours were moved to somebody else.",
        "n",
    ),
    "moved here": ngettext_lazy(
        "A reservation was moved to you: %(customer)s.", "%(n)d reservations were moved to you.", "n"
    ),
}


# Where the owner finds them since, in their own list.
FOUND = {
    "approved": "active",
    "rejected": "rejected",
    "released": "ended",
    "expired": "ended",
    "ending": "ending",
    "restored": "active",
    "moved here": "active",
}


def tell_owners(reservations: Iterable[Reservation], what: str) -> None:
    """To each owner, once: `what` (of SAID) became of their reservations."""
    url = reverse("my_reservations") + (f"?status={FOUND[what]}" if what in FOUND else "")
    own: dict[User, list[Reservation]] = {}
    for reservation in reservations:
        own.setdefault(reservation.staff, []).append(reservation)
    notify_each(
        kind=Kind.RESERVATION_ENDING if what in ("ending", "expired") else Kind.RESERVATION_DECIDED,
        lines=[(staff, SAID[what] % {"n": len(theirs), "customer": theirs[0]}, url) for staff, theirs in own.items()],
    )


def about(reservation: Reservation) -> str:
    """What the alert that it waits is known by."""
    return f"reservation/{reservation.pk}/"


def asks(reservation: Reservation) -> str:
    return _("%(name)s asks to reserve %(customer)s.") % {"name": reservation.staff, "customer": reservation}
