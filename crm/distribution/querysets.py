"""What the pages, the figures and the services select, each named once."""

from typing import TYPE_CHECKING

from django.db import models

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


class RecordQuerySet(models.QuerySet):
    def with_status(self, *statuses: str) -> "RecordQuerySet":
        return self.filter(status__in=statuses)

    def in_pool(self) -> "RecordQuerySet":
        """Free to be handed out to anybody."""
        return self.filter(status="available")

    def assigned(self) -> "RecordQuerySet":
        return self.filter(status="assigned")

    def held_by(self, user: "User") -> "RecordQuerySet":
        """With that staff member now."""
        return self.filter(status="assigned", assignee=user)

    def in_conflict(self) -> "RecordQuerySet":
        return self.filter(is_reservation_conflict=True)
