"""The numbers of requests. Imported when the app is ready."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from records.models import Request


def _in_state(state: str) -> Callable[[Any], QuerySet]:
    return lambda module: Request.objects.filter(state=state)


def _listed(state: str) -> Callable[[Any], str]:
    return lambda module: reverse("requests") + ("" if state == "pending" else f"?state={state}")


for state, sentence in [
    ("pending", _("Requests that wait for an admin.")),
    ("approved", _("Requests whose records were handed out.")),
    ("rejected", _("Requests that an admin turned down.")),
    ("cancelled", _("Requests that were taken back by the one who asked, or because they left.")),
]:
    declare(Figure(f"requests.{state}", sentence, _in_state(state), _listed(state)))

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
        "staff.requests",
        _("Requests of the staff member that wait for an admin."),
        lambda user: Request.objects.of(user).pending(),
        lambda user: f"{reverse('requests')}?staff={user.pk}",
    )
)
declare(
    Figure(
        "request.quantity",
        _("Records that were asked for."),
        stored=lambda request: request.quantity,
    )
)
