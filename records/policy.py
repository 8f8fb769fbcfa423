"""Normal DB: what is its own."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from crm.registry import Asking, Module, Policy

if TYPE_CHECKING:
    from crm.accounts.models import User


def withdraw_requests(person: "User", by: "User | None") -> None:
    """Whoever leaves asks for nothing any more."""
    from records.requests import cancel_requests_of  # the models are ready by then

    cancel_requests_of(person, by=by)


def lock_requests(person: "User") -> list[int]:
    from records.requests import lock_requests_of  # the models are ready by then

    return lock_requests_of(person)


def reject(keys: Collection[int], by: "User | None", reason: str) -> None:
    from records.models import Request  # the models are ready by then
    from records.requests import reject_requests

    reject_requests(requests=Request.objects.filter(pk__in=keys), by=by, reason=reason)


def demo(days_ago: int, team: "dict[str, User]") -> None:
    from records.demo import requests_of_the_day  # the models are ready by then

    requests_of_the_day(days_ago, team)


MODULE = Module(
    key="records",
    label=_("Normal DB"),
    description=_("Staff request records and an admin approves."),
    policy=Policy(
        asking=Asking(
            url_name="my_requests",
            queue_url_name="requests",
            waiting="requests.pending",
            own="requests.mine",
            of_staff="staff.requests",
        ),
        lock_asked=lock_requests,
        withdraw=withdraw_requests,
        reject=reject,
        demo=demo,
    ),
)
