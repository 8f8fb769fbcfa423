"""What `manage.py check --deploy` refuses: an installation that others can open or that nobody hears."""

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError

from crm.accounts.models import User


@register(deploy=True)
def is_for_others(**_options: Any) -> list[CheckMessage]:
    """The settings and the people, as they are on this machine."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Error("ALLOWED_HOSTS is *: name the hosts that serve the app.", id="fifty.E001"))
    if settings.EMAIL_BACKEND.endswith(("console.EmailBackend", "dummy.EmailBackend", "locmem.EmailBackend")):
        found.append(Error("EMAIL_URL is not set: invitations and links reach nobody.", id="fifty.E002"))
    try:
        with_demo = _with_demo_passwords()
    except DatabaseError as error:
        found.append(Error(f"The people cannot be looked at: {str(error).strip()}", id="fifty.E003"))
    else:
        if with_demo:
            names = ", ".join(with_demo)
            found.append(Error(f"These have the password of the demo, which everybody knows: {names}", id="fifty.E004"))
    return found


def _with_demo_passwords() -> list[str]:
    from crm.home.demo import PASSWORD, PEOPLE

    # Whoever had it and has another name now is not among them; to try it with everybody takes too long.
    people = User.objects.active().filter(username__in=[username for username, *_rest in PEOPLE]).order_by("username")
    return [person.username for person in people if check_password(PASSWORD, person.password)]
