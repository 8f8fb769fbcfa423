"""`manage.py check --deploy` refuses what others could open, and what reaches nobody."""

import pytest
from django.core.checks import run_checks

from crm.home.demo import PASSWORD

pytestmark = pytest.mark.django_db


def found() -> set[str]:
    return {each.id for each in run_checks(include_deployment_checks=True) if each.id.startswith("fifty.")}


@pytest.fixture(autouse=True)
def installed(settings):
    settings.ALLOWED_HOSTS = ["crm.example.com"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def test_a_careful_installation_passes(staff):
    assert found() == set()


def test_every_host_is_too_many(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert found() == {"fifty.E001"}


def test_mail_must_leave_the_machine(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert found() == {"fifty.E002"}


def test_nobody_has_the_password_of_the_demo(staff):
    staff.set_password(PASSWORD)
    staff.save()
    assert found() == {"fifty.E004"}
    staff.is_active, staff.deactivated_at = False, staff.date_joined
    staff.save()
    assert found() == set()
