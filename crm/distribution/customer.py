"""What else there is of a record's customer, as far as a reader may see it."""

from django.db.models import Case, Q, Value, When

from crm.accounts.models import User
from crm.distribution import coverage
from crm.distribution.access import records_for
from crm.distribution.models import BaseRecord
from crm.registry import modules
from crm.reservations.models import Reservation

MOST_RESERVATIONS = 10
MOST_RECORDS = 20
"""More of one customer nobody reads beside a record; the search and the list of reservations have them all."""


def reservations_of(record: BaseRecord, reader: User) -> list[Reservation]:
    """Those that match the record, what is in force first, each with its end; staff see their own."""
    found = Reservation.objects.filter(pk__in=coverage.matching_ids(type(record), record.pk))
    if not reader.is_admin:
        found = found.of(reader)
    place = Case(When(status="active", then=Value(0)), When(status="pending", then=Value(1)), default=Value(2))
    return list(found.with_end().select_related("staff").order_by(place, "-since", "-pk")[:MOST_RESERVATIONS])


def same_customer(record: BaseRecord, reader: User) -> list[BaseRecord]:
    """Other records of the product with the same customer id or phone, in all modules; staff see what is with them."""
    same = Q(customer_key=record.customer_key)
    if record.phone_key:
        same |= Q(phone_key=record.phone_key)
    found: list[BaseRecord] = []
    for module in modules():
        records = records_for(reader, module).filter(same, database__product=record.database.product_id)
        if module == record.module:
            records = records.exclude(pk=record.pk)
        related = ("database", "assignee", "reservation__staff")
        found += records.select_related(*related).defer("data").order_by("-pk")[:MOST_RECORDS]
    return found[:MOST_RECORDS]
