"""The number of mails that wait. Imported when the app is ready."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Mail
from crm.figures import Figure, declare

declare(
    Figure(
        "mail.waiting",
        _("Mails to people whom you manage that the mail server has not taken yet."),
        lambda user: Mail.objects.seen_by(user),
        lambda user: reverse("outbox"),
    )
)
