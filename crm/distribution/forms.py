"""What people fill in to hand records out and take them back."""

import re
from collections.abc import Iterable
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.forms.models import model_to_dict
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.assignment import MOST_AT_ONCE
from crm.distribution.models import BaseBatch, BaseDatabase
from crm.distribution.settings import settings_of
from crm.registry import Module

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

    def __init__(self, *args: Any, **options: Any) -> None:
        # The page under the dialog may have a form with fields of the same names.
        super().__init__(*args, **{"auto_id": "dialog_%s", **options})


class TransferForm(ConfirmForm):
    """To whom."""

    staff = forms.ModelChoiceField(label=_("Staff member"), queryset=User.objects.working(), empty_label=_("Choose…"))


class KeepForm(ConfirmForm):
    """Why records in conflict stay where they are."""

    note = forms.CharField(
        label=_("Why they stay"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
        help_text=_("Admins see it with the record and in the log of conflicts."),
    )


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


class SettingsForm(forms.Form):
    """What the owner sets for a module: of all settings, those that its policy uses."""

    auto_approve = forms.BooleanField(
        label=_("Approve requests at once"),
        help_text=_("Staff get what they ask for without an admin. Each database can have a rule of its own."),
        required=False,
    )
    most_per_request = forms.IntegerField(
        label=_("Most records per request"),
        help_text=_("Nobody can ask for more at once."),
        min_value=1,
        max_value=MOST_AT_ONCE,
    )
    auto_replace = forms.BooleanField(
        label=_("Replace invalid records at once"),
        help_text=_("A record marked as invalid is archived, and another of the same database takes its place."),
        required=False,
    )
    most_replacements = forms.IntegerField(
        label=_("Most replacements per batch"),
        help_text=_("Beyond that, invalid records wait for an admin."),
        min_value=0,
        max_value=MOST_AT_ONCE,
    )
    staff_see_earlier = forms.BooleanField(
        label=_("Staff see what was said before"),
        help_text=_("The timeline shows them the outcomes and notes of those who had the record before them."),
        required=False,
    )

    def __init__(self, data: Any = None, *, module: Module) -> None:
        self.module = module
        super().__init__(data, prefix=module.key, initial=model_to_dict(settings_of(module)))
        if not module.policy.staff_request:
            del self.fields["auto_approve"], self.fields["most_per_request"]
        if not module.policy.validates:
            del self.fields["auto_replace"], self.fields["most_replacements"]


class ViewForm(forms.Form):
    """A list's query under a name; `view` is the saved view to change, if it is not a new one."""

    page = forms.CharField(max_length=60)
    name = forms.CharField(max_length=60)
    query = forms.CharField(required=False)
    view = forms.IntegerField(required=False, min_value=0)


class PurgeForm(ConfirmForm):
    """How many, typed: what is purged does not come back."""

    typed = forms.IntegerField(label=_("Type how many records are purged"), min_value=1)

    def __init__(self, *args: Any, count: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.count = count
        self.fields["typed"].widget.attrs.update(autocomplete="off", autofocus=True)

    def clean_typed(self) -> int:
        if self.cleaned_data["typed"] != self.count:
            raise forms.ValidationError(_("That is not how many there are."))
        return self.cleaned_data["typed"]


class LeaveForm(ConfirmForm):
    """What happens to the records of somebody who leaves: to the pools, or to the people of `to`, evenly. It has to be
    said when the person holds any, and somebody else could be given them: neither is chosen beforehand."""

    what = forms.ChoiceField(
        label=_("Their records and reservations"),
        choices=[("pools", _("go back to the pools, and end")), ("people", _("go to other people, evenly"))],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": _("Choose what becomes of their records and reservations.")},
    )
    to = forms.ModelMultipleChoiceField(
        label=_("To whom"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, person: User, holds: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        others = User.objects.working().exclude(pk=person.pk)
        cast(forms.ModelMultipleChoiceField, self.fields["to"]).queryset = others
        self.has_others = others.exists()
        self.fields["what"].required = holds and self.has_others

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("what") != "people":
            cleaned["to"] = []
        elif not cleaned.get("to") and "to" not in self.errors:
            self.add_error("to", _("Choose who gets the records."))
        return cleaned
