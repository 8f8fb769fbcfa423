"""What the pages, the figures and the services select, each named once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.expressions import RawSQL

if TYPE_CHECKING:
    from crm.accounts.models import User


class DatabaseQuerySet(models.QuerySet):
    def visible(self) -> "DatabaseQuerySet":
        """The databases that are not archived (hidden)."""
        return self.filter(archived_at=None)

    def hidden(self) -> "DatabaseQuerySet":
        return self.exclude(archived_at=None)


class BatchQuerySet(models.QuerySet):
    def of(self, user: "User") -> "BatchQuerySet":
        return self.filter(staff=user)

    def holding(self) -> "BatchQuerySet":
        """With at least one assigned record."""
        return self.filter(current_count__gt=0)


class RecordQuerySet(models.QuerySet):
    def with_ids(self, ids: Iterable[int]) -> "RecordQuerySet":
        """These records, however many: the ids are one parameter."""
        return self.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [list(ids)]))

    def locked_ids(self) -> list[int]:
        """Locks the rows in the order of their keys, so that two writers never wait for each other in a ring."""
        return list(self.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))

    def in_pool(self) -> "RecordQuerySet":
        """Free to be handed out to anybody."""
        return self.filter(status="available")

    def reserved(self) -> "RecordQuerySet":
        return self.filter(status="reserved")

    def requested(self) -> "RecordQuerySet":
        return self.filter(status="requested")

    def assigned(self) -> "RecordQuerySet":
        """With a staff member."""
        return self.filter(status="assigned")

    def archived(self) -> "RecordQuerySet":
        return self.filter(status="archived")

    def old_status(self) -> "RecordQuerySet":
        """Deprecated `invalid`; only old data has it."""
        return self.filter(status="invalid")

    def to_do(self) -> "RecordQuerySet":
        """With a staff member who has not noted anything about the customer yet."""
        return self.assigned().filter(reach="", response="", validation="")

    def reached(self) -> "RecordQuerySet":
        return self.assigned().filter(reach="reachable")

    def said_yes(self) -> "RecordQuerySet":
        return self.assigned().filter(response="yes")

    def marked_valid(self) -> "RecordQuerySet":
        return self.assigned().filter(validation="valid")

    def marked_invalid(self) -> "RecordQuerySet":
        """Invalid, says the staff member, and waiting for an admin."""
        return self.assigned().filter(validation="invalid")

    def in_conflict(self) -> "RecordQuerySet":
        return self.filter(is_reservation_conflict=True)

    def held_by(self, user: "User") -> "RecordQuerySet":
        """With that staff member now."""
        return self.assigned().filter(assignee=user)
