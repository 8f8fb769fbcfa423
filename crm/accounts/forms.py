"""The forms of the people pages and the profile. They check; the services write."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User


class _PersonForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("autocomplete", "off")

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def clean_username(self) -> str:
        return self.cleaned_data["username"].lower()


class EditPersonForm(_PersonForm):
    class Meta:
        model = User
        fields = ["name", "username", "email"]
        help_texts = {
            "username": _("What they type to sign in."),
            "email": _("For links to set a password. Without it, you hand such a link over yourself."),
        }
        widgets = {"username": forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"})}


class _OffersRoles(_PersonForm):
    """Offers the roles that `by` may give."""

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = (Role.STAFF.value, Role.STAFF.label)
        cast(forms.ChoiceField, self.fields["role"]).choices = Role.choices if by.is_owner else [staff]


class InviteForm(_OffersRoles, EditPersonForm):
    class Meta(EditPersonForm.Meta):
        fields = ["name", "username", "email", "role"]


class RoleForm(_OffersRoles):
    class Meta:
        model = User
        fields = ["role"]
        widgets = {"role": forms.Select(attrs={"class": "form-select"})}


class OwnNameForm(_PersonForm):
    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class OwnEmailForm(_PersonForm):
    class Meta:
        model = User
        fields = ["email"]
        widgets = {"email": forms.EmailInput(attrs={"autocomplete": "email"})}
