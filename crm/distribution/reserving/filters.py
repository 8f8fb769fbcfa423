"""Filtering the lists of reservations; every filter lives in the URL."""

from collections.abc import Callable
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User
from crm.distribution.filters import StrictFilter
from crm.identity import key_begins_with
from crm.phones import phone_key
from crm.products.models import Product
from crm.reservations.models import ReservationQuerySet

# What `?status=` can name: the label of its tab, and what it selects.
STATUSES: dict[str, tuple[str | Promise, Callable[[Any], ReservationQuerySet]]] = {
    "pending": (_("Waiting"), ReservationQuerySet.pending),
    "active": (_("Active"), ReservationQuerySet.active),
    "ending": (_("Ending soon"), lambda reservations: reservations.ending_soon(timezone.localdate())),
    "ended": (_("Ended"), ReservationQuerySet.ended),
    "rejected": (_("Rejected"), ReservationQuerySet.rejected),
    "standing": (_("Waiting or active"), ReservationQuerySet.standing),
}


def find_customer(reservations: ReservationQuerySet, text: str) -> ReservationQuerySet:
    """Those whose customer id begins with the text, or whose phone it is, in any writing."""
    found = key_begins_with(text)
    if phone := phone_key(text, settings.PHONE_REGION):
        found |= Q(phone_key=phone)
    return reservations.filter(found)


class OwnFilter(StrictFilter):
    """Of one's own reservations. `status` is chosen by the tabs over the list."""

    q = django_filters.CharFilter(
        label=_("Search"),
        method="search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Customer id or phone"), "maxlength": 100}),
    )
    product = django_filters.ModelChoiceFilter(
        label=_("Product"), queryset=Product.objects.all(), empty_label=_("All products")
    )
    status = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[(name, label) for name, (label, _select) in STATUSES.items()],
        method="by_status",
        widget=forms.HiddenInput,
    )

    def search(self, reservations: ReservationQuerySet, _name: str, text: str) -> ReservationQuerySet:
        return find_customer(reservations, text)

    def by_status(self, reservations: ReservationQuerySet, _name: str, status: str) -> ReservationQuerySet:
        return STATUSES[status][1](reservations)

    @property
    def chosen_status(self) -> str:
        """That of the tab, even where another field makes no sense and nothing matches."""
        return ("status" not in self.errors and self.form.cleaned_data["status"]) or ""


class ReservationFilter(OwnFilter):
    staff = django_filters.ModelChoiceFilter(
        label=_("Staff member"), queryset=User.objects.filter(role=Role.STAFF), empty_label=_("Anybody")
    )
