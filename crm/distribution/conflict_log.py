"""The log of conflicts: one row for each time that a record was with one staff member and its customer another's.

A trigger on the records writes it, so that it says what the flags have said: a flag that is raised opens a row, and
whatever clears the flag, or gives it another owner or holder, closes it with the operation and the person that the
history has for it.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.constraints import no_truncate, refuse

# Nothing here plans for what a statement happens to touch: EXECUTE, as in the triggers that count.
WRITE = """
    IF NOT EXISTS (SELECT 1 FROM old_rows WHERE is_reservation_conflict)
       AND NOT EXISTS (SELECT 1 FROM new_rows WHERE is_reservation_conflict) THEN
        RETURN NULL;
    END IF;
    how := nullif(current_setting('pghistory.context_metadata', true), '')::jsonb;

    EXECUTE $close$
        UPDATE distribution_conflict AS c
        SET closed_at = now(), closed_by_id = ($1 ->> 'user')::bigint,
            resolution = coalesce($1 ->> 'operation', 'unknown'),
            note = CASE WHEN $1 ->> 'operation' = 'conflict.keep' THEN n.kept_note ELSE '' END
        FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE c.module = '{module}' AND c.record_id = o.id AND c.closed_at IS NULL AND o.is_reservation_conflict
              AND (n.is_reservation_conflict, n.reservation_id, n.assignee_id)
                  IS DISTINCT FROM (true, o.reservation_id, o.assignee_id)
    $close$ USING how;

    EXECUTE $open$
        INSERT INTO distribution_conflict
            (module, record_id, database_id, product_id, customer_id, staff_id, reservation_id, reserved_by_id,
             opened_by_id)
        SELECT '{module}', n.id, n.database_id, v.product_id, n.customer_id, n.assignee_id, v.id, v.staff_id,
               ($1 ->> 'user')::bigint
        FROM old_rows o JOIN new_rows n ON n.id = o.id JOIN reservations_reservation v ON v.id = n.reservation_id
        WHERE n.is_reservation_conflict
              AND (o.is_reservation_conflict, o.reservation_id, o.assignee_id)
                  IS DISTINCT FROM (true, n.reservation_id, n.assignee_id)
    $open$ USING how;
    RETURN NULL;
"""


class _LogTrigger(pgtrigger.Trigger):
    """Of the records of one module, whose key is the app label of their model."""

    when = pgtrigger.After
    level = pgtrigger.Statement
    operation = pgtrigger.Update
    declare = [("how", "jsonb")]
    referencing = pgtrigger.Referencing(old="old_rows", new="new_rows")

    def get_func(self, model: Any) -> str:
        return WRITE.format(module=model._meta.app_label)


def log_conflicts() -> pgtrigger.Trigger:
    return _LogTrigger(name="log_conflicts")


class ConflictQuerySet(models.QuerySet["Conflict"]):
    def open(self) -> "ConflictQuerySet":
        return self.filter(closed_at=None)

    def closed(self) -> "ConflictQuerySet":
        return self.exclude(closed_at=None)

    def open_at_the_end_of(self, day: date) -> "ConflictQuerySet":
        """Those that were open when that day ended; in the team's time zone."""
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        return self.filter(Q(closed_at=None) | Q(closed_at__gte=end), opened_at__lt=end)

    def opened_since(self, moment: datetime) -> "ConflictQuerySet":
        return self.filter(opened_at__gte=moment)


def _person() -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )


class Conflict(models.Model):
    """A record of a staff member whose customer somebody else had reserved, and how that ended.

    The record and its database may be gone by now; their keys are what they were.
    """

    module = models.CharField(max_length=30)
    record_id = models.BigIntegerField()
    database_id = models.BigIntegerField()
    product = models.ForeignKey("products.Product", models.PROTECT, related_name="+", db_index=False)
    customer_id = models.TextField()
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    """Who had the record."""
    reservation = models.ForeignKey("reservations.Reservation", models.PROTECT, related_name="conflicts")
    reserved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    """Whose customer it was."""
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = _person()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = _person()
    resolution = models.CharField(max_length=60, blank=True, default="", db_default="")
    """The operation that ended it."""
    note = models.TextField(blank=True, default="", db_default="")
    """Why the record was kept where it is."""

    objects = ConflictQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["module", "record_id"], name="conflict_open_once", condition=Q(closed_at=None)
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, resolution="") | (Q(closed_at__isnull=False) & ~Q(resolution="")),
                name="conflict_closed_by_something",
            ),
        ]
        indexes = [
            models.Index(fields=["-opened_at", "-id"], name="conflict_opened"),
            models.Index(fields=["staff", "-opened_at"], name="conflict_staff"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="written_by_the_records",
                when=pgtrigger.Before,
                level=pgtrigger.Statement,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
                func=refuse("the log of conflicts is written by a trigger on the records"),
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.customer_id


# How a conflict ended, by the operation that ended it.
RESOLUTIONS = {
    "conflict.hand_over": _("Handed to the owner"),
    "conflict.keep": _("Kept"),
    "records.recall": _("Recalled"),
    "records.transfer": _("Transferred"),
    "records.archive": _("Archived"),
    "records.replace": _("Archived and replaced"),
    "records.validate": _("Archived and replaced"),
    "records.undo": _("Undone"),
    "reservation.release": _("Reservation released"),
    "reservation.expire": _("Reservation expired"),
    "reservation.move": _("Reservation moved"),
    "reservation.add": _("Another reservation came"),
    "reservation.approve": _("Another reservation came"),
    "reservation.restore": _("Another reservation came"),
    "person.leave": _("The staff member left"),
}
