"""Many reservations at once, for one product and one owner: what becomes of each line that was pasted or read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.errors import Refused
from crm.history import operation
from crm.identity import Named, keys_of
from crm.products.models import Product
from crm.reservations.models import Reservation
from crm.reservations.services import Effect, check_active, clean_customer, lock_products, settle_added

MOST_ENTRIES = 10_000
"""In one go."""


class Outcome(StrEnum):
    ADDED = "added"
    RESERVED = "reserved"
    PENDING = "pending"
    REPEATED = "repeated"
    BAD = "bad"


LABELS: dict[Outcome, Promise] = {
    Outcome.ADDED: _("Added"),
    Outcome.RESERVED: _("Already reserved"),
    Outcome.PENDING: _("Asked for already"),
    Outcome.REPEATED: _("Twice in the list"),
    Outcome.BAD: _("Unusable"),
}


@dataclass(frozen=True)
class Entry:
    """A line: where it stands, and what it names."""

    line: int
    customer_id: str
    phone: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a line; `detail` says by whom the customer is reserved, or what is wrong."""

    entry: Entry
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Entered:
    """The report of a bulk entry."""

    answers: tuple[Answer, ...]
    effect: Effect

    def count(self, outcome: Outcome | str) -> int:
        return sum(answer.outcome == outcome for answer in self.answers)


def add_reservations(
    *, product: Product, staff: User, entries: Sequence[Entry], is_permanent: bool = False, note: str = "", by: User
) -> Entered:
    """Reserves every customer of the entries that is free, for `staff`, at once. The others are reported and left.

    The number of statements does not grow with the entries. Raises Refused when there are too many, or none, or the
    product or the staff member is not active.
    """
    if not entries:
        raise Refused(_("Name at least one customer."))
    if len(entries) > MOST_ENTRIES:
        raise Refused(_("At most %(most)s customers at once.") % {"most": f"{MOST_ENTRIES:,}"})
    with operation("reservation.add", by=by):
        lock_products([product.pk])
        check_active(product)
        lock_working(staff)
        answers: dict[int, Answer] = {}
        wanted: dict[str, tuple[Entry, Named]] = {}
        clean = {entry: _cleaned(entry) for entry in entries}
        good = {entry: found.customer_id for entry, found in clean.items() if not isinstance(found, str)}
        keys = dict(zip(good, keys_of(list(good.values())), strict=True))
        for number, entry in enumerate(entries):
            found = clean[entry]
            if isinstance(found, str):
                answers[number] = Answer(entry, Outcome.BAD, found)
            elif keys[entry] in wanted:
                first = wanted[keys[entry]][0]
                detail = _("The same customer as in line %(line)d.") % {"line": first.line}
                answers[number] = Answer(entry, Outcome.REPEATED, detail)
            else:
                wanted[keys[entry]] = (entry, found)
        added = _insert(product, staff, wanted, is_permanent, note.strip()[:300], by)
        standing = {
            each.customer_key: each
            for each in Reservation.objects.standing()
            .filter(product=product, customer_key__in=wanted.keys() - added.keys())
            .select_related("staff")
        }
        for number, entry in enumerate(entries):
            if number not in answers:
                answers[number] = _answer(entry, keys[entry] in added, standing.get(keys[entry]))
        effect = settle_added(list(Reservation.objects.filter(pk__in=added.values())))
        return Entered(tuple(answers[number] for number in range(len(entries))), effect)


def _cleaned(entry: Entry) -> Named | str:
    """What is to be stored, or what is wrong with it."""
    try:
        return clean_customer(entry.customer_id, entry.phone)
    except Refused as refused:
        return str(refused)


def _insert(
    product: Product,
    staff: User,
    wanted: dict[str, tuple[Entry, Named]],
    is_permanent: bool,
    note: str,
    by: User,
) -> dict[str, int]:
    """The keys of those that were free, each with its new reservation. In the order of the keys, so that two entries of
    the same customers never wait for each other in a ring."""
    rows = [found for _key, (_entry, found) in sorted(wanted.items())]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reservations_reservation
                (product_id, staff_id, customer_id, phone, phone_key, status, is_permanent, note, created_at,
                 created_by_id, decided_by_id)
            SELECT %s, %s, wanted.customer_id, wanted.phone, wanted.phone_key, 'active', %s, %s, now(), %s, %s
            FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY
                 AS wanted(customer_id, phone, phone_key, number)
            ORDER BY number
            ON CONFLICT (product_id, customer_key) WHERE status IN ('pending', 'active') DO NOTHING
            RETURNING customer_key, id
            """,
            [product.pk, staff.pk, is_permanent, note, by.pk, by.pk, *map(list, zip(*rows, strict=True))]
            if rows
            else [product.pk, staff.pk, is_permanent, note, by.pk, by.pk, [], [], []],
        )
        return dict(cursor.fetchall())


def _answer(entry: Entry, added: bool, standing: Reservation | None) -> Answer:
    if added:
        return Answer(entry, Outcome.ADDED)
    if standing is None:  # it ended while we looked: the next entry finds it free
        return Answer(entry, Outcome.RESERVED, str(_("By somebody, until a moment ago. Enter it again.")))
    waiting = standing.status == Reservation.Status.PENDING
    return Answer(entry, Outcome.PENDING if waiting else Outcome.RESERVED, str(standing.staff))
