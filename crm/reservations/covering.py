"""Which reservation covers which record: the one definition, in the one form that PostgreSQL reads in all directions.

A reservation matches a record of the same product when the customer keys are equal, or both name a phone and the phone
keys are equal. It *covers* the record while it is active besides.
"""

from typing import Any

from django.db import models

from crm.reservations.models import Reservation

# Two joins instead of one with OR: each has its index, from the records' side and from the reservations'.
MATCHES = """
    SELECT r.id AS record_id, r.database_id, v.id AS reservation_id, v.staff_id, v.status
    FROM {records} r
    JOIN {databases} d ON d.id = r.database_id
    JOIN "{reservations}" v ON v.product_id = d.product_id AND v.customer_key = r.customer_key
    UNION
    SELECT r.id, r.database_id, v.id, v.staff_id, v.status
    FROM {records} r
    JOIN {databases} d ON d.id = r.database_id
    JOIN "{reservations}" v ON v.product_id = d.product_id AND v.phone_key = r.phone_key
"""


def matches(model: type[models.Model]) -> str:
    """The pairs of this module's records and the reservations that match them, as a query: record_id, database_id,
    reservation_id, and the reservation's staff_id and status.
    """
    database: Any = model._meta.get_field("database").related_model
    return matches_of(f'"{model._meta.db_table}"', f'"{database._meta.db_table}"')


def matches_of(records: str, databases: str) -> str:
    """The same of what is to become records: two relations, in SQL, with the columns `id, database_id, customer_key,
    phone_key` and `id, product_id`.
    """
    return MATCHES.format(records=records, databases=databases, reservations=Reservation._meta.db_table)


def covers(model: type[models.Model]) -> str:
    """Those pairs in which the reservation covers the record."""
    return _covering(matches(model))


def covers_of(records: str, databases: str) -> str:
    """The same of what is to become records (see `matches_of`)."""
    return _covering(matches_of(records, databases))


def _covering(matching: str) -> str:
    return f"SELECT * FROM ({matching}) AS matching WHERE status = 'active'"  # noqa: S608 (the models' own names)
