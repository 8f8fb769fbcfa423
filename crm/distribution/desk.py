"""What the people have sent, set and saved: nothing here is part of a record's life."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Submission(models.Model):
    """A form that was sent and took effect. Its token can take effect only once: a double click or a re-sent form
    finds it here (`crm.distribution.submissions`)."""

    token = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return str(self.token)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ModuleSettings(models.Model):
    """What the owner has set for a module; which of it counts is the module's policy."""

    module = models.CharField(max_length=30, unique=True)
    auto_approve = models.BooleanField(_("approve requests by themselves"), default=False)
    most_per_request = models.PositiveIntegerField(_("most records per request"), default=100)
    auto_replace = models.BooleanField(_("replace invalid records at once"), default=False)
    most_replacements = models.PositiveIntegerField(_("most replacements per batch"), default=20)
    staff_see_earlier = models.BooleanField(_("staff see what was said before"), default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(most_per_request__gt=0), name="module_settings_request_some"),
        ]

    def __str__(self) -> str:
        return self.module


class SavedView(models.Model):
    """A list as somebody has filtered, sorted and arranged it: the query of its URL, with a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=60)
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_name"),
        ]

    def __str__(self) -> str:
        return self.name
