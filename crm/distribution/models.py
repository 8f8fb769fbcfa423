"""Databases, batches and records: what every module has, written once.

One subject, and long because of its constraints and indexes, which Django wants where the tables are: what PostgreSQL
keeps of a record's life. The rules are those of docs/domain.md. A state that must not exist is refused by PostgreSQL;
the stored counts are kept by the triggers of `crm.distribution.triggers` and by nothing else.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from crm.constraints import CompositeForeignKey, final, no_truncate
from crm.distribution import triggers
from crm.distribution.conflict_log import Conflict, log_conflicts
from crm.distribution.desk import ModuleSettings, SavedView, Submission
from crm.distribution.imports.models import LeftOutRow, Upload, UploadPart
from crm.distribution.names import name_order, name_words
from crm.distribution.outcomes import OutcomeLine
from crm.distribution.querysets import NO_STATES, WORK_STATES, BatchQuerySet, DatabaseQuerySet, RecordQuerySet
from crm.distribution.states import (
    ASKED_BY_STATES,
    IMPORTED_COLUMNS,
    NO_CONFLICT,
    NO_VALIDATION,
    NO_WORK,
    Reach,
    Response,
    Status,
    Validation,
)
from crm.identity import CUSTOMER_ID_MAX_LENGTH, customer_key
from crm.registry import Module, module_of

__all__ = [
    "NO_VALIDATION",
    "NO_WORK",
    "BaseBatch",
    "BaseDatabase",
    "BaseRecord",
    "Conflict",
    "LeftOutRow",
    "ModuleSettings",
    "OutcomeLine",
    "Reach",
    "Response",
    "SavedView",
    "Status",
    "Submission",
    "Upload",
    "UploadPart",
    "Validation",
]

# The stored counts. Only the triggers write them.
DATABASE_COUNTS = (
    "imported_count",
    "purged_count",
    "record_count",
    "available_count",
    "reserved_count",
    "requested_count",
    "assigned_count",
    "archived_count",
    "invalid_count",
    "conflict_count",
)
BATCH_COUNTS = (
    "initial_count",
    "received_count",
    "current_count",
    "archived_count",
    "left_count",
    "invalid_count",
)


class BaseDatabase(models.Model):
    """One uploaded customer list, for one product.

    `file_rows` counts the rows of the file that are not blank: imported + duplicates + rejected. The import checks
    that; no constraint does, because records may be added to a list later by other means than its file.
    """

    batches: BatchQuerySet
    records: RecordQuerySet

    product = models.ForeignKey("products.Product", models.PROTECT, related_name="+", verbose_name=_("product"))
    name = models.CharField(_("name"), max_length=120)
    upload = models.OneToOneField("distribution.Upload", models.PROTECT, null=True, blank=True, related_name="+")
    columns = ArrayField(models.TextField(), default=list, db_default=[])
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    archived_at = models.DateTimeField(null=True, blank=True)
    archived_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    lottery_floor = models.FloatField(default=0, db_default=0)
    """The highest lottery number that a draw has taken; see `Record.lottery`."""

    file_rows = models.IntegerField(null=True, blank=True)
    duplicate_count = models.IntegerField(default=0, db_default=0)
    rejected_count = models.IntegerField(default=0, db_default=0)
    blank_count = models.IntegerField(default=0, db_default=0)

    imported_count = models.IntegerField(default=0, db_default=0)
    purged_count = models.IntegerField(default=0, db_default=0)
    record_count = models.IntegerField(default=0, db_default=0)
    available_count = models.IntegerField(default=0, db_default=0)
    reserved_count = models.IntegerField(default=0, db_default=0)
    requested_count = models.IntegerField(default=0, db_default=0)
    assigned_count = models.IntegerField(default=0, db_default=0)
    archived_count = models.IntegerField(default=0, db_default=0)
    invalid_count = models.IntegerField(default=0, db_default=0)
    conflict_count = models.IntegerField(default=0, db_default=0)

    objects = DatabaseQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="%(app_label)s_database_has_name"),
            models.CheckConstraint(
                condition=Q(imported_count=F("record_count") + F("purged_count")),
                name="%(app_label)s_database_imported_is_here_or_purged",
            ),
            models.CheckConstraint(
                condition=Q(
                    record_count=F("available_count")
                    + F("reserved_count")
                    + F("requested_count")
                    + F("assigned_count")
                    + F("archived_count")
                    + F("invalid_count")
                ),
                name="%(app_label)s_database_every_record_has_a_status",
            ),
            models.CheckConstraint(
                condition=Q(archived_at=None, archived_by=None)
                | Q(archived_at__isnull=False, archived_by__isnull=False),
                name="%(app_label)s_database_archived_by_somebody",
            ),
        ]
        triggers = [
            triggers.counts_are_kept_here(DATABASE_COUNTS),
            triggers.counts_start_at_zero(DATABASE_COUNTS),
            final("product_is_final", "id", "product_id"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("database", args=[self.module, self.pk])

    @property
    def module(self) -> Module:
        return module_of(self)


def batch_name(pk: int | None, name: str | None) -> str:
    """What a batch is called: its name, or its number; nothing for no batch."""
    if not pk:
        return ""
    return name or str(_("Batch %(number)s") % {"number": pk})


class BaseBatch(models.Model):
    """One hand-over: the records that one staff member received together.

    received_count = current_count + archived_count + left_count (+ invalid_count, old data), held by PostgreSQL.
    """

    database: models.ForeignKey
    database_id: int
    records: RecordQuerySet

    staff = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(_("name"), max_length=120, blank=True, default="", db_default="")
    is_pinned = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    initial_count = models.IntegerField(default=0, db_default=0)
    received_count = models.IntegerField(default=0, db_default=0)
    current_count = models.IntegerField(default=0, db_default=0)
    archived_count = models.IntegerField(default=0, db_default=0)
    left_count = models.IntegerField(default=0, db_default=0)
    invalid_count = models.IntegerField(default=0, db_default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["id", "database", "staff"], name="%(app_label)s_batch_of_database_and_staff"
            ),
            models.CheckConstraint(
                condition=Q(
                    received_count=F("current_count") + F("archived_count") + F("left_count") + F("invalid_count")
                ),
                name="%(app_label)s_batch_received_is_here_or_left",
            ),
        ]
        indexes = [
            models.Index(fields=["staff", "-created_at"], name="%(app_label)s_batch_staff"),
        ]
        triggers = [
            triggers.counts_are_kept_here(BATCH_COUNTS),
            triggers.counts_start_at_zero(BATCH_COUNTS),
            final("owner_is_final", "id", "database_id", "staff_id"),
        ]

    def __str__(self) -> str:
        return batch_name(self.pk, self.name)

    def get_absolute_url(self) -> str:
        return reverse("batch", args=[self.module, self.pk])

    @property
    def module(self) -> Module:
        return module_of(self)

    @cached_property
    def states(self) -> dict[str, int]:
        """How many of its records are in each of WORK_STATES. `holdings.with_states` sets it for many at once."""
        return self.module.Record.objects.filter(batch=self).count_states(by="batch").get(self.pk, NO_STATES)


def _person() -> models.ForeignKey:
    """Who did it, or who has it. Nobody looks records up by it alone, so it has no index of its own."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )


class BaseRecord(models.Model):
    """One row of a database: one customer to work.

    `data` is a list of all original cells, as text, in the order of the database's `columns`.

    `lottery` decides random hand-outs: the lowest numbers of the pool are taken. It is exponentially distributed;
    a record that returns to the pool draws anew above the database's `lottery_floor`. Because the exponential
    distribution has no memory, every draw is uniform over the pool at that moment (docs/adr/0004).
    """

    database: models.ForeignKey
    batch: models.ForeignKey

    row_number = models.IntegerField()
    customer_id = models.CharField(max_length=CUSTOMER_ID_MAX_LENGTH)
    customer_key = models.GeneratedField(
        expression=customer_key(), output_field=models.TextField(db_collation="C"), db_persist=True, editable=False
    )
    """Compared byte by byte: the same on every server, and its index serves searches by the first letters."""

    customer_name = models.TextField(blank=True, default="", db_default="")
    phone = models.TextField(blank=True, default="", db_default="")
    phone_key = models.CharField(max_length=16, null=True, blank=True, db_collation="C")
    data = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    lottery = models.FloatField(
        db_default=Func(template="(-ln(1 - random()))", output_field=models.FloatField()), editable=False
    )

    seal = models.BigIntegerField(null=True, editable=False)
    """Stands for what was imported; see `triggers.seal_imported`."""

    status = models.CharField(max_length=10, choices=Status, default=Status.AVAILABLE, db_default=Status.AVAILABLE)
    assignee = _person()
    assigned_at = models.DateTimeField(null=True, blank=True)
    assigned_by = _person()
    reservation = models.ForeignKey(
        "reservations.Reservation", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    """Of a reserved record the reservation that covers it, of one in conflict the one that it conflicts with."""
    is_reservation_conflict = models.BooleanField(default=False, db_default=False)
    invalid_reason = models.TextField(blank=True, default="", db_default="")
    kept_despite = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    """The reservations in spite of which an admin has left it with its staff member, and why."""
    kept_note = models.CharField(max_length=300, blank=True, default="", db_default="")
    archived_at = models.DateTimeField(null=True, blank=True)
    archived_by = _person()
    archive_reason = models.TextField(blank=True, default="", db_default="")

    reach = models.CharField(max_length=11, choices=Reach, blank=True, default="", db_default="")
    response = models.CharField(max_length=3, choices=Response, blank=True, default="", db_default="")
    responded_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True, default="", db_default="")
    follow_up_on = models.DateField(null=True, blank=True)
    worked_at = models.DateTimeField(null=True, blank=True)

    validation = models.CharField(max_length=7, choices=Validation, blank=True, default="", db_default="")
    validation_reason = models.TextField(blank=True, default="", db_default="")
    validated_at = models.DateTimeField(null=True, blank=True)
    validated_by = _person()
    replaces = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="replacements",
        db_constraint=False,  # the composite key to the record and its batch is the foreign key in PostgreSQL
        db_index=False,
    )
    """The archived record that this one took the place of, in the same batch."""

    CLEARED_IN_POOL: ClassVar[dict[str, Any]] = {
        "assignee": None,
        "assigned_at": None,
        "assigned_by": None,
        "batch": None,
        **NO_CONFLICT,
        "archived_at": None,
        "archived_by": None,
        "archive_reason": "",
        "replaces": None,
        **NO_WORK,
        **NO_VALIDATION,
    }
    """What a record loses when it returns to the pool."""

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["database", "row_number"]
        constraints = [
            models.UniqueConstraint(fields=["database", "row_number"], name="%(app_label)s_record_row_once"),
            # The key comes first: a reservation looks for a customer in all databases.
            models.UniqueConstraint(fields=["customer_key", "database"], name="%(app_label)s_record_customer_once"),
            models.UniqueConstraint(
                fields=["replaces"], name="%(app_label)s_record_replaced_once", condition=Q(replaces__isnull=False)
            ),
            models.CheckConstraint(condition=~Q(customer_key=""), name="%(app_label)s_record_names_a_customer"),
            models.CheckConstraint(
                condition=Q(phone_key=None) | Q(phone_key__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="%(app_label)s_record_phone_key_is_e164",
            ),
            # Not a number would be above every other, and endless could never be drawn above.
            models.CheckConstraint(
                condition=Q(lottery__gte=0, lottery__lt=float("inf")), name="%(app_label)s_record_lottery_is_a_number"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="%(app_label)s_record_status_known"),
            models.CheckConstraint(
                condition=~Q(status=Status.ASSIGNED)
                | Q(assignee__isnull=False, assigned_at__isnull=False, assigned_by__isnull=False, batch__isnull=False),
                name="%(app_label)s_record_assigned_to_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=Status.of_the_pool())
                | Q(
                    assignee=None,
                    assigned_at=None,
                    assigned_by=None,
                    batch=None,
                    invalid_reason="",
                    replaces=None,
                    **NO_WORK,
                ),
                name="%(app_label)s_record_with_nobody_is_clean",
            ),
            models.CheckConstraint(
                condition=Q(reach__in=["", *Reach.values], response__in=["", *Response.values]),
                name="%(app_label)s_record_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(response="", responded_at=None) | (~Q(response="") & Q(responded_at__isnull=False)),
                name="%(app_label)s_record_response_has_time",
            ),
            models.CheckConstraint(
                condition=Q(worked_at__isnull=False)
                | Q(reach="", response="", note="", follow_up_on=None, validation=""),
                name="%(app_label)s_record_outcome_has_time",
            ),
            models.CheckConstraint(
                condition=Q(**NO_VALIDATION)
                | Q(
                    validation__in=Validation.values,
                    status__in=[Status.ASSIGNED, Status.ARCHIVED, Status.INVALID],
                    validated_at__isnull=False,
                    validated_by__isnull=False,
                ),
                name="%(app_label)s_record_validated_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(validation=Validation.INVALID) | Q(validation_reason__gt=""),
                name="%(app_label)s_record_invalid_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=Status.ARCHIVED,
                    archived_at__isnull=False,
                    archived_by__isnull=False,
                    archive_reason__gt="",
                    assignee__isnull=False,
                    batch__isnull=False,
                )
                | (~Q(status=Status.ARCHIVED) & Q(archived_at=None, archived_by=None, archive_reason="")),
                name="%(app_label)s_record_archived_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(is_reservation_conflict=False) | (Q(status=Status.ASSIGNED) & ~Q(invalid_reason="")),
                name="%(app_label)s_record_conflict_on_assigned",
            ),
            models.CheckConstraint(
                condition=Q(reservation=None, is_reservation_conflict=False) & ~Q(status=Status.RESERVED)
                | Q(reservation__isnull=False, status=Status.RESERVED)
                | Q(reservation__isnull=False, is_reservation_conflict=True),
                name="%(app_label)s_record_names_its_reservation",
            ),
            models.CheckConstraint(
                condition=Q(kept_despite=[], kept_note="")
                | (Q(status=Status.ASSIGNED) & ~Q(kept_despite=[]) & ~Q(kept_note="")),
                name="%(app_label)s_record_kept_with_note",
            ),
            # The composite key below says nothing about a row without assignee.
            models.CheckConstraint(
                condition=Q(batch=None) | Q(assignee__isnull=False), name="%(app_label)s_record_batch_of_somebody"
            ),
            models.CheckConstraint(condition=~Q(replaces=F("id")), name="%(app_label)s_record_replaces_another"),
            # The last of the composite keys says nothing about a row without batch.
            models.CheckConstraint(
                condition=Q(replaces=None) | Q(batch__isnull=False), name="%(app_label)s_record_replaces_in_a_batch"
            ),
            # One key for two rules: a record's batch is of the record's database and of its assignee.
            CompositeForeignKey(
                fields=["batch", "database", "assignee"],
                to="batch",
                to_fields=["id", "database", "staff"],
                name="%(app_label)s_record_in_own_batch",
            ),
            # What it takes the place of is in its batch, and so in its database.
            models.UniqueConstraint(fields=["id", "batch"], name="%(app_label)s_record_of_batch"),
            CompositeForeignKey(
                fields=["replaces", "batch"],
                to="replaces",
                to_fields=["id", "batch"],
                name="%(app_label)s_record_replaces_in_own_batch",
            ),
        ]
        indexes = [
            models.Index(
                fields=["database", "lottery"], name="%(app_label)s_record_pool", condition=Q(status=Status.AVAILABLE)
            ),
            models.Index(fields=["database", "status", "row_number"], name="%(app_label)s_record_status"),
            models.Index(
                fields=["batch", "row_number"], name="%(app_label)s_record_batch", condition=Q(batch__isnull=False)
            ),
            models.Index(
                fields=["assignee", "-assigned_at", "-id"],
                name="%(app_label)s_record_assignee",
                condition=Q(assignee__isnull=False),
            ),
            models.Index(fields=["phone_key"], name="%(app_label)s_record_phone", condition=Q(phone_key__isnull=False)),
            models.Index(
                fields=["database", "row_number"],
                name="%(app_label)s_record_conflict",
                condition=Q(is_reservation_conflict=True),
            ),
            models.Index(
                fields=["reservation"],
                name="%(app_label)s_record_reservation",
                condition=Q(reservation__isnull=False),
            ),
            models.Index(
                fields=["assignee", "follow_up_on"],
                name="%(app_label)s_record_follow_up",
                condition=Q(follow_up_on__isnull=False),
            ),
            models.Index(
                fields=["assignee", "responded_at"],
                name="%(app_label)s_record_said_yes",
                condition=Q(status=Status.ASSIGNED, response=Response.YES),
            ),
            # The states that most records are in: whoever counts these reads the index alone.
            *(
                models.Index(
                    fields=["assignee", "database"],
                    name=f"%(app_label)s_record_{state}",
                    condition=Q(status=Status.ASSIGNED) & WORK_STATES[state](),
                )
                for state in ("to_do", "reached")
            ),
            models.Index(
                fields=["assignee", "batch"],
                name="%(app_label)s_record_invalid",
                condition=Q(status=Status.ASSIGNED, validation=Validation.INVALID),
            ),
            # The orders of the lists. An import pays only for the names: the times are of assigned records alone.
            # What the states ask for comes along, so that a record in another state is passed over unread: those that
            # were worked last are never to do, and there may be many.
            models.Index(name_order(), "database", "row_number", name="%(app_label)s_record_name"),
            GinIndex(name_words(), name="%(app_label)s_record_words"),
            models.Index(
                fields=["assigned_at", "database", "row_number", *ASKED_BY_STATES, "worked_at", "follow_up_on"],
                name="%(app_label)s_record_received",
                condition=Q(status=Status.ASSIGNED),
            ),
            models.Index(
                F("worked_at").asc(nulls_first=True),
                "database",
                "row_number",
                *ASKED_BY_STATES,
                "follow_up_on",
                "assignee",
                name="%(app_label)s_record_worked",
                condition=Q(status=Status.ASSIGNED),
            ),
            models.Index(
                fields=["follow_up_on", "database", "row_number", *ASKED_BY_STATES, "worked_at"],
                name="%(app_label)s_record_due",
                condition=Q(status=Status.ASSIGNED),
            ),
        ]
        triggers = [
            triggers.count_inserted(),
            triggers.count_updated(),
            triggers.count_deleted(),
            log_conflicts(),
            no_truncate(),
            triggers.seal_imported(),
            final("import_is_final", *IMPORTED_COLUMNS, "seal"),
        ]

    def __str__(self) -> str:
        return self.customer_id

    def get_absolute_url(self) -> str:
        return reverse("record", args=[self.module, self.pk])

    @property
    def module(self) -> Module:
        return module_of(self)


def never_requested(app_label: str) -> models.CheckConstraint:
    """For a module without requests: no record is held by one."""
    return models.CheckConstraint(condition=~Q(status=Status.REQUESTED), name=f"{app_label}_record_never_requested")
