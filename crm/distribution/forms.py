"""What people fill in to hand records out and take them back."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.assignment import MOST_AT_ONCE
from crm.distribution.models import BaseBatch, BaseDatabase

KEY = re.compile("[0-9]{1,18}")
"""What a key looks like; a longer number is none, and PostgreSQL could not compare it."""


class IdsField(forms.Field):
    """The keys of chosen rows, one hidden input each."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Iterable[str] | None) -> list[int]:
        items = list(value or [])
        if not all(KEY.fullmatch(item) for item in items):
            raise forms.ValidationError(_("The list of chosen rows is not readable. Choose them again."))
        return [int(item) for item in items]


class SelectionForm(forms.Form):
    """Which rows an action is about: those chosen, or everything that the list's filter matches."""

    ids = IdsField(required=False)
    everything = forms.BooleanField(required=False, widget=forms.HiddenInput)
    next = forms.CharField(required=False, widget=forms.HiddenInput)


class OnceForm(forms.Form):
    """A form that takes effect once: its token is claimed by the write (crm.distribution.submissions)."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class ConfirmForm(OnceForm):
    """The second step of an action on chosen rows; `expected` is the fingerprint of what the first step showed."""

    expected = forms.CharField(widget=forms.HiddenInput)


class TransferForm(ConfirmForm):
    """To whom."""

    staff = forms.ModelChoiceField(label=_("Staff member"), queryset=User.objects.working(), empty_label=_("Choose…"))


class BatchField(forms.ModelChoiceField):
    def label_from_instance(self, batch: BaseBatch) -> str:
        return f"{batch.staff} · {batch}"


class IntoBatch(forms.Form):
    """To whom, and where the module allows it into which batch of that person."""

    staff = forms.ModelChoiceField(label=_("Staff member"), queryset=User.objects.working(), empty_label=_("Choose…"))

    def __init__(self, *args: Any, database: BaseDatabase, **options: Any) -> None:
        super().__init__(*args, **options)
        if database.module.policy.assigns_into_existing_batch:
            batches = database.module.Batch.objects.filter(database=database, staff__is_active=True)
            self.fields["batch"] = BatchField(
                label=_("Into"),
                queryset=batches.select_related("staff"),
                required=False,
                empty_label=_("a new batch"),
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        batch, staff = cleaned.get("batch"), cleaned.get("staff")
        if batch and staff and batch.staff_id != staff.pk:
            self.add_error("batch", _("That batch belongs to %(name)s.") % {"name": batch.staff})
        return cleaned


class AssignForm(IntoBatch, ConfirmForm):
    """Chosen records to a staff member."""


class RandomForm(IntoBatch, OnceForm):
    """How many, drawn at random from the pool."""

    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=MOST_AT_ONCE)
