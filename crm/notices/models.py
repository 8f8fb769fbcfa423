"""Notifications: one line for one person about something that happened."""

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Role, User


class Kind(models.TextChoices):
    RECORDS_RECEIVED = "records_received", _("Records received")
    RECORDS_TAKEN_BACK = "records_taken_back", _("Records taken back")
    REQUEST_DECIDED = "request_decided", _("Requests decided")
    REQUEST_MADE = "request_made", _("Requests made")
    INVALID_WAITING = "invalid_waiting", _("Invalid records waiting")
    INVALID_ANSWERED = "invalid_answered", _("Invalid records answered")
    RESERVATION_ASKED = "reservation_asked", _("Reservations asked for")
    RESERVATION_DECIDED = "reservation_decided", _("Reservations decided")
    RESERVATION_ENDING = "reservation_ending", _("Reservations ending")
    RECORDS_RESERVED = "records_reserved", _("Records taken by a reservation")
    UPLOAD_READ = "upload_read", _("Upload ready to import")
    IMPORT_FINISHED = "import_finished", _("Import finished")
    IMPORT_FAILED = "import_failed", _("Import failed")

    @classmethod
    def of_role(cls, role: str) -> dict["Kind", Promise]:
        """Those that concern people of this role, each with when it is sent."""
        return OF_STAFF if role == Role.STAFF else OF_ADMINS


OF_STAFF: dict[Kind, Promise] = {
    Kind.RECORDS_RECEIVED: _("Records are handed to you, or are back with you."),
    Kind.RECORDS_TAKEN_BACK: _("Records are taken back from you, or handed to somebody else."),
    Kind.REQUEST_DECIDED: _("An admin answers your request for records."),
    Kind.INVALID_ANSWERED: _("Records that you marked as invalid are replaced or archived."),
    Kind.RESERVATION_DECIDED: _("An admin answers, moves or releases a reservation of yours."),
    Kind.RESERVATION_ENDING: _("A reservation of yours ends soon, or has ended."),
    Kind.RECORDS_RESERVED: _("A customer that you have is reserved by somebody else."),
}
OF_ADMINS: dict[Kind, Promise] = {
    Kind.REQUEST_MADE: _("A staff member asks for records and waits for you."),
    Kind.INVALID_WAITING: _("A staff member has invalid records that wait for you."),
    Kind.RESERVATION_ASKED: _("A staff member asks for a reservation and waits for you."),
    Kind.UPLOAD_READ: _("A file that you uploaded is read, and its preview is ready."),
    Kind.IMPORT_FINISHED: _("A file that you uploaded is imported."),
    Kind.IMPORT_FAILED: _("A file that you uploaded could not be imported."),
}


class NoticeQuerySet(models.QuerySet["Notice"]):
    def of(self, user: User) -> "NoticeQuerySet":
        return self.filter(user=user)

    def unread(self) -> "NoticeQuerySet":
        return self.filter(read_at=None)


class Notice(models.Model):
    """A notification in the app. `url` is a path of this site."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=30, choices=Kind)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=300, blank=True)
    about = models.CharField(max_length=80, blank=True, default="", db_default="")
    """What it waits for, in alerts that disappear when that is done; else empty."""
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="notice_kind_known"),
            models.UniqueConstraint(fields=["user", "about"], condition=~models.Q(about=""), name="notice_alerts_once"),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notice_of_user"),
            models.Index(fields=["user"], name="notice_unread", condition=models.Q(read_at=None)),
            models.Index(fields=["about"], name="notice_about", condition=~models.Q(about="")),
        ]

    def __str__(self) -> str:
        return self.text


class MutedKind(models.Model):
    """A kind of notifications that somebody does not want."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="muted_kinds")
    kind = models.CharField(max_length=30, choices=Kind)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="muted_kind_once"),
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="muted_kind_known"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
