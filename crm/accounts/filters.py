"""What the list of people can be narrowed to."""

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, UserQuerySet

CHOICE = forms.Select(attrs={"class": "form-select"})
STATES = {"active": {"is_active": True}, "deactivated": {"is_active": False}}


class PeopleFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        label=_("Search"),
        method="search",
        widget=forms.TextInput(
            attrs={"type": "search", "class": "form-control", "placeholder": _("Name, username or email")}
        ),
    )
    role = django_filters.ChoiceFilter(label=_("Role"), choices=Role.choices, empty_label=_("All roles"), widget=CHOICE)
    state = django_filters.ChoiceFilter(
        label=_("State"),
        method="narrow_state",
        choices=[("active", _("Active")), ("deactivated", _("Deactivated"))],
        empty_label=_("Any state"),
        widget=CHOICE,
    )

    def search(self, people: UserQuerySet, name: str, value: str) -> UserQuerySet:
        return people.matching(value)

    def narrow_state(self, people: UserQuerySet, name: str, value: str) -> UserQuerySet:
        return people.filter(**STATES[value])
