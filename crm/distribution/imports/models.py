"""An upload: one file on its way into a database, and what became of it."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

NAME_MAX_LENGTH = 120

KEEP_FILES = timedelta(days=30)
"""Of uploads that were never imported, counted from what was last done with them, and of undone ones."""


class State(models.TextChoices):
    """The life of an upload: received → ready → importing → imported → undone; failed at any step."""

    RECEIVED = "received", _("Being read")
    READY = "ready", _("Waiting for you")
    IMPORTING = "importing", _("Being imported")
    IMPORTED = "imported", _("Imported")
    FAILED = "failed", _("Failed")
    UNDONE = "undone", _("Undone")


class UploadQuerySet(models.QuerySet["Upload"]):
    def unfinished(self) -> "UploadQuerySet":
        """On their way: being read, waiting for somebody to look at the preview, or being imported."""
        return self.filter(state__in=[State.RECEIVED, State.READY, State.IMPORTING])

    def imported_before(self, content_hash: str) -> "UploadQuerySet":
        """The imports of the very same bytes that are still in a database."""
        return self.filter(content_hash=content_hash, state=State.IMPORTED)


class Upload(models.Model):
    """A file, how it is to be read, and what reading it found.

    `layout` is what the user fixes about reading the file, `inspection` what was found, `mapping` which column is
    what, `report` what the rows come to; each a dictionary of the class of that name. `attempts` is counted before
    the work, so that a task that kills its worker is not redelivered for ever. `progress` is in per cent.
    """

    module = models.CharField(max_length=30)
    product = models.ForeignKey("products.Product", models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=NAME_MAX_LENGTH)
    file_name = models.CharField(max_length=255)
    file_size = models.BigIntegerField(default=0)
    content_hash = models.CharField(max_length=64, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    state_at = models.DateTimeField(auto_now_add=True)
    attempts = models.IntegerField(default=0)
    error = models.TextField(blank=True, default="")
    progress = models.SmallIntegerField(default=0)

    layout = models.JSONField(null=True, blank=True)
    inspection = models.JSONField(null=True, blank=True)
    mapping = models.JSONField(null=True, blank=True)
    report = models.JSONField(null=True, blank=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="upload_state_known"),
            models.CheckConstraint(condition=~Q(name=""), name="upload_has_name"),
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("upload", args=[self.module, self.pk])

    @property
    def rows_left_hidden(self) -> int:
        """Rows under the header that are not read because they are hidden in the sheet, as somebody has chosen."""
        return self.report.get("hidden", 0) if self.report and (self.layout or {}).get("leave_hidden") else 0

    @property
    def headers(self) -> list[str]:
        """The columns' names as they were found; none before the file is read."""
        return self.inspection["headers"] if self.inspection else []

    @property
    def is_working(self) -> bool:
        return self.state in (State.RECEIVED, State.IMPORTING)


class UploadPart(models.Model):
    """A piece of an upload's content; in the database, so that every task machine can read it."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="parts")
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["upload", "number"]
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_part_once")]

    def __str__(self) -> str:
        return f"{self.upload_id}/{self.number}"


class LeftOutRow(models.Model):
    """A row of an imported file that is not in the database, with the reason, for the download."""

    class Kind(models.TextChoices):
        DUPLICATE = "duplicate", _("Duplicate")
        REJECTED = "rejected", _("Rejected")

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="left_out")
    row_number = models.IntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    reason = models.TextField()
    cells = models.JSONField(default=list)

    class Meta:
        ordering = ["upload", "row_number"]
        constraints = [
            models.UniqueConstraint(fields=["upload", "row_number"], name="upload_left_out_once"),
            models.CheckConstraint(condition=Q(kind__in=["duplicate", "rejected"]), name="upload_left_out_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id}/{self.row_number}"
