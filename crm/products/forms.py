"""The form of a product. It checks; the services write."""

from django import forms

from crm.products.models import Product


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())
