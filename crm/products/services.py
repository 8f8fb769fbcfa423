"""What changes products."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.errors import Refused
from crm.history import operation
from crm.products.messages import unknown_placeholders
from crm.products.models import Product


def add_product(
    *,
    name: str,
    message_template: str = "",
    grace_days: int | None = None,
    warning_days: int | None = None,
    by: User | None,
) -> Product:
    with operation("product.add", by=by):
        product = Product(name=_tidy(name), message_template=message_template.strip())
        product.grace_days, product.warning_days = grace_days, warning_days
        _save(product)
        return product


def edit_product(
    *,
    product: Product,
    name: str,
    message_template: str,
    grace_days: int | None = None,
    warning_days: int | None = None,
    by: User | None,
) -> Product:
    """Sets all of it: without days, its reservations last as those of all products do."""
    with operation("product.edit", by=by):
        product = _lock(product)
        product.name, product.message_template = _tidy(name), message_template.strip()
        product.grace_days, product.warning_days = grace_days, warning_days
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
    if unknown_placeholders(product.message_template):
        raise Refused(_("The message names something that is not filled in."))
    try:
        product.full_clean()
        with transaction.atomic():
            product.save()
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    except IntegrityError as error:  # somebody took the name since full_clean() looked
        raise Refused(_("There is a product of this name.")) from error
