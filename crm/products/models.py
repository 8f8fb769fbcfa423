"""Products: what is sold. Every list, reservation and deposit belongs to one."""

import pghistory
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _


class ProductQuerySet(models.QuerySet["Product"]):
    def active(self) -> "ProductQuerySet":
        """Those that new databases can be for."""
        return self.filter(is_active=True)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Product(models.Model):
    name = models.CharField(_("name"), max_length=80)
    message_template = models.TextField(
        _("WhatsApp message"),
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text=_("{name}, {id}, {product} and {staff} are filled in. Empty opens the chat without a message."),
    )
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    grace_days = models.PositiveSmallIntegerField(
        _("grace days"),
        null=True,
        blank=True,
        help_text=_("A reservation ends so many days after the last deposit. Empty: as for all products."),
    )
    warning_days = models.PositiveSmallIntegerField(
        _("warning days"),
        null=True,
        blank=True,
        help_text=_("Its owner is warned so many days before it ends. Empty: as for all products."),
    )
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), name="product_name_once", violation_error_message=_("There is a product of this name.")
            ),
            models.CheckConstraint(condition=~Q(name=""), name="product_has_name"),
            models.CheckConstraint(
                condition=Q(grace_days=None) | Q(grace_days__gt=0), name="product_reservations_last_a_day"
            ),
        ]

    def __str__(self) -> str:
        return self.name
