"""How an admin decides what a repair has left."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import User
from integrity.decisions import Choice, decision
from integrity.waiting import Waiting

LEAVE = gettext_lazy("Leave it for now")


class DecisionForm(forms.Form):
    """One of the choices, and to whom it goes where the choice asks. The prefix tells several of one page apart."""

    def __init__(self, choices: Sequence[Choice], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._choices = {each.key: each for each in choices}
        keys = [("", LEAVE), *((each.key, each.label) for each in choices)]
        self.fields["choice"] = forms.ChoiceField(choices=keys, required=False)
        if any(each.asks_staff for each in choices):
            self.fields["staff"] = forms.ModelChoiceField(
                label=gettext_lazy("Staff member"),
                queryset=User.objects.working(),
                required=False,
                empty_label=gettext_lazy("Choose…"),
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    @property
    def staff_field(self) -> BoundField | None:
        return self["staff"] if "staff" in self.fields else None

    @property
    def choice_name(self) -> str:
        return self.add_prefix("choice")

    @property
    def chosen(self) -> str:
        """The key of what is chosen; empty if it is left."""
        return str(self["choice"].value() or "")

    @property
    def options(self) -> list[Choice]:
        return list(self._choices.values())

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        choice = self._choices.get(cleaned.get("choice", ""))
        if choice and choice.asks_staff and not cleaned.get("staff"):
            self.add_error("staff", _("Choose to whom."))
        return cleaned

    def decision(self, only: Sequence[tuple[Any, ...]] = ()) -> dict[str, Any] | None:
        """Of a form that is valid; None if it is left."""
        choice = self._choices.get(self.cleaned_data["choice"])
        return decision(choice.code, choice.key, staff=self.cleaned_data.get("staff"), only=only) if choice else None


class DecisionForms:
    """A form for each check that leaves something to an admin; what the run has decided already is chosen."""

    def __init__(self, waiting: Iterable[Waiting], data: Any = None, decided: Iterable[dict[str, Any]] = ()) -> None:
        chosen = {each["code"]: each for each in decided if not each["only"]}
        self.forms = [
            (each, DecisionForm(each.choices, data, prefix=each.check.code, initial=chosen.get(each.check.code)))
            for each in waiting
        ]

    def __iter__(self) -> Iterator[tuple[Waiting, DecisionForm]]:
        return iter(self.forms)

    def __bool__(self) -> bool:
        return bool(self.forms)

    @property
    def can_decide(self) -> bool:
        return any(waiting.choices for waiting, _form in self.forms)

    def is_valid(self) -> bool:
        return all(form.is_valid() for _waiting, form in self.forms)

    def decisions(self) -> list[dict[str, Any]]:
        return [made for _waiting, form in self.forms if (made := form.decision())]
