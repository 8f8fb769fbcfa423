"""The records of reserved customers, in all modules together."""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from django.core.paginator import Page
from django.db.models import CharField, Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from crm.distribution.querysets import RecordQuerySet
from crm.registry import Module, get_module, modules
from crm.reservations.models import Reservation, ReservationQuerySet

NAMED: dict[str, dict[str, Any]] = {
    "reserved": {"status": "reserved"},
    "conflict": {"is_reservation_conflict": True},
}
"""What a record is that names a reservation."""
SHOWN = ("assignee", "batch", "database", "reservation__staff")


def with_counts(reservations: ReservationQuerySet) -> ReservationQuerySet:
    """Each with `reserved_now` and `conflict_now`: how many records of all modules name it so; in one query."""
    return reservations.annotate(**{f"{name}_now": _counted(name) for name in NAMED})


def _counted(name: str) -> Any:
    return reduce(add, [_counted_in(module, name) for module in modules()])


def _counted_in(module: Module, name: str) -> Coalesce:
    naming = module.Record.objects.filter(reservation=OuterRef("pk"), **NAMED[name]).order_by().values("reservation")
    return Coalesce(Subquery(naming.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


def naming(reservation: Reservation, name: str) -> QuerySet:
    """The key of the module and of each record that names it as `name` says."""
    return _keys(lambda module: module.Record.objects.filter(reservation=reservation, **NAMED[name]))


def matching(reservation: Reservation) -> QuerySet:
    """The same of each record of the customer: what it covers, or would if it were active."""
    return _keys(lambda module: module.Record.objects.with_ids(module.Record.objects.all().match_ids([reservation.pk])))


def _keys(rows: Callable[[Module], RecordQuerySet]) -> QuerySet:
    first, *others = [
        rows(module).order_by().annotate(module_key=Value(module.key, CharField())).values_list("module_key", "pk")
        for module in modules()
    ]
    return first.union(*others, all=True).order_by("module_key", "pk")


def records_of(page: Page) -> list[Any]:
    """The records whose keys are on the page, in its order; one query for each module."""
    keys: dict[str, list[int]] = {}
    for module_key, pk in page.object_list:
        keys.setdefault(module_key, []).append(pk)
    found = {
        module_key: get_module(module_key).Record.objects.select_related(*SHOWN).in_bulk(pks)
        for module_key, pks in keys.items()
    }
    return [found[module_key][pk] for module_key, pk in page.object_list if pk in found[module_key]]
