"""The life of a reservation: asked for, entered, approved, moved, ended, restored.

Each is one transaction over the reservation and, through the registry, all records that it matches. Locks in one
order: the product, the staff member, the reservations by key, the records of all modules by key.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.errors import Refused
from crm.history import operation
from crm.products.models import Product
from crm.registry import modules
from crm.reservations.models import Reservation


def lock_product(products: Iterable[Product | int], *, alone: bool = False) -> None:
    """Held until the transaction ends: by reservations together, by an import that adds records `alone`. So neither
    misses what the other one adds.
    """
    keys = sorted(product if isinstance(product, int) else product.pk for product in products)
    lock = "NO KEY UPDATE" if alone else "SHARE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM products_product WHERE id = ANY(%s) ORDER BY id FOR {lock}",  # noqa: S608 (one of two)
            [keys],
        )


def _change(reservations: Collection[Reservation], change: Callable[[], Any], *, again: bool = False) -> Any:
    """Makes the change and settles the records that these match; `again` for one that must first lose its effect."""
    ids = [reservation.pk for reservation in reservations]
    managers = [module.Record.objects for module in modules()]
    matched = [manager.locked_matches(ids) for manager in managers]
    change()
    effects = []
    for manager, records in zip(managers, matched, strict=True):
        if again:
            manager.settle(records, without=ids)
        effects.append(manager.settle(records))
    return sum(effects[1:], effects[0])
