"""Links to set a password: for the invited, and for those who have forgotten theirs.

A link works once, for PASSWORD_RESET_TIMEOUT seconds, and only while the person is active and has the role for which it
was made, and no newer one was made.
"""

from typing import Any
from urllib.parse import urljoin

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from crm.accounts.models import User


class PasswordLinkTokens(PasswordResetTokenGenerator):
    """Django's tokens, which a new password, a noted sign-in (services.note_sign_in) or another email address makes
    invalid. Not the library's: those copy the address into a table of its own, where an old one would go on receiving
    links.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.role}{user.link_number}"

    def check_token(self, user: Any, token: str | None) -> bool:
        return user is not None and user.is_active and super().check_token(user, token)


def make_link(person: User, *, site: str) -> str:
    """A fresh link for `person`, in place of all earlier ones; `site` is where Fifty is served, such as
    "https://crm.example.com/".
    """
    User.objects.filter(pk=person.pk).update(link_number=F("link_number") + 1)
    person = User.objects.get(pk=person.pk)
    parts = {"uidb36": user_pk_to_url_str(person), "key": PasswordLinkTokens().make_token(person)}
    return urljoin(site, reverse("account_reset_password_from_key", kwargs=parts))


def days_valid() -> int:
    return settings.PASSWORD_RESET_TIMEOUT // 86_400


def mail_link(person: User, site: str) -> None:
    """Mails a fresh link to the person's address, unless they have been deactivated since. Raises what the mail server
    makes Django's backend raise: SMTPException, OSError.
    """
    if not person.is_active or not person.email:
        return
    context = {"person": person, "link": make_link(person, site=site), "days": days_valid()}
    kind = "invitation" if person.last_login is None else "password_link"
    subject = settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + render_to_string(f"account/email/{kind}_subject.txt", context)
    send_mail(subject.strip(), render_to_string(f"account/email/{kind}_message.txt", context), None, [person.email])
