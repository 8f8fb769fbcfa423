"""What staff fill in about the records that are with them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.distribution.forms import ConfirmForm
from crm.distribution.models import BaseRecord, Reach, Response, Validation

MOST_OF_A_NOTE = 2000
MOST_OF_A_REASON = 200


class OutcomeForm(forms.Form):
    """What was noted about one record. A click sends one field; a page without JavaScript sends all of them."""

    reach = forms.ChoiceField(choices=[("", ""), *Reach.choices], required=False)
    response = forms.ChoiceField(choices=[("", ""), *Response.choices], required=False)
    note = forms.CharField(max_length=MOST_OF_A_NOTE, required=False)
    follow_up_on = forms.DateField(required=False)

    def __init__(self, data: Mapping[str, Any], record: BaseRecord) -> None:
        super().__init__(data)
        self.record = record

    def clean_note(self) -> str:
        return self.cleaned_data["note"].replace("\r\n", "\n")

    def clean_follow_up_on(self) -> date | None:
        day: date | None = self.cleaned_data["follow_up_on"]
        if day and day != self.record.follow_up_on and day < timezone.localdate():
            raise forms.ValidationError(_("A follow-up is today or later."))
        return day

    @property
    def outcome(self) -> dict[str, Any]:
        """What was sent and is not so already."""
        sent = {name: value for name, value in self.cleaned_data.items() if name in self.data}
        return {name: value for name, value in sent.items() if value != getattr(self.record, name)}


class ValidationForm(forms.Form):
    """Valid, invalid with a reason, or neither."""

    validation = forms.ChoiceField(choices=[("", ""), *Validation.choices], required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Why is it invalid?"),
        max_length=MOST_OF_A_REASON,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "invalid-reasons"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("validation") == Validation.INVALID and "reason" in cleaned and not cleaned["reason"]:
            self.add_error("reason", _("Say why the record is invalid."))
        return cleaned


KEEP, CLEAR = "keep", "clear"


def _or_keep(choices: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(KEEP, _("Leave as it is")), *choices, (CLEAR, _("Clear"))]


class NoteManyForm(ConfirmForm):
    """An outcome for many records: what is left as it is, is not touched."""

    reach = forms.ChoiceField(label=_("WhatsApp reach"), choices=_or_keep(Reach.choices), initial=KEEP)
    response = forms.ChoiceField(label=_("Response"), choices=_or_keep(Response.choices), initial=KEEP)
    follow_up = forms.ChoiceField(label=_("Follow-up"), choices=_or_keep([("set", _("On this day:"))]), initial=KEEP)
    follow_up_on = forms.DateField(
        label=_("Day of the follow-up"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        day = cleaned.get("follow_up_on")
        if cleaned.get("follow_up") == "set" and "follow_up_on" in cleaned and not day:
            self.add_error("follow_up_on", _("Say on which day."))
        if day and day < timezone.localdate():
            self.add_error("follow_up_on", _("A follow-up is today or later."))
        if not self.errors:
            cleaned["outcome"] = _outcome(cleaned)
            if not cleaned["outcome"]:
                raise forms.ValidationError(_("Choose what to set."))
        return cleaned


def _outcome(answers: dict[str, Any]) -> dict[str, Any]:
    """The fields to set, and to what."""
    chosen = {name: answers[name] for name in ("reach", "response") if answers[name] != KEEP}
    outcome = {name: "" if value == CLEAR else value for name, value in chosen.items()}
    if answers["follow_up"] != KEEP:
        outcome["follow_up_on"] = answers["follow_up_on"] if answers["follow_up"] == "set" else None
    return outcome


class MarkManyForm(ConfirmForm, ValidationForm):
    """Valid or invalid for many records."""

    validation = forms.ChoiceField(
        label=_("Mark as"), choices=[("", _("Choose…")), *Validation.choices, (CLEAR, _("Neither (clear the mark)"))]
    )
    field_order = ["validation", "reason"]


class WorkSearchForm(forms.Form):
    """What staff look for among the records to work, and in which order: the first of `sorts` is that of the list."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Customer id, phone or name"), "maxlength": 100}
        ),
    )

    def __init__(self, *, q: str, sort: str, sorts: Mapping[str, Promise]) -> None:
        first = next(iter(sorts))
        super().__init__(initial={"q": q, "sort": "" if sort == first else sort})
        named = {name: gettext("Sort: %(order)s") % {"order": order} for name, order in sorts.items()}
        choices = [("" if name == first else name, label) for name, label in named.items()]
        self.fields["sort"] = forms.ChoiceField(label=_("Sort by"), required=False, choices=choices)


class BatchNameForm(forms.Form):
    """How a batch is called; without a name it has its number."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("Empty gives it back its number."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    next = forms.CharField(required=False, widget=forms.HiddenInput)
