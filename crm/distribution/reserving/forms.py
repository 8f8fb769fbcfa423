"""What people fill in about reservations."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.forms import ConfirmForm, OnceForm
from crm.distribution.reserving.pasted import MOST_BYTES, entries_of_file, entries_of_text
from crm.errors import Refused
from crm.identity import CUSTOMER_ID_MAX_LENGTH
from crm.products.models import Product
from crm.reservations.entries import MOST_ENTRIES
from crm.reservations.models import ReservationSettings

MOST_SENT, MOST_CHARACTERS = 800_000, 500_000
"""Of a pasted text: what a browser lets through, which in any writing is less than a request may have
(DATA_UPLOAD_MAX_MEMORY_SIZE), and what is accepted. It is less, so that a text that the browser has cut is refused.
"""


def _product() -> forms.ModelChoiceField:
    return forms.ModelChoiceField(label=_("Product"), queryset=Product.objects.active(), empty_label=_("Choose…"))


def _staff() -> forms.ModelChoiceField:
    return forms.ModelChoiceField(label=_("Owner"), queryset=User.objects.working(), empty_label=_("Choose…"))


def _permanent() -> forms.BooleanField:
    return forms.BooleanField(label=_("Permanent"), help_text=_("It does not end by itself."), required=False)


def _note(**options: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Note (optional)"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        **options,
    )


FOR_ADMINS = _("For admins: the owner does not see it.")


class AskForm(OnceForm):
    """Which customer, of which product."""

    product = _product()
    customer_id = forms.CharField(
        label=_("Customer id"), max_length=CUSTOMER_ID_MAX_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    phone = forms.CharField(
        label=_("Phone (optional)"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    note = _note()

    def named(self) -> dict[str, Any]:
        """What the services are told."""
        return {name: value for name, value in self.cleaned_data.items() if name != "token"}


class AddForm(AskForm):
    """And whose it is."""

    staff = _staff()
    note = _note(help_text=FOR_ADMINS)
    is_permanent = _permanent()

    field_order = ("product", "staff", "customer_id", "phone", "note", "is_permanent")


class AddManyForm(OnceForm):
    """Customers of one product for one owner: pasted, or as a file. Both are read here, and what cannot be read is
    said."""

    product = _product()
    staff = _staff()
    text = forms.CharField(
        label=_("Customers"),
        help_text=_("One a line: the customer id, and behind a tab, comma or semicolon the phone if you know it."),
        required=False,
        validators=[MaxLengthValidator(MOST_CHARACTERS, _("This is too much to paste. Choose it as a file instead."))],
        widget=forms.Textarea(
            attrs={
                "rows": 8,
                "spellcheck": "false",
                "maxlength": MOST_SENT,
                "placeholder": "budi88\nsari21; 0812 3456 7890",
            }
        ),
    )
    file = forms.FileField(
        label=_("Or a file"),
        help_text=_("CSV, XLSX, XLS or ODS with a column “customer id” and perhaps “phone”."),
        required=False,
        allow_empty_file=True,  # the reader says what is wrong with it
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xls,.ods"}),
    )
    note = _note(help_text=FOR_ADMINS)
    is_permanent = _permanent()

    most = MOST_ENTRIES

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, text = cleaned.pop("file", None), cleaned.pop("text", "")
        if "file" in self.errors or "text" in self.errors:
            return cleaned
        if bool(file) == bool(text):
            raise forms.ValidationError(
                _("Paste the customers or choose a file, not both.")
                if file
                else _("Paste customers, or choose a file.")
            )
        if file and file.size > MOST_BYTES:
            self.add_error("file", _("The file is larger than %(mb)d MB.") % {"mb": MOST_BYTES // 1_000_000})
            return cleaned
        try:
            cleaned["entries"] = entries_of_file(file.chunks(), file.name) if file else entries_of_text(text)
        except Refused as refused:
            self.add_error("file" if file else "text", str(refused))
        return cleaned

    def named(self) -> dict[str, Any]:
        """What the service is told."""
        return {name: value for name, value in self.cleaned_data.items() if name != "token"}


class RejectForm(ConfirmForm):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Whoever asked reads it. You can leave it out."),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class MoveForm(ConfirmForm):
    """To whom."""

    staff = forms.ModelChoiceField(label=_("New owner"), queryset=User.objects.working(), empty_label=_("Choose…"))


class SettingsForm(forms.ModelForm):
    """How long reservations last, where their product does not say so."""

    prefix = "reservations"

    class Meta:
        model = ReservationSettings
        fields = ("grace_days", "warning_days")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["grace_days"].widget.attrs["min"] = 1

    def clean_grace_days(self) -> int:
        if not self.cleaned_data["grace_days"]:
            raise forms.ValidationError(_("At least one day."))
        return self.cleaned_data["grace_days"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned["warning_days"] >= cleaned["grace_days"]:
            self.add_error("warning_days", _("Fewer than the grace days: the warning comes before the end."))
        return cleaned
