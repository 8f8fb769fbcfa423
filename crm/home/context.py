"""What the shell around every page needs to know."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from crm.home.navigation import navigation
from crm.notices.models import Notice


def shell(request: HttpRequest) -> dict[str, Any]:
    """The navigation and the number of unread notifications, worked out only where a template shows them."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "navigation": SimpleLazyObject(lambda: navigation(user, request.path)),
        "unread_notices": SimpleLazyObject(lambda: Notice.objects.of(user).unread().count()),
    }
