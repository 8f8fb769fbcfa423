"""Filtering the lists; every filter lives in the URL."""

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User
from crm.distribution.figures import STATUS_FIGURES
from crm.distribution.models import Status
from crm.distribution.querysets import BatchQuerySet, DatabaseQuerySet, RecordQuerySet
from crm.identity import customer_key
from crm.phones import phone_key
from crm.products.models import Product

STATUS_METHODS = {name: method for name, _field, method, _sentence in STATUS_FIGURES}
STATUS_LABELS = {**dict(Status.choices), "conflict": _("Conflict")}


def search_records(records: RecordQuerySet, text: str) -> RecordQuerySet:
    """Records whose customer id begins with `text`, or whose phone it is."""
    # PostgreSQL makes the key of the text as it makes those of the records; being constant, it is made once.
    found = Q(customer_key__startswith=customer_key(Value(text)))
    phone = phone_key(text, settings.PHONE_REGION)
    return records.filter(found | Q(phone_key=phone) if phone else found)


class RecordFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        label=_("Search"),
        method="search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Customer id or phone"), "maxlength": 100}),
    )
    status = django_filters.ChoiceFilter(
        label=_("Status"), choices=list(STATUS_LABELS.items()), method="by_status", empty_label=_("All")
    )
    staff = django_filters.ModelChoiceFilter(
        label=_("Staff member"),
        field_name="assignee",
        queryset=User.objects.filter(role=Role.STAFF),
        empty_label=_("Anybody"),
    )

    def search(self, records: RecordQuerySet, _name: str, text: str) -> RecordQuerySet:
        return search_records(records, text)

    def by_status(self, records: RecordQuerySet, _name: str, status: str) -> RecordQuerySet:
        return getattr(records, STATUS_METHODS[status])()


class DatabaseFilter(django_filters.FilterSet):
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


class BatchFilter(django_filters.FilterSet):
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
