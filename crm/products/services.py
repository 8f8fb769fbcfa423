"""What changes products."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.errors import Refused
from crm.history import operation
from crm.products.models import Product


def add_product(*, name: str, by: User | None) -> Product:
    with operation("product.add", by=by):
        product = Product(name=_tidy(name))
        _save(product)
        return product


def rename_product(*, product: Product, name: str, by: User | None) -> Product:
    with operation("product.rename", by=by):
        product = _lock(product)
        product.name = _tidy(name)
        _save(product)
        return product


def deactivate_product(*, product: Product, by: User | None) -> Product:
    """New databases cannot be for it any more; those there are stay as they are."""
    return _switch(product, active=False, by=by)


def reactivate_product(*, product: Product, by: User | None) -> Product:
    return _switch(product, active=True, by=by)


def _switch(product: Product, *, active: bool, by: User | None) -> Product:
    with operation("product.reactivate" if active else "product.deactivate", by=by):
        product = _lock(product)
        if product.is_active == active:
            raise Refused(_("It is active already.") if active else _("It is inactive already."))
        product.is_active = active
        _save(product)
        return product


def _lock(product: Product) -> Product:
    return Product.objects.select_for_update(no_key=True).get(pk=product.pk)


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _save(product: Product) -> None:
    if not product.name:
        raise Refused(_("A product needs a name."))
    try:
        product.full_clean()
        with transaction.atomic():
            product.save()
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    except IntegrityError as error:  # somebody took the name since full_clean() looked
        raise Refused(_("There is a product of this name.")) from error
