"""The numbers of requests. Imported when the app is ready."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from records.models import Request

declare(
    Figure(
        "requests.pending",
        _("Requests that wait for an admin."),
        lambda module: Request.objects.pending(),
        lambda module: reverse("requests"),
    )
)
declare(
    Figure(
        "requests.mine",
        _("Your requests that wait for an admin."),
        lambda user: Request.objects.of(user).pending(),
        lambda user: reverse("my_requests"),
    )
)
declare(
    Figure(
        "request.quantity",
        _("Records that were asked for."),
        stored=lambda request: request.quantity,
    )
)
