"""Filtering the lists; every filter lives in the URL."""

from copy import copy
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any, Self

import django_filters
from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User
from crm.distribution.figures import STATE_LABELS, STATUS_FIGURES
from crm.distribution.models import Status
from crm.distribution.names import named
from crm.distribution.querysets import BatchQuerySet, DatabaseQuerySet, RecordQuerySet
from crm.identity import key_begins_with
from crm.phones import phone_key
from crm.products.models import Product

STATUS_METHODS = {name: method for name, _field, method, _sentence in STATUS_FIGURES}
STATUS_LABELS = {**dict(Status.choices), "conflict": _("Conflict")}


def ways_to_find(text: str) -> list[Q]:
    """What a search may mean: the beginning of a customer id, a phone in any writing, words of a name."""
    # PostgreSQL makes the key of the text as it makes those of the records; being constant, it is made once.
    ways = [key_begins_with(text)]
    if phone := phone_key(text, settings.PHONE_REGION):
        ways.append(Q(phone_key=phone))
    if name := named(text):
        ways.append(Q(name))
    return ways


def search_records(records: RecordQuerySet, text: str) -> RecordQuerySet:
    """Records whose customer id begins with `text`, whose phone it is, or in whose name its words are.

    Asks first which of the three finds anything: nearly always one does, and its index alone then answers, where for
    an "or" PostgreSQL would take each name to pieces again.
    """
    everything = records.model.objects
    ways = [way for way in ways_to_find(text) if everything.filter(way).some_ids(1)]
    return records.filter(reduce(or_, ways)) if ways else records.none()


SANE = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31))]
"""Days that have a day before and after them, in every time zone."""


def _day_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class FilterForm(forms.Form):
    """Another form on the page may have fields of the same names; their ids are others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"auto_id": "filter_%s", **options})


class StrictFilter(django_filters.FilterSet):
    """The filter of a list. One that makes no sense matches nothing: an action on all that match, or an export, must
    not be about more than somebody asked for."""

    class Meta:
        form = FilterForm

    @property
    def qs(self) -> Any:
        """What matches, as a queryset of the rows' own kind."""
        return self.queryset.none() if self.errors else super().qs

    @property
    def narrows(self) -> bool:
        """More is asked than what the tabs over the list choose, which is hidden in the form: fewer rows may match
        than a tab counts."""
        if self.errors:
            return True
        by_tabs = [field.name for field in self.form.hidden_fields()]
        return any(value for name, value in self.form.cleaned_data.items() if name not in by_tabs)

    def but_with(self, **chosen: str) -> Self:
        """The same filter, as if the URL said this of these fields."""
        again = copy(self)
        again.data = self.data.copy()
        for name, value in chosen.items():
            again.data[name] = value
        for known in ("_form", "_qs"):
            again.__dict__.pop(known, None)
        return again

    def from_day(self, rows: Any, field: str, day: date) -> Any:
        """Of a moment: from the beginning of that day in the team's time zone."""
        return rows.filter(**{f"{field}__gte": _start_of(day)})

    def until_day(self, rows: Any, field: str, day: date) -> Any:
        return rows.filter(**{f"{field}__lt": _start_of(day + timedelta(days=1))})


def by_day(label: str | Promise, field: str, method: str) -> django_filters.DateFilter:
    """From or until a day: `method` is one of the two of StrictFilter, `field` a moment."""
    return django_filters.DateFilter(label=label, field_name=field, method=method, widget=_day_input(), validators=SANE)


class CustomerFilter(StrictFilter):
    """Of records: which customer, and whose."""

    q = django_filters.CharFilter(
        label=_("Search"),
        method="search",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Customer id, phone or name"), "maxlength": 100}
        ),
    )
    staff = django_filters.ModelChoiceFilter(
        label=_("Staff member"),
        field_name="assignee",
        queryset=User.objects.filter(role=Role.STAFF),
        empty_label=_("Anybody"),
    )

    def search(self, records: RecordQuerySet, _name: str, text: str) -> RecordQuerySet:
        return search_records(records, text)


class RecordFilter(CustomerFilter):
    """`status` is chosen by the tabs over the list; the page has the rest as fields, the days folded away."""

    DAYS = ("received_from", "received_to", "follow_up_from", "follow_up_to")
    """Asked of records that are with somebody, unless a status says otherwise."""

    status = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=list(STATUS_LABELS.items()),
        method="by_status",
        empty_label=_("All"),
        widget=forms.HiddenInput,
    )
    state = django_filters.ChoiceFilter(
        label=_("Outcome"), choices=list(STATE_LABELS.items()), method="by_state", empty_label=_("Any")
    )
    product = django_filters.ModelChoiceFilter(
        label=_("Product"),
        field_name="database__product",
        queryset=Product.objects.all(),
        empty_label=_("All products"),
    )
    received_from = by_day(_("Received from"), "assigned_at", "from_day")
    received_to = by_day(_("Received until"), "assigned_at", "until_day")
    follow_up_from = django_filters.DateFilter(
        label=_("Follow-up from"), field_name="follow_up_on", lookup_expr="gte", widget=_day_input(), validators=SANE
    )
    follow_up_to = django_filters.DateFilter(
        label=_("Follow-up until"), field_name="follow_up_on", lookup_expr="lte", widget=_day_input(), validators=SANE
    )

    def __init__(self, *args: Any, in_database: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if in_database:
            del self.filters["product"]

    def by_status(self, records: RecordQuerySet, _name: str, status: str) -> RecordQuerySet:
        return getattr(records, STATUS_METHODS[status])()

    def by_state(self, records: RecordQuerySet, _name: str, state: str) -> RecordQuerySet:
        return records.in_state(state)

    @property
    def asks_for_held(self) -> bool:
        """By days that only records have that are with somebody, and for no status."""
        asked = self.form.cleaned_data
        return not asked["status"] and any(asked[name] for name in self.DAYS)

    def filter_queryset(self, records: RecordQuerySet) -> RecordQuerySet:
        return super().filter_queryset(records.assigned() if self.asks_for_held else records)

    def count_statuses(self) -> dict[str, int]:
        """How many records each choice of the status would leave, "" for all; in one query."""
        any_status = self.but_with(status="")
        if any_status.errors:
            return dict.fromkeys(["", *STATUS_LABELS], 0)
        is_it = {
            name: Q(is_reservation_conflict=True) if name == "conflict" else Q(status=name) for name in STATUS_LABELS
        }
        of_all = is_it["assigned"] if any_status.asks_for_held else Q()
        rows = super(RecordFilter, any_status).filter_queryset(self.queryset).order_by()
        counts = {f"n_{name}": Count("pk", filter=condition) for name, condition in is_it.items()}
        found = rows.aggregate(n_=Count("pk", filter=of_all), **counts)
        return {name.removeprefix("n_"): count for name, count in found.items()}


def _start_of(day: date) -> datetime:
    """In the team's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class DatabaseFilter(StrictFilter):
    q = django_filters.CharFilter(
        label=_("Search"),
        field_name="name",
        lookup_expr="icontains",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name"), "maxlength": 100}),
    )
    product = django_filters.ModelChoiceFilter(
        label=_("Product"), queryset=Product.objects.all(), empty_label=_("All products")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"), choices=[("archived", _("Archived"))], method="by_state", empty_label=_("In use")
    )

    def by_state(self, databases: DatabaseQuerySet, _name: str, state: str) -> DatabaseQuerySet:
        return databases.hidden()

    def filter_queryset(self, databases: DatabaseQuerySet) -> DatabaseQuerySet:
        if not self.form.cleaned_data.get("state"):
            databases = databases.visible()
        return super().filter_queryset(databases)


class BatchFilter(StrictFilter):
    staff = django_filters.ModelChoiceFilter(
        label=_("Staff member"), queryset=User.objects.filter(role=Role.STAFF), empty_label=_("Anybody")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[("holding", _("With records")), ("empty", _("Nothing left"))],
        method="by_state",
        empty_label=_("All"),
    )

    def by_state(self, batches: BatchQuerySet, _name: str, state: str) -> BatchQuerySet:
        return batches.holding() if state == "holding" else batches.filter(current_count=0)
