"""Who may do what: one decorator for each role's pages, one function for each object.

A signed-in person outside the role gets 403 for a page; an outsider gets 404 for an object.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from crm.accounts.models import Mail, Role, User
from crm.pages import HtmxRequest

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


class SignedInRequest(HtmxRequest):
    """A request that the middleware let through: there is a person behind it."""

    user: User


def _page_of(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            user = args[0].user  # type: ignore[attr-defined]
            if not user.is_authenticated or user.role not in roles:
                raise PermissionDenied
            return view(*args, **kwargs)

        return checked

    return decorate


staff_page = _page_of(Role.STAFF)
"""A page about one's own records. Admins have none, so it is not for them."""

admin_page = _page_of(Role.ADMIN, Role.OWNER)
"""A page that runs the team's work; the owner is an admin too."""

owner_page = _page_of(Role.OWNER)
"""A page that sets how the team works."""


def get_person_for(user: User, pk: int) -> User:
    """The person, if `user` may manage them; Http404 otherwise."""
    return get_object_or_404(User.objects.manageable_by(user), pk=pk)


def get_mail_for(user: User, pk: int) -> Mail:
    """The mail that waits, if `user` may manage whom it is for; Http404 otherwise."""
    return get_object_or_404(Mail.objects.seen_by(user), pk=pk)
