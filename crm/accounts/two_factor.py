"""The second factor: who has it, who must have it, and what its forms do beyond the library's."""

from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError

from crm.accounts import lockout
from crm.accounts.models import User


def has_two_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def must_have_two_factor(user: User) -> bool:
    return settings.REQUIRE_ADMIN_TOTP and user.is_admin


CODE_SECONDS = 30 * (1 + 2 * settings.MFA_TOTP_TOLERANCE)
"""So long a code is good: half a minute, and before and after it as many as the tolerance says."""


class CountedCode:
    """Wrong codes count like wrong passwords: six digits are few, and whoever guesses has the password already."""

    user: User

    def clean_code(self) -> str:
        if lockout.refuses(context.request, self.user.username):
            raise get_adapter().validation_error("too_many_login_attempts")
        try:
            code = str(super().clean_code())  # type: ignore[misc]
            # The library forgets that a code was used while it is still good.
            if not cache.add(f"two-factor/{self.user.pk}/{''.join(code.split())}", True, timeout=CODE_SECONDS):
                raise get_mfa_adapter().validation_error("incorrect_code")
        except ValidationError:
            lockout.count_failure(context.request, self.user.username)
            raise
        return code


class CountedAuthenticateForm(CountedCode, AuthenticateForm):
    """The code after the password."""


class CountedReauthenticateForm(CountedCode, ReauthenticateForm):
    """The code before a delicate change."""
