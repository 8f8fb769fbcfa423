import time
from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.conf import settings
from django.test import Client
from django.urls import reverse
from time_machine import travel

from tests.accounts.conftest import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_of(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def wrong_code(secret: str = SECRET) -> str:
    counter = int(time.time()) // 30
    near = {hotp_value(secret, counter + step) for step in range(-2, 3)}
    return format_hotp_value(next(value for value in range(10) if value not in near))


@pytest.fixture
def with_totp(with_password):
    def with_totp(person):
        with_password(person)
        TOTP.activate(person, SECRET)
        RecoveryCodes.activate(person)
        return person

    return with_totp


def test_setting_up_asks_for_the_password_and_then_for_a_code(staff, with_password, enter):
    with_password(staff)
    client = Client()
    enter("sari", client=client)
    asked = client.get(reverse("mfa_activate_totp"))
    assert asked.url.startswith(reverse("account_reauthenticate"))
    client.post(asked.url, {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert client.post(reverse("mfa_activate_totp"), {"code": wrong_code(secret)}).status_code == 422
    done = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert done.url == reverse("mfa_view_recovery_codes")
    assert len(client.get(done.url).context["unused_codes"]) == 10


def test_the_password_alone_does_not_sign_in(staff, with_totp, enter, is_signed_in):
    with_totp(staff)
    client = Client()
    assert enter("sari", client=client).url == reverse("mfa_authenticate")
    assert not is_signed_in(client)


def test_password_and_code_sign_in(staff, with_totp, enter, is_signed_in):
    with_totp(staff)
    client = Client()
    enter("sari", client=client)
    assert client.post(reverse("mfa_authenticate"), {"code": code_of()}).url == reverse("home")
    assert is_signed_in(client)


def test_a_code_signs_in_once_however_long_it_is_good(staff, with_totp, enter, is_signed_in):
    with_totp(staff)
    begin = 1_800_000_000
    with travel(datetime.fromtimestamp(begin, UTC), tick=False):
        code = code_of()
        client = Client()
        enter("sari", client=client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_signed_in(client)
    with travel(datetime.fromtimestamp(begin + 45, UTC), tick=False):
        for again in (code, f"{code[:3]} {code[3:]}"):
            other = Client()
            enter("sari", client=other)
            answer = other.post(reverse("mfa_authenticate"), {"code": again})
            assert "was used before" in answer.content.decode()
            assert not is_signed_in(other)
        other.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert is_signed_in(other)


def test_a_recovery_code_signs_in_once(staff, with_totp, enter, is_signed_in):
    with_totp(staff)
    code = Authenticator.objects.get(user=staff, type="recovery_codes").wrap().get_unused_codes()[0]
    for expected in (True, False):
        client = Client()
        enter("sari", client=client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_signed_in(client) is expected


def test_wrong_codes_lock_out_like_wrong_passwords(staff, with_totp, enter, is_signed_in):
    with_totp(staff)
    client = Client()
    enter("sari", client=client)
    wrong = [
        client.post(reverse("mfa_authenticate"), {"code": wrong_code()}).status_code
        for _ in range(settings.AXES_FAILURE_LIMIT)
    ]
    assert wrong[0] == 422
    assert wrong[-1] == 429
    assert client.post(reverse("mfa_authenticate"), {"code": code_of()}).status_code == 429
    assert not is_signed_in(client)
    assert enter("sari").status_code == 429


def test_somebody_deactivated_between_password_and_code_is_not_signed_in(staff, owner, with_totp, enter, is_signed_in):
    from crm.accounts.services import deactivate_person

    with_totp(staff)
    client = Client()
    enter("sari", client=client)
    deactivate_person(person=staff, by=owner)
    client.post(reverse("mfa_authenticate"), {"code": code_of()})
    assert not is_signed_in(client)


def test_turning_off_takes_the_password_and_a_confirmation(staff, with_totp, enter):
    with_totp(staff)
    client = Client()
    enter("sari", client=client)
    client.post(reverse("mfa_authenticate"), {"code": code_of()})
    asked = client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(user=staff, type="totp").exists()
    assert asked.url.startswith("/accounts/")
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.post(reverse("mfa_deactivate_totp")).url == reverse("mfa_index")
    assert not Authenticator.objects.filter(user=staff).exists()


def test_where_admins_must_have_it_other_pages_lead_to_setting_it_up(admin, owner, sign_in, settings):
    settings.REQUIRE_ADMIN_TOTP = True
    for person in (admin, owner):
        client = sign_in(person)
        for name in ("profile", "people", "products", "account_change_password"):
            assert client.get(reverse(name)).url == reverse("mfa_activate_totp")
        assert client.post(reverse("product_add"), {"name": "Kopi"}).url == reverse("mfa_activate_totp")
        assert client.get(reverse("mfa_activate_totp")).status_code == 200


def test_where_admins_must_have_it_those_who_have_it_go_on(admin, sign_in, settings):
    settings.REQUIRE_ADMIN_TOTP = True
    TOTP.activate(admin, SECRET)
    assert sign_in(admin).get(reverse("people")).status_code == 200


def test_staff_need_no_second_factor(staff, sign_in, settings):
    settings.REQUIRE_ADMIN_TOTP = True
    assert sign_in(staff).get(reverse("profile")).status_code == 200


def test_where_admins_must_have_it_they_cannot_turn_it_off(admin, sign_in, settings):
    settings.REQUIRE_ADMIN_TOTP = True
    TOTP.activate(admin, SECRET)
    response = sign_in(admin).post(reverse("mfa_deactivate_totp"))
    assert response.status_code in (200, 302, 422)
    assert Authenticator.objects.filter(user=admin, type="totp").exists()


def test_an_admin_turns_it_off_for_somebody_who_lost_the_phone(staff, admin, with_totp, sign_in, enter):
    with_totp(staff)
    client = sign_in(admin)
    assert "Two-factor sign-in is on" in client.get(reverse("person", args=[staff.pk])).content.decode()
    client.post(reverse("person_reset_two_factor", args=[staff.pk]))
    assert not Authenticator.objects.filter(user=staff).exists()
    assert enter("sari").url == reverse("home")
