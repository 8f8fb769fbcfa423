"""Where the sign-in library asks how this product wants it."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.accounts import outbox, two_factor
from crm.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The username or the password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "enter_current_password": _("This is not your current password."),
        "too_many_login_attempts": _("Too many failed attempts. Try again later."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up; admins invite."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Failures are counted by axes (crm.accounts.lockout), not in this process's memory."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """A deactivated person is answered like one whose password is wrong."""
        user = super().authenticate(request, **credentials)
        return user if user and user.is_active else None

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Deactivated between the password and the code."""
        return redirect("account_login")

    def set_password(self, user: User, password: str) -> None:
        """Writes the password alone: `user` was read a while ago, and may have been deactivated since."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """By a task: sending takes time and may fail, and either would tell that the address is known."""
        outbox.queue_mail(user, site=self.request.build_absolute_uri("/"))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("profile")


class TwoFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": _("Admins must have two-factor sign-in here; it cannot be turned off."),
        "incorrect_code": _("This code is wrong, or was used before. Enter the one that is shown now."),
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not two_factor.must_have_two_factor(authenticator.user)
