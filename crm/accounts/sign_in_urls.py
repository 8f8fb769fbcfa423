"""Sign-in and one's own account, under /accounts/: those pages of the library that make sense here, under the names
by which it finds them itself. There is no sign-up and no list of email addresses."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.http import HttpResponse
from django.urls import path, re_path

from crm.accounts import views


def _says_invalid(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A refused form comes back with 422, as everywhere else in Fifty."""

    @wraps(view)
    def answered(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form is not None and form.is_bound and form.errors:
            response.status_code = 422
        return response

    return answered


urlpatterns = [
    path("login/", _says_invalid(account.login), name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("reauthenticate/", _says_invalid(account.reauthenticate), name="account_reauthenticate"),
    path("profile/", views.profile, name="profile"),
    path("profile/email/", views.own_email, name="own_email"),
    path("password/change/", _says_invalid(account.password_change), name="account_change_password"),
    path("password/set/", _says_invalid(account.password_set), name="account_set_password"),
    path("password/reset/", _says_invalid(account.password_reset), name="account_reset_password"),
    path("password/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    path("password/reset/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        _says_invalid(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("2fa/", mfa.index, name="mfa_index"),
    path("2fa/authenticate/", _says_invalid(mfa.authenticate), name="mfa_authenticate"),
    path("2fa/reauthenticate/", _says_invalid(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", _says_invalid(totp.activate_totp), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", _says_invalid(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/generate/", recovery_codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("2fa/recovery-codes/download/", recovery_codes.download_recovery_codes, name="mfa_download_recovery_codes"),
]
