"""Who is the same customer: the keys are what the normalisers give, and nobody is worked twice."""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.identity import customer_key_sql
from crm.phones import phone_key, plain_mobile
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from integrity.check import WARNING, Check, Look, Row, everywhere, names_of, rarely, shared
from integrity.guards import faults

CHECKS = [
    Check(
        "key_drift",
        _("A key that does not fit"),
        _("The keys by which customers are compared are what their ids and phones give today."),
        {"": _("The %(field)s of %(object)s is “%(actual)s”, and should be “%(expected)s”.")},
        applies=everywhere,
    ),
    Check(
        "duplicate_customer",
        _("A customer twice in a database"),
        _("A database has one record for each customer."),
        {"": _("%(object)s is the same customer as record %(expected)s of its database.")},
        severity=WARNING,
        decisions=("",),
    ),
    Check(
        "double_worked",
        _("A customer with two staff members"),
        _("No customer of a product is assigned to two staff members at once."),
        {"": _("%(object)s is the same customer of the product as one that %(expected)s has.")},
        severity=WARNING,
        decisions=("",),
        applies=shared,
    ),
]

# PostgreSQL passes over the ids of plain letters, and the phones that are written as nearly all are, with the keys that
# belong to them; the others are few, and looked at one by one.
CANDIDATES = """
    SELECT r.id, r.phone, r.phone_key, r.customer_key, {customer_key} AS expected FROM "{table}" r WHERE {suspect}
"""
SUSPECT = rarely("""
    NOT (r.customer_key = upper(r.customer_id) AND r.customer_key ~ '^[!-~]+$')
        AND r.customer_key IS DISTINCT FROM {customer_key}
    OR r.customer_key IS NULL
    OR r.phone = '' AND r.phone_key IS NOT NULL
    OR r.phone <> '' AND (r.phone_key = %(country)s || substr(r.phone, %(after)s) AND r.phone ~ %(shape)s)
       IS NOT TRUE
""")
AT_ONCE = 5000


def drifted(model: type[Model]) -> Iterator[Row]:
    """Rows whose keys differ from what the normalisers give."""
    name = model._meta.label_lower
    for pk, phone, stored, customer, expected in _candidates(model):
        if customer != expected:
            yield "key_drift", name, pk, "customer_key", expected or "", customer or "", ""
        key = phone_key(phone, settings.PHONE_REGION) if phone else None
        if key != stored:
            yield "key_drift", name, pk, "phone_key", key or "", stored or "", ""


def _candidates(model: type[Model]) -> Iterator[tuple[int, str, str | None, str | None, str]]:
    """Kept in a table first, which several processes fill at once, and then read through a cursor of the server: a list
    whose phones are all written oddly does not fill the memory.
    """
    country, prefix, mobile = plain_mobile(settings.PHONE_REGION)
    key = customer_key_sql("r.customer_id").replace("%", "%%")
    suspect = SUSPECT.format(customer_key=key)
    query = CANDIDATES.format(customer_key=key, table=model._meta.db_table, suspect=suspect)
    values: dict[str, str | int] = {"country": country, "after": len(prefix) + 1, "shape": f"^{prefix}(?:{mobile})$"}
    name = f"drift_{uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}", values)
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR SELECT * FROM {name}")
        while True:
            cursor.execute(f"FETCH {AT_ONCE} FROM {name}")
            if not (some := cursor.fetchall()):
                break
            yield from some
        cursor.execute(f"CLOSE {name}")
        cursor.execute(f"DROP TABLE {name}")


# Not by the unique index, which is what may be broken: by the rows, through a number that stands for the key.
TWICE = """
    WITH suspects AS MATERIALIZED (
        SELECT r.database_id, hashtextextended({key}, 0) AS number FROM {records} r
        GROUP BY 1, 2 HAVING count(*) > 1
    ), twice AS (
        SELECT r.id, r.database_id, {key} AS key, min(r.id) OVER (PARTITION BY r.database_id, {key}) AS first
        FROM {records} r JOIN suspects s ON s.database_id = r.database_id AND s.number = hashtextextended({key}, 0)
    )
    SELECT 'duplicate_customer', {record}, t.id, 'customer_key', t.first::text, t.key, ''
    FROM twice t WHERE t.id <> t.first
"""


def duplicates(module: Module) -> Iterator[Row]:
    """The later records of a customer. Where the keys are not made as the models say, as after a new rule for them, by
    those that they are going to have: so it is known what becomes a duplicate before they are made anew.
    """
    is_right = not any(fault.guard.name == "customer_key" for fault in faults([module.Record]))
    key = "r.customer_key" if is_right else customer_key_sql("r.customer_id")
    with connection.cursor() as cursor:
        cursor.execute(TWICE.format(key=key, **names_of(module)))
        yield from cursor.fetchall()


def double_worked() -> Look:
    """Of all modules at once: the same customer may be in two of them. Looked for by a number that stands for the key,
    and then compared.
    """
    assigned = " UNION ALL ".join(
        """
        SELECT {record} AS object, r.id, d.product_id, r.customer_key, r.assignee_id
        FROM {records} r JOIN {databases} d ON d.id = r.database_id WHERE r.status = 'assigned'
        """.format(**names_of(module))
        for module in modules()
    )
    return Look(
        ("double_worked",),
        None,
        f"""
        WITH suspects AS MATERIALIZED (
            SELECT product_id, hashtextextended(customer_key, 0) AS number FROM ({assigned}) AS a
            GROUP BY 1, 2 HAVING min(assignee_id) <> max(assignee_id)
        ), twice AS (
            SELECT a.* FROM ({assigned}) AS a JOIN suspects s
                ON s.product_id = a.product_id AND s.number = hashtextextended(a.customer_key, 0)
        )
        SELECT 'double_worked', a.object, a.id, 'assignee_id', (
                   SELECT string_agg(u.username, ', ' ORDER BY u.username) FROM "{User._meta.db_table}" u
                   WHERE u.id = ANY(h.staff) AND u.id <> a.assignee_id
               ), a.assignee_id::text, ''
        FROM twice a JOIN (
            SELECT product_id, customer_key, array_agg(DISTINCT assignee_id) AS staff FROM twice
            GROUP BY 1, 2 HAVING count(DISTINCT assignee_id) > 1
        ) h ON (h.product_id, h.customer_key) = (a.product_id, a.customer_key)
        """,
    )


def looks() -> Iterator[Look]:
    for module in modules():
        yield Look(("key_drift",), module, rows=partial(drifted, module.Record))
        yield Look(("duplicate_customer",), module, rows=partial(duplicates, module))
    yield Look(("key_drift",), None, rows=partial(drifted, Reservation))
    yield double_worked()
