"""The tables of Normal DB."""

from typing import TYPE_CHECKING

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.constraints import CompositeForeignKey, no_truncate
from crm.distribution.history import track_batches, track_databases, track_records
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord

if TYPE_CHECKING:
    from crm.accounts.models import User


class AutoApprove(models.TextChoices):
    INHERIT = "inherit", _("As the module is set")
    AUTO = "auto", _("Approve by themselves")
    MANUAL = "manual", _("Wait for an admin")


@track_databases()
class Database(BaseDatabase):
    auto_approve = models.CharField(
        _("requests"), max_length=7, choices=AutoApprove, default=AutoApprove.INHERIT, db_default=AutoApprove.INHERIT
    )

    class Meta(BaseDatabase.Meta):
        constraints = [
            *BaseDatabase.Meta.constraints,
            models.CheckConstraint(
                condition=Q(auto_approve__in=AutoApprove.values), name="records_database_auto_approve_known"
            ),
        ]


@track_batches()
class Batch(BaseBatch):
    database = models.ForeignKey(Database, models.PROTECT, related_name="batches")

    class Meta(BaseBatch.Meta):
        pass


class RequestQuerySet(models.QuerySet["Request"]):
    def pending(self) -> "RequestQuerySet":
        """Waiting for an admin."""
        return self.filter(state="pending")

    def decided(self) -> "RequestQuerySet":
        """Not waiting any more, whatever the answer."""
        return self.exclude(state="pending")

    def of(self, user: "User") -> "RequestQuerySet":
        return self.filter(staff=user)


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), meta={"triggers": [no_truncate()]}
)
class Request(models.Model):
    """A staff member asks for records of a database. While it waits, it holds as many records as it asks for."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        CANCELLED = "cancelled", _("Cancelled")

    database = models.ForeignKey(Database, models.PROTECT, related_name="requests")
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    quantity = models.PositiveIntegerField(_("how many"))
    state = models.CharField(max_length=9, choices=State, default=State.PENDING, db_default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    """Empty for an approval by the module's rule."""
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="", db_default="")
    # The composite key to the batch, its database and its staff member is the foreign key in PostgreSQL.
    batch = models.OneToOneField(
        Batch, models.PROTECT, null=True, blank=True, related_name="request", db_constraint=False
    )

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="records_request_for_some"),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at=None, decided_by=None, batch=None)
                | Q(state="approved", decided_at__isnull=False, batch__isnull=False)
                | Q(state__in=["rejected", "cancelled"], decided_at__isnull=False, batch=None),
                name="records_request_decided_once",
            ),
            models.UniqueConstraint(fields=["id", "database"], name="records_request_of_database"),
            # The batch that answers it is of the database and for the staff member that it names.
            CompositeForeignKey(
                fields=["batch", "database", "staff"],
                to="batch",
                to_fields=["id", "database", "staff"],
                name="records_request_given_own_batch",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="records_request_pending", condition=Q(state="pending")),
            models.Index(fields=["staff", "-created_at"], name="records_request_staff"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.database}"


@track_records()
class Record(BaseRecord):
    database = models.ForeignKey(Database, models.PROTECT, related_name="records", db_index=False)
    # The composite key to the batch, its database and its staff member is the foreign key in PostgreSQL.
    batch = models.ForeignKey(
        Batch, models.PROTECT, null=True, blank=True, related_name="records", db_constraint=False, db_index=False
    )

    # The composite key to the request and its database is the foreign key in PostgreSQL.
    request = models.ForeignKey(
        Request,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="records",
        db_constraint=False,
        db_index=False,
    )

    CLEARED_IN_POOL = {**BaseRecord.CLEARED_IN_POOL, "request": None}

    class Meta(BaseRecord.Meta):
        constraints = [
            *BaseRecord.Meta.constraints,
            models.CheckConstraint(
                condition=Q(status="requested", request__isnull=False) | (~Q(status="requested") & Q(request=None)),
                name="records_record_requested_by_somebody",
            ),
            CompositeForeignKey(
                fields=["request", "database"],
                to="request",
                to_fields=["id", "database"],
                name="records_record_requested_of_own_database",
            ),
        ]
        indexes = [
            *BaseRecord.Meta.indexes,
            models.Index(fields=["request"], name="records_record_request", condition=Q(request__isnull=False)),
        ]
