from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import travel

from crm.accounts import lockout


@pytest.fixture
def locked_out(staff, with_password, enter):
    with_password(staff)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = enter("sari", "wrong")
    assert last.status_code == 429
    return staff


def test_repeated_failures_lock_out_and_say_for_how_long(locked_out, enter):
    page = enter("sari", "wrong")
    assert page.status_code == 429
    assert page["Retry-After"] == "900"
    assert "locked here for 15 minutes" in page.content.decode()


def test_one_failure_fewer_does_not_lock_out(staff, with_password, enter):
    with_password(staff)
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert enter("sari", "wrong").status_code == 422
    assert enter("sari").status_code == 302


def test_the_right_password_is_refused_during_a_lock_out(locked_out, enter, is_signed_in):
    client = Client()
    assert enter("sari", client=client).status_code == 429
    assert not is_signed_in(client)


def test_the_case_of_a_username_does_not_give_more_attempts(locked_out, enter):
    assert enter("SARI", "wrong").status_code == 429


def test_an_unknown_username_is_locked_out_alike(db, enter):
    answers = [enter("nobody", "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert answers[-2:] == [422, 429]


def test_somebody_else_at_the_same_address_is_not_locked_out(locked_out, admin, with_password, enter):
    with_password(admin)
    assert enter("adam").status_code == 302


def test_the_person_is_not_locked_out_from_another_address(locked_out, enter):
    assert enter("sari", REMOTE_ADDR="203.0.113.9").status_code == 302


def test_a_forged_address_does_not_give_more_attempts(locked_out, enter):
    assert enter("sari", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 429


def test_behind_a_proxy_the_address_is_the_last_one_that_the_proxy_saw(staff, with_password, enter, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    with_password(staff)
    for forged in range(settings.AXES_FAILURE_LIMIT):
        enter("sari", "wrong", headers={"X-Forwarded-For": f"198.51.100.{forged}, 203.0.113.9"})
    assert enter("sari", headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.9"}).status_code == 429
    assert enter("sari", headers={"X-Forwarded-For": "203.0.113.10"}).status_code == 302


def test_a_lock_out_ends_by_time_and_trying_does_not_make_it_longer(locked_out, enter):
    with travel(timezone.now() + lockout.duration() - timedelta(minutes=1), tick=False):
        assert enter("sari").status_code == 429
    with travel(timezone.now() + lockout.duration() + timedelta(minutes=1), tick=False):
        assert enter("sari").status_code == 302


def test_an_admin_sees_who_is_locked_out_and_unlocks_them(locked_out, admin, sign_in, enter):
    client = sign_in(admin)
    assert "Locked" in client.get(reverse("people")).content.decode()
    client.post(reverse("person_unlock", args=[locked_out.pk]))
    assert "Locked" not in client.get(reverse("people")).content.decode()
    assert enter("sari").status_code == 302


def test_a_success_forgets_the_failures_before_it(staff, with_password, enter):
    with_password(staff)
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        enter("sari", "wrong")
    enter("sari")
    assert enter("sari", "wrong").status_code == 422


def test_passwords_that_were_tried_are_not_kept(locked_out):
    from axes.models import AccessAttempt

    attempt = AccessAttempt.objects.get()
    assert "wrong" not in attempt.post_data


def test_guessing_the_password_in_an_open_session_counts_too(staff, with_password, enter):
    with_password(staff)
    client = Client()
    enter("sari", client=client)
    answers = [
        client.post(reverse("account_reauthenticate"), {"password": "wrong"}).status_code
        for _ in range(settings.AXES_FAILURE_LIMIT)
    ]
    assert answers[0] == 422
    assert answers[-1] == 429
