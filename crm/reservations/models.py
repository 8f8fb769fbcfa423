"""Reservations: a customer of a product belongs to a staff member, and others must not receive that customer for it.

The table is `reservations_reservation`. What a reservation does to records is decided in one place,
`crm.reservations.covering`.
"""

from typing import TYPE_CHECKING

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.constraints import no_truncate
from crm.identity import CUSTOMER_ID_MAX_LENGTH, customer_key

if TYPE_CHECKING:
    from crm.accounts.models import User


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def pending(self) -> "ReservationQuerySet":
        """Asked for, and waiting for an admin."""
        return self.filter(status="pending")

    def active(self) -> "ReservationQuerySet":
        return self.filter(status="active")

    def standing(self) -> "ReservationQuerySet":
        """Those that keep the customer from being reserved once more."""
        return self.filter(status__in=Reservation.Status.standing())

    def ended(self) -> "ReservationQuerySet":
        return self.filter(status__in=["expired", "released"])

    def of(self, user: "User") -> "ReservationQuerySet":
        return self.filter(staff=user)

    def locked(self) -> list["Reservation"]:
        """Locks the rows in the order of their keys."""
        return list(self.order_by("pk").select_for_update(no_key=True, of=("self",)))


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    attrs={"pgh_id": models.BigAutoField(primary_key=True, serialize=False)},
    exclude=["customer_key"],
    meta={"triggers": [no_truncate()]},
)
class Reservation(models.Model):
    """One customer of one product, and whose it is. `since` is when it came to be as it is: asked for, active, ended."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        ACTIVE = "active", _("Active")
        REJECTED = "rejected", _("Rejected")
        EXPIRED = "expired", _("Expired")
        RELEASED = "released", _("Released")

        @classmethod
        def standing(cls) -> list["Reservation.Status"]:
            return [cls.PENDING, cls.ACTIVE]

    product = models.ForeignKey("products.Product", models.PROTECT, related_name="+", verbose_name=_("product"))
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("staff member")
    )
    customer_id = models.CharField(_("customer id"), max_length=CUSTOMER_ID_MAX_LENGTH)
    customer_key = models.GeneratedField(
        expression=customer_key(), output_field=models.TextField(db_collation="C"), db_persist=True, editable=False
    )
    phone = models.TextField(_("phone"), blank=True, default="", db_default="")
    phone_key = models.CharField(max_length=16, null=True, blank=True, db_collation="C")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING, db_default=Status.PENDING)
    is_permanent = models.BooleanField(_("permanent"), default=False, db_default=False)
    since = models.DateTimeField(default=None, db_default=Now())
    last_deposit_on = models.DateField(null=True, blank=True)
    """The day of the owner's last deposit of this customer; the time of grace begins anew with it."""
    warned_on = models.DateField(null=True, blank=True)
    """The end that the owner has been warned of."""
    note = models.CharField(_("note"), max_length=300, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    """Who brought it into its status; empty for one that waits, and where it was the nightly run."""

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
                condition=Q(status="active", phone_key__isnull=False),
            ),
            models.Index(fields=["staff", "status", "-since"], name="reservation_staff"),
            models.Index(fields=["status", "-since"], name="reservation_status"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} ({self.product})"
