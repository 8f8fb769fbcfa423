"""The orders of the lists. Each leaves no two rows equal, so that a row is on one page and on one only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, QuerySet

from crm.distribution.names import name_order

Rows = TypeVar("Rows", bound=QuerySet)


@dataclass(frozen=True)
class Order:
    """`keys` as for order_by. Descending is the exact reverse of ascending: an index serves both.

    An order of `held` records is by what only a record has that is or was with somebody.
    """

    keys: tuple[Any, ...]
    held: bool = False


PLACE = ("database_id", "row_number")

RECORD_ORDERS: dict[str, Order] = {
    "customer": Order(("customer_key", "database_id")),
    "name": Order((name_order(), *PLACE)),
    "received": Order(("assigned_at", *PLACE), held=True),
    "worked": Order((F("worked_at").asc(nulls_first=True), *PLACE), held=True),
    "follow_up": Order(("follow_up_on", *PLACE), held=True),
}

# Within one database the row says everything, and an index has the statuses in order.
ORDERS_IN_DATABASE: dict[str, Order] = {
    "row": Order(("row_number",)),
    "status": Order(("status", "row_number")),
    **RECORD_ORDERS,
}

DATABASE_ORDERS: dict[str, Order] = {
    "name": Order(("name", "pk")),
    "uploaded": Order(("created_at", "pk")),
    **{
        name: Order((f"{column}_count", "pk"))
        for name, column in [("records", "record")]
        + [(status, status) for status in ("available", "reserved", "requested", "assigned", "archived")]
    },
}

BATCH_ORDERS: dict[str, Order] = {
    "staff": Order(("staff__name", "staff__username", "-created_at", "-pk")),
    "received": Order(("received_count", "pk")),
    "current": Order(("current_count", "pk")),
    "archived": Order(("archived_count", "pk")),
    "left": Order(("left_count", "pk")),
    "handed_over": Order(("created_at", "pk")),
}


def in_order(rows: Rows, orders: Mapping[str, Order], sort: str) -> Rows:
    """The rows in the order that `sort` names; a minus in front turns it round."""
    rows = rows.order_by(*orders[sort.removeprefix("-")].keys)
    return rows.reverse() if sort.startswith("-") else rows
