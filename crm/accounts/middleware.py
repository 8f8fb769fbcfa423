"""Every page is for people who are signed in, but for those that say otherwise."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url

from crm.accounts.models import User
from crm.accounts.two_factor import has_two_factor, must_have_two_factor
from crm.pages import came_from

# What somebody needs on the way to a second factor.
BEFORE_TWO_FACTOR = {"mfa_activate_totp", "account_reauthenticate", "account_logout"}


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """A page without a session leads to the sign-in page, and back; `login_not_required` exempts a view. What was sent
    leads back to the page that it was sent from, where drafts.js puts it into its form again.

    With REQUIRE_ADMIN_TOTP, an admin without an authenticator app is led to set one up first.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(came_from(request, "/"), resolve_url(settings.LOGIN_URL))

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        response = super().process_view(request, view_func, view_args, view_kwargs)
        if response or not getattr(view_func, "login_required", True) or not settings.REQUIRE_ADMIN_TOTP:
            return response
        name = request.resolver_match.url_name if request.resolver_match else None
        user = request.user
        if isinstance(user, User) and must_have_two_factor(user) and name not in BEFORE_TWO_FACTOR:
            return None if has_two_factor(user) else redirect("mfa_activate_totp")
        return None
