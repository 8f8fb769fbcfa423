"""The lock-out after repeated failures, counted by django-axes in the database for all web machines together.

A failure is counted against the username and the address it came from. The same happens to a username that nobody
has, so that a lock-out tells nothing about who has an account.
"""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def duration() -> timedelta:
    """How long a lock-out lasts."""
    return timedelta(hours=settings.AXES_COOLOFF_TIME)


def attempted_username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """AXES_USERNAME_CALLABLE: the username of an attempt, the same however it was typed."""
    given = credentials or request.POST
    return str(given.get("username") or given.get("login") or "").strip().lower()


def client_address(request: HttpRequest) -> str | None:
    """AXES_CLIENT_IP_CALLABLE: the address as the sign-in library sees it, behind PROXY_COUNT proxies."""
    try:
        return get_adapter(request).get_client_ip(request)
    except PermissionDenied:
        return None


def refuses(request: HttpRequest, username: str) -> bool:
    """Whether this person is locked out here; if so, the answer will be the lock-out page."""
    request.axes_locked_out = not AxesProxyHandler.is_allowed(request, {"username": username})  # type: ignore[attr-defined]
    return request.axes_locked_out  # type: ignore[attr-defined]


def count_failure(request: HttpRequest, username: str) -> None:
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)


def answer_locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any) -> HttpResponse:
    """AXES_LOCKOUT_CALLABLE: the page that says how long, whether or not the password was right."""
    seconds = int(duration().total_seconds())
    answer = render(request, "account/locked_out.html", {"minutes": seconds // 60}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def locked_usernames() -> set[str]:
    """Who is locked out now, from wherever."""
    failures = (
        AccessAttempt.objects.filter(attempt_time__gte=timezone.now() - duration())
        .values("username", "ip_address")
        .annotate(failures=Sum("failures_since_start"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
    )
    return {failure["username"] for failure in failures}


def forget_failures(username: str) -> None:
    reset(username=username)
