"""The number on the bell. Imported when the app is ready."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from crm.notices.models import Notice

declare(
    Figure(
        "notices.unread",
        _("Your notifications that you have not read yet."),
        lambda user: Notice.objects.of(user).unread(),
        lambda user: f"{reverse('notices')}?state=unread",
    )
)
