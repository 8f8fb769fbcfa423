"""The form of a product. It checks; the services write."""

from typing import Any

from django import forms
from django.apps import apps
from django.utils.translation import gettext_lazy as _

from crm.products.messages import PLACEHOLDERS, unknown_placeholders
from crm.products.models import Product


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ["name", "message_template", "grace_days", "warning_days"]
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "message_template": forms.Textarea(
                attrs={"rows": 4, "placeholder": _("Halo {name}, saya {staff} dari {product}.")}
            ),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["grace_days"].widget.attrs["min"] = 1

    def clean_grace_days(self) -> int | None:
        if self.cleaned_data["grace_days"] == 0:
            raise forms.ValidationError(_("At least one day, or nothing."))
        return self.cleaned_data["grace_days"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not {"grace_days", "warning_days"} & self.errors.keys():
            self._compare_days(cleaned["grace_days"], cleaned["warning_days"])
        return cleaned

    def _compare_days(self, grace: int | None, warning: int | None) -> None:
        """As they are in force: one that is empty is as for all products."""
        if grace is None and warning is None:
            return
        # By name: reservations are of products, and import them.
        settings = apps.get_model("reservations", "ReservationSettings")
        general = settings.objects.filter(pk=1).first() or settings()
        grace = general.grace_days if grace is None else grace
        warning = general.warning_days if warning is None else warning
        if warning >= grace:
            text = _("A reservation would last %(grace)s days, with a warning %(warning)s days before. Warn later.")
            self.add_error("warning_days", text % {"grace": grace, "warning": warning})

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_message_template(self) -> str:
        template = self.cleaned_data["message_template"].replace("\r\n", "\n")
        if unknown := unknown_placeholders(template):
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise forms.ValidationError(
                _("{%(unknown)s} is not filled in. What can be: %(allowed)s."),
                params={"unknown": unknown[0], "allowed": allowed},
            )
        return template
