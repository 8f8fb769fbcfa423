"""What the bell says of records that come and go: which, of what, and by whom."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.distribution.models import BaseRecord
from crm.registry import module_of

MOST_NAMED = 3
"""So many records are named; of more it is said how many there are, and of which databases."""


@dataclass(frozen=True)
class Some:
    """So many records: the databases that they are of, and their customers if they are few."""

    count: int
    databases: tuple[str, ...]
    customers: tuple[str, ...]

    def __add__(self, other: "Some") -> "Some":
        count = self.count + other.count
        databases = dict.fromkeys((*self.databases, *other.databases))
        return Some(count, tuple(databases), (*self.customers, *other.customers) if count <= MOST_NAMED else ())

    def __str__(self) -> str:
        """ "3 records of Maret and April (ani1, budi2, citra3)" """
        text = ngettext("%(n)d record of %(databases)s", "%(n)d records of %(databases)s", self.count)
        text %= {"n": self.count, "databases": _few(self.databases)}
        return f"{text} ({', '.join(name[:40] for name in self.customers)})" if self.customers else text


def _few(names: tuple[str, ...]) -> str:
    shown = [name[:40] for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        return _("%(names)s and %(n)d more") % {"names": ", ".join(shown), "n": len(names) - MOST_NAMED}
    return _("%(names)s and %(last)s") % {"names": ", ".join(shown[:-1]), "last": shown[-1]} if shown[1:] else shown[0]


EACH = """
    SELECT {person}, count(*), array_agg(DISTINCT d.name), (array_agg(r.customer_id ORDER BY r.id))[1:%(most)s]
    FROM unnest(%(records)s::bigint[], %(people)s::bigint[]) AS o (record, person)
    JOIN "{records}" r ON r.id = o.record JOIN "{databases}" d ON d.id = r.database_id
    GROUP BY 1
"""


def of_holders(model: type[BaseRecord], ids: Collection[int]) -> dict[int, Some]:
    """Of each person, by their key, which of these records are with them; in one query."""
    return _of_each(model, "r.assignee_id", ids, [])


def of_each(model: type[BaseRecord], whose: Mapping[int, int]) -> dict[int, Some]:
    """Of each person, by their key, which of the records are theirs: `whose` names a person for each; in one query."""
    return _of_each(model, "o.person", whose, whose.values())


def _of_each(model: type[BaseRecord], person: str, ids: Iterable[int], people: Iterable[int]) -> dict[int, Some]:
    tables = {"records": model._meta.db_table, "databases": module_of(model).Database._meta.db_table}
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"records": list(ids), "people": list(people), "most": MOST_NAMED}
        cursor.execute(EACH.format(person=person, **tables), values)
        return {
            pk: Some(count, tuple(databases), tuple(customers) if count <= MOST_NAMED else ())
            for pk, count, databases, customers in cursor.fetchall()
        }
