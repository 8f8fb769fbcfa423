"""Choosing the kinds of notifications."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.notices.models import Kind, MutedKind


class KindsForm(forms.Form):
    """The kinds that concern somebody's role; ticked are those that they want."""

    wanted = forms.MultipleChoiceField(
        label=_("Tell me when"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.kinds = Kind.of_role(user.role)
        muted = MutedKind.objects.filter(user=user).values_list("kind", flat=True)
        super().__init__(data, initial={"wanted": [kind for kind in self.kinds if kind not in set(muted)]})
        cast(forms.MultipleChoiceField, self.fields["wanted"]).choices = [
            (kind.value, kind.label) for kind in self.kinds
        ]

    @property
    def unwanted(self) -> list[Kind]:
        return [kind for kind in self.kinds if kind not in self.cleaned_data["wanted"]]

    @property
    def lines(self) -> list[tuple[Any, Any]]:
        """Each box with when its kind is sent."""
        return list(zip(self["wanted"], self.kinds.values(), strict=True))
