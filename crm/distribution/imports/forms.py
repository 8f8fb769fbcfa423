"""What people fill in about a file."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from crm.distribution.forms import OnceForm
from crm.distribution.imports.contract import CSV, ENCODINGS
from crm.distribution.imports.models import NAME_MAX_LENGTH, Upload
from crm.products.models import Product

# UTF-8 and UTF-16 are each offered once, however the file marks them.
OFFERED_ENCODINGS = [each for each in ENCODINGS.items() if each[0] not in ("utf-8-sig", "utf-16-le", "utf-16-be")]
DELIMITERS = [(",", _("Comma ,")), (";", _("Semicolon ;")), ("\t", _("Tab")), ("|", _("Bar |"))]


OFFERED_COLUMNS = 200
"""Of a wide file: nobody chooses from more."""


class UploadForm(OnceForm):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, XLSX, XLS or ODS, up to 1,000,000 rows."),
        allow_empty_file=True,  # the service says what is wrong with it
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xls,.ods"}),
    )
    product = forms.ModelChoiceField(
        label=_("Product"), queryset=Product.objects.filter(is_active=True), empty_label=_("Choose…")
    )
    name = forms.CharField(
        label=_("Name"), max_length=NAME_MAX_LENGTH, required=False, help_text=_("Without one, the name of the file.")
    )

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_MAX_BYTES:
            most = settings.UPLOAD_MAX_BYTES // 1_000_000
            raise forms.ValidationError(_("The file is larger than %(mb)d MB.") % {"mb": most})
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("file") and not cleaned.get("name"):
            cleaned["name"] = Path(cleaned["file"].name).stem[:NAME_MAX_LENGTH] or "?"
        return cleaned


class ReadingForm(forms.Form):
    """How the file is read, and which column is what; what was found out is preset."""

    encoding = forms.ChoiceField(label=_("Encoding"), choices=OFFERED_ENCODINGS, required=False)
    delimiter = forms.ChoiceField(label=_("Delimiter"), choices=DELIMITERS, required=False)
    sheet = forms.ChoiceField(label=_("Sheet"), required=False)
    header_row = forms.IntegerField(
        label=_("Header in row"), min_value=0, required=False, help_text=_("0: the table has none.")
    )
    leave_hidden = forms.BooleanField(label=_("Leave out hidden rows"), required=False)
    customer_id = forms.TypedChoiceField(label=_("Customer id"), coerce=int, empty_value=None, required=False)
    name = forms.TypedChoiceField(label=_("Name"), coerce=int, empty_value=None, required=False)
    phone = forms.TypedChoiceField(label=_("Phone"), coerce=int, empty_value=None, required=False)

    ROLES = ("customer_id", "name", "phone")
    LAYOUT = ("encoding", "delimiter", "sheet", "header_row", "leave_hidden")

    fields: dict[str, Any]  # each of the class that is declared above

    def __init__(self, data: Any = None, *, upload: Upload) -> None:
        self.inspection: dict[str, Any] = upload.inspection or {}
        layout = self.inspection.get("layout") or upload.layout or {}
        super().__init__(data, initial={**layout, **(upload.mapping or {})})
        if not self.inspection:
            for role in self.ROLES:
                del self.fields[role]
        columns = list(enumerate(self.inspection.get("headers", [])))
        chosen = {index for role in self.ROLES if (index := self.initial.get(role)) is not None}
        offered = [(index, name[:80]) for index, name in columns if index < OFFERED_COLUMNS or index in chosen]
        for role in self.ROLES:
            if role in self.fields:
                self.fields[role].choices = [("", "–"), *offered]
        is_text = layout.get("kind", CSV) == CSV
        for field in ("encoding", "delimiter") if not is_text else ("sheet",):
            del self.fields[field]
        if not self.inspection.get("hidden"):
            del self.fields["leave_hidden"]
        self._offer_current("delimiter", layout.get("delimiter"))
        self._offer_current("encoding", layout.get("encoding"))
        if "sheet" in self.fields:
            self.fields["sheet"].choices = [(sheet, sheet) for sheet in self.inspection.get("sheets", [])]

    def _offer_current(self, field: str, value: str | None) -> None:
        """What was found out is a choice too, even if it is a rare one."""
        if field in self.fields and value and value not in dict(self.fields[field].choices):
            label = ENCODINGS.get(value, value)
            self.fields[field].choices = [*self.fields[field].choices, (value, label)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = [cleaned[role] for role in self.ROLES if cleaned.get(role) is not None]
        if len(chosen) != len(set(chosen)):
            raise forms.ValidationError(_("Two of customer id, name and phone are the same column."))
        if self._is_same_table(cleaned) and cleaned.get("customer_id") is None and cleaned.get("phone") is None:
            raise forms.ValidationError(_("Choose the column of the customer id, or of the phone."))
        return cleaned

    def layout(self) -> dict[str, Any]:
        """What is fixed about reading the file, for `inspect_file`."""
        return {key: self.cleaned_data[key] for key in self.LAYOUT if self.cleaned_data.get(key) not in (None, "")}

    def mapping(self) -> dict[str, Any] | None:
        """The chosen columns; None when the table is another one, whose columns are not known yet."""
        if not self._is_same_table(self.cleaned_data):
            return None
        return {role: self.cleaned_data.get(role) for role in self.ROLES}

    def _is_same_table(self, cleaned: dict[str, Any]) -> bool:
        """Whether the columns are those of the inspection: read as before."""
        return bool(self.inspection) and all(
            cleaned.get(key) in (None, "", self.initial.get(key)) for key in self.LAYOUT
        )
