"""People: who signs in, and what they may do."""

from datetime import timedelta
from typing import ClassVar

import pghistory
from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Lower case only, so that nobody can be taken for somebody else by the look of a name.
USERNAME_PATTERN = r"^[a-z0-9][a-z0-9._@+-]*$"


class Role(models.TextChoices):
    STAFF = "staff", _("Staff")
    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> "UserQuerySet":
        return self.filter(is_active=True)

    def working(self) -> "UserQuerySet":
        """The staff members who can be given records."""
        return self.active().filter(role=Role.STAFF)

    def admins(self) -> "UserQuerySet":
        return self.active().filter(role__in=[Role.ADMIN, Role.OWNER])

    def owners(self) -> "UserQuerySet":
        return self.active().filter(role=Role.OWNER)

    def manageable_by(self, user: "User") -> "UserQuerySet":
        """Whom `user` may edit and deactivate: owners everybody, admins the staff, staff nobody."""
        if user.is_owner:
            return self.all()
        return self.filter(role=Role.STAFF) if user.is_admin else self.none()

    def matching(self, text: str) -> "UserQuerySet":
        """Those whose name, username or email contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(username__icontains=text) | Q(email__icontains=text))

    def with_two_factor(self) -> "UserQuerySet":
        """Each with `two_factor`: whether an authenticator app is set up."""
        codes = apps.get_model("mfa", "Authenticator").objects.filter(user=OuterRef("pk"), type="totp")
        return self.annotate(two_factor=Exists(codes))


UserManager = BaseUserManager.from_queryset(UserQuerySet)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    exclude=["password", "last_login", "looked_at", "looked_before", "link_number"],
)
class User(AbstractBaseUser):
    """A person. People are deactivated and never deleted, so that history keeps its names."""

    username = models.CharField(
        _("username"),
        max_length=60,
        validators=[
            RegexValidator(
                USERNAME_PATTERN,
                _("A username has lower-case letters, digits and . _ @ + - only, and starts with a letter or digit."),
            )
        ],
    )
    name = models.CharField(_("name"), max_length=120, default="", db_default="")
    email = models.EmailField(_("email"), blank=True, default="", db_default="")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.STAFF, db_default=Role.STAFF)
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True, db_default=Now())
    deactivated_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    """When the person last looked at what is new; `looked_before`: the same for the time before (services.look)."""
    looked_before = models.DateTimeField(null=True, blank=True)
    link_number = models.PositiveIntegerField(default=0, db_default=0)
    """How many links to set a password were made for the person: the newest alone works (password_links)."""

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ["name", "username"]
        constraints = [
            models.UniqueConstraint(
                fields=["username"],
                name="user_username_once",
                violation_error_message=_("Somebody has this username already."),
            ),
            models.UniqueConstraint(
                fields=["email"],
                name="user_email_once",
                condition=~Q(email=""),
                violation_error_message=_("Somebody has this email address already."),
            ),
            models.CheckConstraint(condition=Q(username__regex=USERNAME_PATTERN), name="user_username_is_plain"),
            # Sign-in and the password reset look for exactly what was typed, in lower case.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
            models.CheckConstraint(
                condition=Q(is_active=True, deactivated_at=None) | Q(is_active=False, deactivated_at__isnull=False),
                name="user_deactivated_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def is_admin(self) -> bool:
        """Whether the person may open the admin pages; the owner is an admin too."""
        return self.role in (Role.ADMIN, Role.OWNER)


class MailQuerySet(models.QuerySet["Mail"]):
    def due(self) -> "MailQuerySet":
        return self.filter(next_try_at__lte=Now())

    def late(self) -> "MailQuerySet":
        """Those that were given up, or have been tried in vain for an hour."""
        return self.exclude(error="").filter(Q(next_try_at=None) | Q(asked_at__lt=Now() - timedelta(hours=1)))

    def seen_by(self, user: "User") -> "MailQuerySet":
        return self.filter(person__in=User.objects.manageable_by(user))


class Mail(models.Model):
    """A link to set a password that a person has not been mailed yet. The link is made when it is sent, so that none
    is kept here; what has been sent is gone.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mails")
    site = models.CharField(max_length=200)
    """Where Fifty is served."""
    asked_at = models.DateTimeField(default=timezone.now, db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    """Without one nobody tries any more (outbox.MOST_TRIES)."""
    error = models.TextField(blank=True, default="", db_default="")
    """Why the last try failed, in the mail server's words."""

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["person"], name="mail_one_for_a_person")]

    def __str__(self) -> str:
        return str(self.person)
