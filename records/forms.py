"""What people fill in to ask for records, and to answer."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.distribution.forms import IdsField, OnceForm
from records.models import AutoApprove, Database


class RequestForm(OnceForm):
    """How many records of which database. `of` makes it the form of that database's row; the browser offers up to
    `most` there, and the service decides."""

    database = forms.ModelChoiceField(queryset=Database.objects.all(), widget=forms.HiddenInput)
    quantity = forms.IntegerField(label=_("How many"), min_value=1)

    def __init__(
        self, data: Any = None, *, of: Database | None = None, most: int = 0, quantity: str | None = None
    ) -> None:
        initial = {"database": of and of.pk, "quantity": quantity}
        super().__init__(data, auto_id=f"id_{of.pk}_%s" if of else False, initial=initial)
        if most:
            self.fields["quantity"].widget.attrs["max"] = most


class ChosenRequestsForm(forms.Form):
    """Which requests an answer is about."""

    ids = IdsField(required=False)
    next = forms.CharField(required=False, widget=forms.HiddenInput)


class RejectForm(OnceForm):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Whoever asked reads it. You can leave it out."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class AutoApproveForm(forms.Form):
    auto_approve = forms.ChoiceField(choices=AutoApprove)
