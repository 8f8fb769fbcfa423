"""The life of a reservation: asked for, entered, approved, moved, ended, restored.

Each is one transaction over the reservation and, through the registry, all records that it matches. Locks in one
order: the products, the staff members, the reservations by key, the records of all modules by key.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.errors import Refused
from crm.history import at_the_end, operation
from crm.identity import CUSTOMER_ID_MAX_LENGTH, Named, customer_key, is_blank, named
from crm.notices.models import Kind
from crm.notices.services import alert, settle_each
from crm.phones import phone_key
from crm.products.models import Product
from crm.registry import Module, modules
from crm.reservations.models import Reservation, ReservationQuerySet, ReservationSettings
from crm.reservations.telling import about, asks, tell_owners, tell_taken


@dataclass(frozen=True)
class Effect:
    """What a change of reservations did: `done` of them changed, `late` were not as they were thought to be.

    `reserved` records came out of the pools and `freed` went back, `conflicts` were flagged and `cleared` no longer
    are. `refused` says of those that could not be changed why not.
    """

    done: int = 0
    late: int = 0
    reserved: int = 0
    freed: int = 0
    conflicts: int = 0
    cleared: int = 0
    refused: tuple[str, ...] = ()
    reservations: tuple[Reservation, ...] = field(default=(), repr=False)


def lock_products(products: Iterable[int], *, alone: bool = False) -> None:
    """Held until the transaction ends: by reservations together, by an import that adds records `alone`. So neither
    misses what the other one adds.
    """
    lock = "NO KEY UPDATE" if alone else "SHARE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM products_product WHERE id = ANY(%s::bigint[]) ORDER BY id FOR {lock}",  # noqa: S608 (one of two)
            [sorted(set(products))],
        )


def ask_reservation(*, product: Product, customer_id: str, phone: str = "", note: str = "", by: User) -> Reservation:
    """A staff member asks for a customer; an admin answers. Raises Refused when the customer is taken or asked for
    already, without saying by whom."""
    with operation("reservation.ask", by=by):
        lock_products([product.pk])
        lock_working(by)
        [reservation] = _create(product, by, customer_id, phone, note=note, status="pending", by=by)
        alert(
            users=User.objects.admins(),
            kind=Kind.RESERVATION_ASKED,
            text=asks(reservation)[:300],
            url=f"{reverse('reservations')}?status=pending",
            about=about(reservation),
        )
        return reservation


def add_reservation(
    *,
    product: Product,
    customer_id: str,
    staff: User,
    phone: str = "",
    is_permanent: bool = False,
    note: str = "",
    by: User | None,
) -> Effect:
    """An admin's own entry (`by` is None at the command line): active at once. Raises Refused when the customer has a
    reservation, or one is asked for, and says whose.
    """
    with operation("reservation.add", by=by):
        lock_products([product.pk])
        lock_working(staff)
        try:
            added = _create(
                product, staff, customer_id, phone, note=note, is_permanent=is_permanent, status="active", by=by
            )
        except Taken as taken:
            raise Refused(_taken_by(taken)) from taken
        return settle_added(added)


def settle_added(added: Sequence[Reservation]) -> Effect:
    """What new active reservations do to records; in the caller's operation, who has locked the product."""
    return _settled(added, lambda: len(added))


def approve_reservations(*, reservations: ReservationQuerySet, by: User) -> Effect:
    """Those that wait become active. One whose owner or product is not active any more goes on waiting."""
    with operation("reservation.approve", by=by):
        asked, waiting = _locked(reservations, ReservationQuerySet.pending)
        able = _able(waiting)
        effect = _settled(able, lambda: _set(able, by, status="active"), late=asked - len(waiting))
        tell_owners(able, "approved")
        _settle_alerts(able)
        return _with_refused(effect, able, waiting)


def reject_reservations(*, reservations: ReservationQuerySet, by: User | None, reason: str = "") -> Effect:
    with operation("reservation.reject", by=by):
        asked, waiting = _locked(reservations, ReservationQuerySet.pending)
        _set(waiting, by, status="rejected", reason=reason.strip()[:300])
        tell_owners(waiting, "rejected")
        _settle_alerts(waiting)
        return Effect(done=len(waiting), late=asked - len(waiting))


def withdraw_reservation(*, reservation: Reservation, by: User) -> None:
    """Takes back what one has asked for. Raises Refused when it was decided."""
    with operation("reservation.withdraw", by=by):
        _asked, waiting = _locked(Reservation.objects.filter(pk=reservation.pk, staff=by), ReservationQuerySet.pending)
        if not waiting:
            raise Refused(_("This reservation was decided already. Nothing was changed."))
        _set(waiting, by, status="rejected")
        _settle_alerts(waiting)


def release_reservations(*, reservations: ReservationQuerySet, by: User | None) -> Effect:
    """Active ones end: their customers are free."""
    with operation("reservation.release", by=by):
        asked, active = _locked(reservations, ReservationQuerySet.active)
        effect = _settled(active, lambda: _set(active, by, status="released"), late=asked - len(active))
        tell_owners(active, "released")
        return effect


def expire_reservations(*, today: date, among: ReservationQuerySet | None = None) -> Effect:
    """Ends the active ones that are due on that day: all, or those of the selection."""
    with operation("reservation.expire", by=None):
        # Whoever has moved one, or made it permanent, meanwhile comes first: it is not due any more.
        due = partial(ReservationQuerySet.due, today=today)
        selected = Reservation.objects.all() if among is None else among
        asked, ending = _locked(due(selected), due)
        effect = _settled(ending, lambda: _set(ending, None, status="expired"), late=asked - len(ending))
        tell_owners(ending, "expired")
        return effect


def restore_reservations(*, reservations: ReservationQuerySet, by: User | None) -> Effect:
    """Ended ones become active again, where the customer is still free, and the owner and the product are active."""
    with operation("reservation.restore", by=by):
        asked, ended = _locked(reservations, ReservationQuerySet.ended, alone=True)
        standing = Reservation.objects.standing().filter(customer_key__in=[each.customer_key for each in ended])
        taken = set(standing.values_list("product", "customer_key"))
        able = []
        newest_first = sorted(ended, key=lambda each: each.since, reverse=True)
        for each in _able(newest_first):  # of two of a customer, the newer
            if (each.product_id, each.customer_key) not in taken:
                taken.add((each.product_id, each.customer_key))
                able.append(each)
        change = partial(_set, able, by, status="active", last_deposit_on=None, warned_on=None)
        effect = _settled(able, change, late=asked - len(ended))
        tell_owners(able, "restored")
        return _with_refused(effect, able, ended)


def move_reservations(*, reservations: ReservationQuerySet, to: User, by: User | None) -> Effect:
    """Active ones belong to somebody else from now on, whose time of grace begins now; what they did to records is
    reversed first, and then applied for the new owner.
    """
    with operation("reservation.move", by=by):
        asked, active = _locked(reservations, ReservationQuerySet.active, to)
        lock_working(to)
        moving = [each for each in active if each.staff_id != to.pk]
        change = partial(_set, moving, by, staff=to, last_deposit_on=None, warned_on=None)
        effect = _settled(moving, change, late=asked - len(moving), again=True)
        tell_owners(moving, "moved away")
        for each in moving:
            each.staff = to
        tell_owners(moving, "moved here")
        return effect


def change_permanence(*, reservations: ReservationQuerySet, permanent: bool, by: User) -> int:
    """Whether they end by themselves; how many were changed. Records are as they were."""
    with operation("reservation.keep", by=by):
        _asked, standing = _locked(reservations, ReservationQuerySet.standing)
        changing = [each.pk for each in standing if each.is_permanent != permanent]
        return Reservation.objects.filter(pk__in=changing).update(is_permanent=permanent, warned_on=None)


def leave_reservations(*, reservations: Iterable[Reservation], to: Sequence[User], by: User) -> int:
    """Their owner leaves: active ones go to the people of `to` in turn, or end when there is nobody; what waits is
    rejected. Returns how many have moved. The caller has locked them and the people, and settles the records: without
    these, and then with them.
    """
    with operation("person.leave", by=by):
        reservations = list(reservations)
        waiting = [each for each in reservations if each.status == Reservation.Status.PENDING]
        active = [each for each in reservations if each.status == Reservation.Status.ACTIVE]
        _set(waiting, by, status="rejected")
        _settle_alerts(waiting)
        if not to:
            _set(active, by, status="released")
            return 0
        for number, receiver in enumerate(to):
            share = active[number :: len(to)]
            _set(share, by, staff=receiver, last_deposit_on=None, warned_on=None)
            for each in share:
                each.staff = receiver
        tell_owners(active, "moved here")
        return len(active)


def settings_of_reservations() -> ReservationSettings:
    """What the owner has set, or how it is before anybody has."""
    return ReservationSettings.objects.filter(pk=1).first() or ReservationSettings()


def change_reservation_settings(*, by: User, **values: Any) -> ReservationSettings:
    with operation("settings.change", by=by):
        return ReservationSettings.objects.update_or_create(pk=1, defaults=values)[0]


class Taken(Refused):
    """The customer has a standing reservation already."""

    def __init__(self, reservation: Reservation | None) -> None:
        super().__init__(_("This customer is reserved, or asked for, already. Nothing was changed."))
        self.reservation = reservation


def _taken_by(taken: Taken) -> str:
    if taken.reservation is None:
        return str(taken)
    text = (
        _("%(name)s has asked for this customer.")
        if taken.reservation.status == "pending"
        else _("%(name)s has reserved this customer.")
    )
    return f"{text % {'name': taken.reservation.staff}} {_('Nothing was changed.')}"


def clean_customer(customer_id: str, phone: str) -> Named:
    """Whom an id and a phone name. Raises Refused for what names nobody."""
    customer_id, phone = customer_id.replace("\0", "").strip(), phone.replace("\0", "").strip()
    if is_blank(customer_id) and not phone:
        raise Refused(_("Say which customer: an id is missing."))
    if len(customer_id) > CUSTOMER_ID_MAX_LENGTH:
        raise Refused(_("The customer id is too long: at most %(most)d characters.") % {"most": CUSTOMER_ID_MAX_LENGTH})
    key = phone_key(phone, settings.PHONE_REGION) if phone else None
    if phone and key is None:
        raise Refused(_("“%(phone)s” is not a phone number.") % {"phone": phone[:60]})
    return named(customer_id, phone, key)


def _create(
    product: Product, staff: User, customer_id: str, phone: str, *, by: User | None, **values: Any
) -> list[Reservation]:
    customer = clean_customer(customer_id, phone)
    check_active(product)
    values["note"] = values["note"].strip()[:300]
    decided = by if values["status"] == "active" else None
    reservation = Reservation(
        product=product,
        staff=staff,
        **customer._asdict(),
        created_by=by,
        decided_by=decided,
        **values,
    )
    try:
        with transaction.atomic():
            reservation.save(force_insert=True)
    except IntegrityError as error:
        if "reservation_one_for_a_customer" not in str(error):
            raise
        raise Taken(_standing(product, customer.customer_id)) from error
    return [reservation]


def check_active(product: Product) -> None:
    """As it is now, the product being locked. Raises Refused when nothing can be reserved for it."""
    if not Product.objects.active().filter(pk=product.pk).exists():
        raise Refused(_("“%(name)s” is inactive: nothing is reserved for it.") % {"name": product})


def _standing(product: Product, customer_id: str) -> Reservation | None:
    found = Reservation.objects.standing().filter(product=product, customer_key=customer_key(Value(customer_id)))
    return found.select_related("staff").first()


def _locked(
    reservations: ReservationQuerySet,
    still: Callable[[ReservationQuerySet], ReservationQuerySet],
    *people: User,
    alone: bool = False,
) -> tuple[int, list[Reservation]]:
    """How many were meant, and those of them that are `still` so, locked, their products and owners before them.

    With `alone`, nobody reserves anything else of these products meanwhile.
    """
    meant = list(reservations.order_by().values_list("pk", "product_id", "staff_id"))
    ids = [pk for pk, _product, _staff in meant]
    lock_products((product for _pk, product, _staff in meant), alone=alone)
    owners = {staff for _pk, _product, staff in meant} | {person.pk for person in people}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM accounts_user WHERE id = ANY(%s::bigint[]) ORDER BY id FOR SHARE", [sorted(owners)]
        )
    found = still(Reservation.objects.filter(pk__in=ids)).select_related("staff", "product")
    return len(ids), found.locked()


def _set(reservations: Collection[Reservation], by: User | None, **values: Any) -> int:
    keys = [each.pk for each in reservations]
    return Reservation.objects.filter(pk__in=keys).update(since=Now(), decided_by=by, **values)


def _settled(
    reservations: Collection[Reservation], change: Callable[[], int], *, late: int = 0, again: bool = False
) -> Effect:
    """Makes the change and settles the records that these match; `again` for those that first lose their effect.

    The change comes before the records are locked: it may wait for somebody who enters the same customer.
    """
    ids = [each.pk for each in reservations]
    done = change()
    matched: dict[Module, list[int]] = {}
    for module in modules():
        everything = module.Record.objects.all()
        matched[module] = everything.with_ids(everything.match_ids(ids)).locked_ids()
    if again:
        for module, records in matched.items():
            module.Record.objects.lock_counts(records)
    effects = []
    taken: dict[Module, Counter[int]] = {}
    for module, records in matched.items():
        before = module.Record.objects.settle(records, without=ids if again else ())
        after = module.Record.objects.settle(records) if again else before
        taken[module] = after.taken
        effects.append(_net(before, after) if again else before)
    tell_taken(taken)
    return Effect(
        done=done,
        late=late,
        reserved=sum(effect.reserved for effect in effects),
        freed=sum(effect.freed for effect in effects),
        conflicts=sum(len(effect.flagged) for effect in effects),
        cleared=sum(len(effect.cleared) for effect in effects),
        reservations=tuple(reservations),
    )


def _net(first: Any, then: Any) -> Any:
    """What is different after both: what the first took back and the second has set again is as it was."""
    kept = min(first.freed, then.reserved)
    return replace(
        first,
        freed=first.freed - kept,
        reserved=then.reserved - kept,
        flagged={pk: staff for pk, staff in then.flagged.items() if pk not in first.cleared},
        cleared=first.cleared - then.flagged.keys(),
    )


def _able(reservations: Iterable[Reservation]) -> list[Reservation]:
    """Those that can come into force: their owner works, and their product is active. Both are locked."""
    working = set(User.objects.working().values_list("pk", flat=True))
    active = set(Product.objects.active().values_list("pk", flat=True))
    return [each for each in reservations if each.staff_id in working and each.product_id in active]


def _with_refused(effect: Effect, able: Iterable[Reservation], meant: Iterable[Reservation]) -> Effect:
    done = {each.pk for each in able}
    text = _("%(customer)s: %(name)s or the product is not active any more, or the customer is reserved already.")
    refused = (text % {"customer": each, "name": each.staff} for each in meant if each.pk not in done)
    return replace(effect, refused=tuple(refused))


def _settle_alerts(reservations: Iterable[Reservation]) -> None:
    abouts = frozenset(about(each) for each in reservations)
    at_the_end(abouts, partial(settle_each, abouts))
