"""The log of conflicts as a list: its filter, its columns, its order."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Case, CharField, F, OuterRef, QuerySet, Subquery, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.access import SignedInRequest
from crm.accounts.models import Role, User
from crm.distribution.columns import Column
from crm.distribution.conflict_log import RESOLUTIONS, Conflict, ConflictQuerySet
from crm.distribution.filters import StrictFilter, by_day
from crm.distribution.ledger import OPERATIONS
from crm.distribution.listing import Listing
from crm.distribution.ordering import Order
from crm.products.models import Product
from crm.registry import get_module, modules

STATES: dict[str, tuple[str | Promise, str]] = {
    "open": (gettext_lazy("Open"), "conflicts.open"),
    "resolved": (gettext_lazy("Resolved"), "conflicts.resolved"),
}
"""What `?state=` can name: the label of its tab, and its figure."""


def how(resolution: str) -> str:
    """How a conflict ended, in words; nothing for one that is open."""
    if resolution == "unknown":
        return _("Changed outside the app")
    return str(RESOLUTIONS.get(resolution) or OPERATIONS.get(resolution) or resolution)


def _ways() -> list[tuple[str, str]]:
    """Each way once, where several operations are called the same."""
    return [(operation, label) for label, operation in {how(each): each for each in RESOLUTIONS}.items()]


def _staff(label: str | Promise, field: str) -> django_filters.ModelChoiceFilter:
    people = User.objects.filter(role=Role.STAFF)
    return django_filters.ModelChoiceFilter(label=label, field_name=field, queryset=people, empty_label=_("Anybody"))


class ConflictFilter(StrictFilter):
    """`state` is chosen by the tabs over the list; the days are folded away."""

    DAYS = ("opened_from", "opened_to", "closed_from", "closed_to")

    q = django_filters.CharFilter(
        label=gettext_lazy("Search"),
        field_name="customer_id",
        lookup_expr="icontains",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Customer id"), "maxlength": 100}),
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
        label=gettext_lazy("Resolved how"), choices=_ways, method="by_way", empty_label=gettext_lazy("In any way")
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

    def by_way(self, conflicts: ConflictQuerySet, _name: str, way: str) -> ConflictQuerySet:
        return conflicts.filter(resolution__in=[each for each in RESOLUTIONS if how(each) == how(way)])

    def by_state(self, conflicts: ConflictQuerySet, _name: str, state: str) -> ConflictQuerySet:
        return conflicts.open() if state == "open" else conflicts.closed()


def _module(key: str) -> str:
    return str(get_module(key).label)


def _person(name: str | None, username: str | None) -> str:
    return name or username or ""


def _state(closed_at: Any) -> str:
    return str(STATES["resolved" if closed_at else "open"][0])


COLUMNS = [
    Column("customer", gettext_lazy("Customer"), ("customer_id",)),
    Column("product", gettext_lazy("Product"), ("product__name",), in_file_only=True),
    Column("database", gettext_lazy("Database"), ("database_name",)),
    Column("module", gettext_lazy("Module"), ("module",), _module, in_file_only=True),
    Column("staff", gettext_lazy("Was with"), ("staff__name", "staff__username"), _person),
    Column("reserved_by", gettext_lazy("Reserved by"), ("reserved_by__name", "reserved_by__username"), _person),
    Column("opened", gettext_lazy("Began"), ("opened_at",), sort="-opened"),
    Column("state", gettext_lazy("State"), ("closed_at",), _state, sort="-closed"),
    Column("how", gettext_lazy("Resolved how"), ("resolution",), how, in_file_only=True),
    Column("by", gettext_lazy("By"), ("closed_by__name", "closed_by__username"), _person, in_file_only=True),
    Column("closed", gettext_lazy("Ended"), ("closed_at",), in_file_only=True),
    Column("note", gettext_lazy("Note"), ("note",), in_file_only=True),
]

ORDERS = {
    "opened": Order(("opened_at", "pk")),
    "closed": Order((F("closed_at").asc(nulls_first=True), "opened_at", "pk")),
}


def database_name() -> Case:
    """What the database of each is called; nothing for one that is gone."""
    return Case(
        *(
            When(
                module=module.key,
                then=Subquery(module.Database.objects.filter(pk=OuterRef("database_id")).values("name")),
            )
            for module in modules()
        ),
        output_field=CharField(),
    )


class ConflictList(Listing):
    """The log as the URL filters and sorts it."""

    filter: ConflictFilter
    folded = ConflictFilter.DAYS

    def __init__(self, request: SignedInRequest) -> None:
        super().__init__(
            request,
            None,
            filter=ConflictFilter(request.GET, self.scope),
            columns=COLUMNS,
            orders=ORDERS,
            default_order=["-opened_at", "-pk"],
            name="conflicts",
            here=reverse("conflicts"),
        )

    @property
    def scope(self) -> ConflictQuerySet:
        related = ("product", "staff", "reserved_by", "closed_by")
        return Conflict.objects.select_related(*related)

    @property
    def ordered_rows(self) -> QuerySet:
        return super().ordered_rows.annotate(database_name=database_name())

    @property
    def state(self) -> str:
        return self.filter.form.cleaned_data["state"] if self.filter.form.is_valid() else ""

    @property
    def tabs(self) -> list[tuple[str, str | Promise, str, str]]:
        """Each state: its value, its name, its figure, and the list of it."""
        tabs: list[tuple[str, str | Promise, str, str]] = [
            ("", _("All"), "conflicts.all", self.url(state=None, by=None))
        ]
        for name, (label, figure) in STATES.items():
            tabs.append((name, label, figure, self.url(state=name, by=None)))
        return tabs

    @property
    def summaries(self) -> list[tuple[str, str, str]]:
        """The ways to look at it: row by row, or counted for each day or person. Their names and URLs."""
        return [("", _("Log"), self.url(by=None)), *((by, label, self.url(by=by)) for by, label in BY.items())]

    @property
    def by(self) -> str:
        asked = self.request.GET.get("by", "")
        return asked if asked in BY else ""


BY: dict[str, str] = {"day": gettext_lazy("Per day"), "person": gettext_lazy("Per staff member")}  # type: ignore[dict-item]
