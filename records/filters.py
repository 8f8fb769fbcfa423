"""Filtering the lists of requests, and of what can be requested; every filter lives in the URL."""

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User
from crm.distribution.filters import DatabaseFilter, StrictFilter
from records.models import Request, RequestQuerySet


class OpenDatabaseFilter(DatabaseFilter):
    """Databases that are not archived."""

    state = None


class RequestFilter(StrictFilter):
    """Requests of one state: those that wait, unless the URL names another."""

    state = django_filters.ChoiceFilter(choices=Request.State.choices, widget=forms.HiddenInput)
    staff = django_filters.ModelChoiceFilter(
        label=_("Staff member"), queryset=User.objects.filter(role=Role.STAFF), empty_label=_("Anybody")
    )

    @property
    def chosen_state(self) -> str:
        """That of the tab, even where another field makes no sense and nothing matches."""
        return ("state" not in self.errors and self.form.cleaned_data["state"]) or Request.State.PENDING

    def filter_queryset(self, requests: RequestQuerySet) -> RequestQuerySet:
        """Whoever has waited longest comes first; of the decided ones, the last decided."""
        ordering = ["created_at", "pk"] if self.chosen_state == Request.State.PENDING else ["-decided_at", "-pk"]
        return super().filter_queryset(requests.filter(state=self.chosen_state)).order_by(*ordering)
