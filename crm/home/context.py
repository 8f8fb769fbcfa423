"""What the shell around every page needs to know."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from crm.home.navigation import navigation


def shell(request: HttpRequest) -> dict[str, Any]:
    """The navigation, worked out only where a template shows it. A request may fail before it has a user."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"navigation": SimpleLazyObject(lambda: navigation(user, request.path))}
