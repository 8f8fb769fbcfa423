"""Reservations: one for a customer, not past its time, and somebody's."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_q.models import Schedule

from crm.accounts.models import User
from crm.identity import customer_key_sql
from crm.products.models import Product
from crm.reservations.models import Reservation, ReservationSettings
from integrity.check import Check, Look, Row, literal, shared

CHECKS = [
    Check(
        "reservation_duplicate",
        _("Reserved twice"),
        _("A customer of a product has one reservation that waits or is active."),
        {
            "": _("%(object)s is for the same customer as reservation %(expected)s, which came first."),
            "whose": _("%(object)s is for the same customer as reservation %(expected)s, which is somebody else's."),
        },
        decisions=("whose",),
        applies=shared,
    ),
    Check(
        "reservation_overdue",
        _("Reservation past its time"),
        _("No active reservation is past its days of grace."),
        {"": _("%(object)s should have ended on %(expected)s.")},
        applies=shared,
    ),
    Check(
        "reservation_owner_not_working",
        _("Reserved by somebody who does not work"),
        _("Reservations that wait or are active belong to active staff members."),
        {"": _("%(actual)s, whose %(object)s is, is not an active staff member.")},
        decisions=("",),
        applies=shared,
    ),
]

LATE = timedelta(hours=1)
"""The nightly run of a day has had the time to end what was due by then."""

A_NIGHT = timedelta(hours=26)

TABLE = f'"{Reservation._meta.db_table}"'
OBJECT = literal(Reservation._meta.label_lower)


def standing() -> str:
    """Of a customer's reservations that stand, the one that stays: active rather than waiting, the oldest of these.

    By what the ids say, not by the stored keys: those may be of an old rule.
    """
    return f"""
        SELECT v.*, first_value(v.id) OVER same AS first, first_value(v.staff_id) OVER same AS first_staff
        FROM {TABLE} v WHERE v.status IN ('pending', 'active')
        WINDOW same AS (PARTITION BY product_id, {customer_key_sql("v.customer_id")} ORDER BY v.status, v.since, v.id)
    """


WHOSE = "s.status = 'active' AND s.staff_id <> s.first_staff"
"""Both are active, and of two people: nobody but an admin knows whose the customer is."""


def duplicates() -> Look:
    return Look(
        ("reservation_duplicate",),
        None,
        f"""
        SELECT 'reservation_duplicate', {OBJECT}, s.id, 'customer_key', s.first::text, s.customer_key,
               CASE WHEN {WHOSE} THEN 'whose' ELSE '' END
        FROM ({standing()}) s WHERE s.id <> s.first
        """,
    )


def overdue() -> Iterator[Row]:
    """What the nightly run has left, if it has run. What was changed since yesterday, or its time, ends tonight."""
    now = timezone.now()
    if Schedule.objects.filter(func="crm.reservations.expiry.run_expiry", next_run__lt=now).exists():
        return
    if _changed(ReservationSettings).exists():
        return
    due = Reservation.objects.due(overdue_day())
    due = due.exclude(pk__in=_changed(Reservation)).exclude(product__in=_changed(Product))
    for late in due.order_by("pk").iterator():
        yield ("reservation_overdue", Reservation._meta.label_lower, late.pk, "status", str(vars(late)["ends_on"]),
               late.status, "")  # fmt: skip


def overdue_day() -> date:
    """The day whose nightly run has ended all that was due."""
    return timezone.localdate(timezone.now() - LATE)


def _changed(model: Any) -> QuerySet:
    """The keys of the rows that were changed within a day and a night."""
    recent = model.pgh_event_model.objects.filter(pgh_label="update", pgh_created_at__gt=timezone.now() - A_NIGHT)
    return recent.values("pgh_obj_id")


def owners() -> Look:
    return Look(
        ("reservation_owner_not_working",),
        None,
        f"""
        SELECT 'reservation_owner_not_working', {OBJECT}, v.id, 'staff_id', '', u.username, ''
        FROM {TABLE} v JOIN "{User._meta.db_table}" u ON u.id = v.staff_id
        WHERE v.status IN ('pending', 'active') AND NOT (u.is_active AND u.role = 'staff')
        """,
    )


def looks() -> Iterator[Look]:
    yield duplicates()
    yield Look(("reservation_overdue",), None, rows=overdue)
    yield owners()
