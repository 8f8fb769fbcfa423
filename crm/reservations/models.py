"""Reservations: a customer of a product belongs to a staff member, and others must not receive that customer for it.

The table is `reservations_reservation`. What a reservation does to records is decided in one place,
`crm.reservations.covering`.
"""

from datetime import date
from typing import TYPE_CHECKING

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Subquery
from django.db.models.functions import Coalesce, Now, TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.constraints import final, no_truncate
from crm.identity import CUSTOMER_ID_MAX_LENGTH, customer_key

if TYPE_CHECKING:
    from crm.accounts.models import User

GRACE_DAYS = 30
WARNING_DAYS = 5


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ReservationSettings(models.Model):
    """How long reservations last, for all products that do not say so themselves. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    grace_days = models.PositiveSmallIntegerField(
        _("grace days"), default=GRACE_DAYS, help_text=_("A reservation ends so many days after the last deposit.")
    )
    warning_days = models.PositiveSmallIntegerField(
        _("warning days"), default=WARNING_DAYS, help_text=_("Its owner is warned so many days before it ends.")
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="reservation_settings_once"),
            models.CheckConstraint(condition=Q(grace_days__gt=0), name="reservation_settings_last_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.grace_days} / {self.warning_days}"


class _Days(Func):
    """A date and a number of days after it."""

    template = "(%(expressions)s)"
    arg_joiner = " + "
    output_field = models.DateField()


def _setting(name: str, default: int) -> Coalesce:
    everywhere = Subquery(ReservationSettings.objects.filter(pk=1).values(name)[:1])
    return Coalesce(F(f"product__{name}"), everywhere, default)


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def pending(self) -> "ReservationQuerySet":
        """Asked for, and waiting for an admin."""
        return self.filter(status="pending")

    def active(self) -> "ReservationQuerySet":
        return self.filter(status="active")

    def standing(self) -> "ReservationQuerySet":
        """Those that keep the customer from being reserved once more."""
        return self.filter(status__in=["pending", "active"])

    def ended(self) -> "ReservationQuerySet":
        return self.filter(status__in=["expired", "released"])

    def rejected(self) -> "ReservationQuerySet":
        return self.filter(status="rejected")

    def of(self, user: "User") -> "ReservationQuerySet":
        return self.filter(staff=user)

    def locked(self) -> "list[Reservation]":
        """Locks the rows in the order of their keys."""
        return list(self.order_by("pk").select_for_update(no_key=True, of=("self",)))

    def with_end(self) -> "ReservationQuerySet":
        """Each with `ends_on`: the day whose nightly run ends it, and `warned_from`, the first day of the warning.
        Both are empty for one that is permanent or not active.
        """
        since = Coalesce(F("last_deposit_on"), TruncDate("since"))
        lasts = Q(status="active", is_permanent=False)
        ends_on = models.Case(models.When(lasts, then=_Days(since, _setting("grace_days", GRACE_DAYS))))
        return self.annotate(ends_on=ends_on).annotate(
            warned_from=Func(
                F("ends_on"),
                _setting("warning_days", WARNING_DAYS),
                template="(%(expressions)s)",
                arg_joiner=" - ",
                output_field=models.DateField(),
            )
        )

    def due(self, today: date) -> "ReservationQuerySet":
        """Active ones whose time is over; the nightly run of `today` ends them."""
        return self.with_end().filter(Q(("ends_on__lte", today)))

    def ending_soon(self, today: date) -> "ReservationQuerySet":
        """Active ones that end within their days of warning, and are not due yet."""
        return self.with_end().filter(Q(("ends_on__gt", today)), Q(("warned_from__lte", today)))

    def to_warn(self, today: date) -> "ReservationQuerySet":
        """Those that end soon, and whose owner has not been warned of that end."""
        return self.ending_soon(today).exclude(warned_on=F("ends_on"))


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    # The library's own key is a 32-bit number.
    attrs={"pgh_id": models.BigAutoField(primary_key=True, serialize=False)},
    exclude=["customer_key"],
    meta={"triggers": [no_truncate()]},
)
class Reservation(models.Model):
    """One customer of one product, and whose it is."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        ACTIVE = "active", _("Active")
        REJECTED = "rejected", _("Rejected")
        EXPIRED = "expired", _("Expired")
        RELEASED = "released", _("Released")

    product = models.ForeignKey("products.Product", models.PROTECT, related_name="+", verbose_name=_("product"))
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="reservations",
        db_index=False,
        verbose_name=_("staff member"),
    )
    customer_id = models.CharField(_("customer id"), max_length=CUSTOMER_ID_MAX_LENGTH)
    customer_key = models.GeneratedField(
        expression=customer_key(), output_field=models.TextField(db_collation="C"), db_persist=True, editable=False
    )
    phone = models.TextField(_("phone"), blank=True, default="", db_default="")
    phone_key = models.CharField(max_length=16, null=True, blank=True, db_collation="C")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING, db_default=Status.PENDING)
    is_permanent = models.BooleanField(_("permanent"), default=False, db_default=False)
    since = models.DateTimeField(default=timezone.now, db_default=Now())
    """When it came to its status and its owner: asked for, approved, moved, ended, restored."""
    last_deposit_on = models.DateField(null=True, blank=True)
    """The day of the owner's last deposit of this customer since then; the time of grace begins anew with it."""
    warned_on = models.DateField(null=True, blank=True)
    """The end that the owner has been warned of."""
    note = models.CharField(_("note"), max_length=300, blank=True, default="", db_default="")
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="", db_default="")
    """Why an admin did not approve it."""
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    """Who brought it to its status; empty for one that waits, and where it was the nightly run or the command line."""

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-since", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "customer_key"],
                name="reservation_one_for_a_customer",
                condition=Q(status__in=["pending", "active"]),
            ),
            models.CheckConstraint(condition=~Q(customer_key=""), name="reservation_names_a_customer"),
            models.CheckConstraint(
                condition=Q(phone_key=None) | Q(phone_key__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="reservation_phone_key_is_e164",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "active", "rejected", "expired", "released"]),
                name="reservation_status_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["product", "phone_key"],
                name="reservation_phone",
                condition=Q(phone_key__isnull=False),
            ),
            models.Index(fields=["staff", "status", "-since"], name="reservation_staff"),
            models.Index(fields=["status", "-since"], name="reservation_status"),
            models.Index(fields=["customer_key"], name="reservation_customer"),
        ]
        triggers = [final("customer_is_final", "id", "product_id", "customer_id")]

    def __str__(self) -> str:
        return f"{self.customer_id} ({self.product})"

    @property
    def days_left(self) -> int | None:
        """Of one selected `with_end`: days until the nightly run that ends it; None if nothing ends it."""
        ends_on: date | None = vars(self).get("ends_on")
        return (ends_on - timezone.localdate()).days if ends_on else None
