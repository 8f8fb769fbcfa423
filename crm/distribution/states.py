"""What a record can be, what can be said of it, and what it looks like without."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """The state of a record's assignment, and nothing else."""

    AVAILABLE = "available", _("Available")
    RESERVED = "reserved", _("Reserved")
    REQUESTED = "requested", _("Requested")
    ASSIGNED = "assigned", _("Assigned")
    ARCHIVED = "archived", _("Archived")
    INVALID = "invalid", _("Old status")
    """Deprecated: only old data brings it in; nothing here writes it."""

    @classmethod
    def of_the_pool(cls) -> list["Status"]:
        """With nobody: no assignee, no batch."""
        return [cls.AVAILABLE, cls.RESERVED, cls.REQUESTED]


class Reach(models.TextChoices):
    """What became of a WhatsApp message; in brackets what staff call it."""

    REACHABLE = "reachable", _("Reachable (ada)")
    ONE_TICK = "one_tick", _("One tick (ceklis 1)")
    UNREACHABLE = "unreachable", _("Unreachable (tidak)")


class Response(models.TextChoices):
    YES = "yes", _("Yes")
    NO = "no", _("No")


class Validation(models.TextChoices):
    VALID = "valid", _("Valid")
    INVALID = "invalid", _("Invalid")


# What a staff member has noted about a record. It goes along when the record is transferred, and is cleared when the
# record returns to the pool; the history keeps it.
NO_WORK = {"reach": "", "response": "", "responded_at": None, "note": "", "follow_up_on": None, "worked_at": None}
NO_VALIDATION = {"validation": "", "validation_reason": "", "validated_at": None, "validated_by": None}

NO_CONFLICT: dict[str, Any] = {
    "reservation": None,
    "is_reservation_conflict": False,
    "invalid_reason": "",
    "kept_despite": [],
    "kept_note": "",
}

ASKED_BY_STATES = ("reach", "response", "validation")
"""What all of WORK_STATES but those about a day are about."""

IMPORTED_COLUMNS = ("id", "database_id", "row_number", "customer_id", "customer_name", "phone", "data")
"""What an import puts into a record, for good."""
