"""Filtering the log of conflicts, and the ways to count it."""

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q, Value
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import Role, User
from crm.distribution.conflict_log import RESOLUTIONS, Conflict, ConflictQuerySet
from crm.distribution.filters import StrictFilter, by_day
from crm.distribution.operations import operation_name
from crm.identity import customer_key, is_empty, key_begins_with
from crm.phones import phone_key
from crm.products.models import Product
from crm.registry import modules

BY: dict[str, str | Promise] = {"day": gettext_lazy("Per day"), "person": gettext_lazy("Per staff member")}
"""What `?by=` can name: the log is counted for each of these."""

STATES: dict[str, tuple[str | Promise, str]] = {
    "open": (gettext_lazy("Open"), "conflicts.open"),
    "resolved": (gettext_lazy("Resolved"), "conflicts.resolved"),
}
"""What `?state=` can name: the label of its tab, and its figure."""


def how(resolution: str) -> str:
    """How a conflict ended, in words; nothing for one that is open."""
    if resolution == "unknown":
        return _("Changed outside the app")
    return str(RESOLUTIONS.get(resolution) or operation_name(resolution))


def _ways() -> dict[str, list[str]]:
    """The operations that end conflicts, those too that only the log knows, by what they are called."""
    in_the_log = Conflict.objects.closed().order_by("resolution").values_list("resolution", flat=True).distinct()
    ways: dict[str, list[str]] = {}
    for operation in dict.fromkeys([*RESOLUTIONS, *in_the_log]):
        ways.setdefault(how(operation), []).append(operation)
    return ways


def _staff(label: str | Promise, field: str) -> django_filters.ModelChoiceFilter:
    people, anybody = User.objects.filter(role=Role.STAFF), gettext_lazy("Anybody")
    return django_filters.ModelChoiceFilter(label=label, field_name=field, queryset=people, empty_label=anybody)


class ConflictFilter(StrictFilter):
    """`state` is chosen by the tabs over the list; the days are folded away."""

    DAYS = ("opened_from", "opened_to", "closed_from", "closed_to", "open_on")

    q = django_filters.CharFilter(
        label=gettext_lazy("Search"),
        method="search",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("Customer id or phone"), "maxlength": 100}
        ),
    )
    module = django_filters.ChoiceFilter(
        label=gettext_lazy("Module"),
        choices=lambda: [(module.key, module.label) for module in modules()],
        empty_label=gettext_lazy("All modules"),
    )
    product = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Product"), queryset=Product.objects.all(), empty_label=gettext_lazy("All products")
    )
    staff = _staff(gettext_lazy("Was with"), "staff")
    reserved_by = _staff(gettext_lazy("Reserved by"), "reserved_by")
    how = django_filters.ChoiceFilter(
        label=gettext_lazy("Resolved how"), choices=[], method="by_way", empty_label=gettext_lazy("In any way")
    )
    state = django_filters.ChoiceFilter(
        label=gettext_lazy("State"),
        choices=[(name, label) for name, (label, _figure) in STATES.items()],
        method="by_state",
        widget=forms.HiddenInput,
    )
    opened_from = by_day(gettext_lazy("Began from"), "opened_at", "from_day")
    opened_to = by_day(gettext_lazy("Began until"), "opened_at", "until_day")
    closed_from = by_day(gettext_lazy("Ended from"), "closed_at", "from_day")
    closed_to = by_day(gettext_lazy("Ended until"), "closed_at", "until_day")
    open_on = by_day(gettext_lazy("Open at the end of"), "opened_at", "open_on_day")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ways = _ways()
        # Each is one choice, named for its first operation, where several are called the same.
        self.filters["how"].extra["choices"] = [(operations[0], label) for label, operations in self.ways.items()]

    def search(self, conflicts: ConflictQuerySet, _name: str, text: str) -> ConflictQuerySet:
        """Those whose customer id has the text in it, or whose reservation's id begins with it or phone it is; in any
        writing.
        """
        if is_empty(text):
            return conflicts.none()
        found = Q(key__contains=customer_key(Value(text))) | key_begins_with(text, "key")
        found |= key_begins_with(text, "reservation__customer_key")
        if phone := phone_key(text, settings.PHONE_REGION):
            found |= Q(reservation__phone_key=phone)
        return conflicts.alias(key=customer_key()).filter(found)

    def open_on_day(self, conflicts: ConflictQuerySet, _name: str, day: date) -> ConflictQuerySet:
        """Those that were open when that day ended, or are open now, if it has not ended yet."""
        return conflicts.open_at_the_end_of(day)

    def by_way(self, conflicts: ConflictQuerySet, _name: str, way: str) -> ConflictQuerySet:
        return conflicts.filter(resolution__in=self.ways[how(way)])

    def by_state(self, conflicts: ConflictQuerySet, _name: str, state: str) -> ConflictQuerySet:
        return conflicts.open() if state == "open" else conflicts.closed()
