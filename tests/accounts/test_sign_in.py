import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from django.urls import NoReverseMatch, reverse
from time_machine import travel

from tests.accounts.conftest import PASSWORD
from tests.factories.accounts import UserFactory

LOGIN = "/accounts/login/"


def test_the_right_password_leads_to_the_page_that_was_asked_for(staff, with_password):
    with_password(staff)
    client = Client()
    asked = client.get(reverse("profile"))
    assert asked.url == f"{LOGIN}?next={reverse('profile')}"
    response = client.post(LOGIN, {"login": "sari", "password": PASSWORD, "next": reverse("profile")})
    assert response.url == reverse("profile")
    assert client.get(response.url).status_code == 200


def test_sign_in_does_not_lead_to_another_site(staff, with_password):
    with_password(staff)
    data = {"login": "sari", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert Client().post(LOGIN, data).url == reverse("home")


def test_a_username_is_typed_in_any_case_and_with_stray_spaces(staff, with_password, enter):
    with_password(staff)
    assert enter(" SARI ").status_code == 302


def test_wrong_unknown_and_deactivated_are_answered_alike(staff, with_password, enter):
    with_password(staff)
    with_password(UserFactory(username="gone", is_active=False, deactivated_at="2026-01-01T00:00Z"))
    wrong, unknown, deactivated = enter("sari", "wrong"), enter("nobody", "wrong"), enter("gone")
    assert [answer.status_code for answer in (wrong, unknown, deactivated)] == [422, 422, 422]
    assert wrong.context["form"].non_field_errors() == ["The username or the password is wrong."]
    for answer in (unknown, deactivated):
        assert answer.context["form"].errors == wrong.context["form"].errors


def test_an_unknown_username_costs_as_many_hashes_as_a_wrong_password(staff, with_password, enter, monkeypatch):
    """The hash is nearly all of the time that an answer takes."""
    with_password(staff)
    hashes = []
    for name in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, name, _counted(getattr(Argon2PasswordHasher, name), hashes))
    costs = []
    for username in ("sari", "nobody"):
        hashes.clear()
        enter(username, "wrong")
        costs.append(len(hashes))
    assert costs == [1, 1]


def _counted(real, calls):
    def counted(*args, **kwargs):
        calls.append(real)
        return real(*args, **kwargs)

    return counted


def test_sign_out_takes_a_post(staff, sign_in, is_signed_in):
    client = sign_in(staff)
    asked = client.get(reverse("account_logout"))
    assert asked.status_code == 200
    assert is_signed_in(client)
    assert client.post(reverse("account_logout")).url == LOGIN
    assert not is_signed_in(client)


def test_a_session_ends_after_its_hours(staff, with_password, enter, is_signed_in):
    with_password(staff)
    client = Client()
    with travel("2026-03-02 08:00", tick=False) as clock:
        enter("sari", client=client)
        assert is_signed_in(client)
        clock.shift(settings.SESSION_COOKIE_AGE - 60)
        assert is_signed_in(client)
        clock.shift(120)
        assert not is_signed_in(client)


@pytest.mark.parametrize(
    "path",
    ["signup/", "email/", "confirm-email/", "inactive/", "login/code/", "login/code/confirm/", "2fa/webauthn/", ""],
)
def test_pages_that_make_no_sense_here_do_not_exist(staff, sign_in, path):
    assert sign_in(staff).get(f"/accounts/{path}").status_code == 404


def test_nobody_signs_up():
    with pytest.raises(NoReverseMatch):
        reverse("account_signup")


def test_the_sign_in_form_helps_password_managers(client, db):
    page = client.get(LOGIN).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert 'for="id_login"' in page
    assert 'for="id_password"' in page


def test_a_browser_part_of_a_page_is_answered_without_a_session_by_401(client, db):
    response = client.get(reverse("people"), headers={"HX-Request": "true"})
    assert response.status_code == 401


OWN_PAGES = [
    "profile",
    "own_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
]


@pytest.mark.parametrize("name", OWN_PAGES)
def test_the_pages_of_ones_own_account_are_for_everybody_who_is_signed_in(db, name):
    assert Client().get(reverse(name)).url.startswith(LOGIN)
    for role in ("staff", "admin", "owner"):
        person = UserFactory(role=role)
        client = Client()
        client.force_login(person)
        TOTP.activate(person, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
        client.post(reverse("mfa_reauthenticate"), {"code": RecoveryCodes.activate(person).get_unused_codes()[0]})
        assert client.get(reverse(name), follow=True).status_code == 200


@pytest.mark.parametrize(
    "path", ["login/", "password/reset/", "password/reset/sent/", "password/reset/done/", "password/reset/key/1-x/"]
)
def test_the_pages_before_sign_in_open_without_it(client, db, path):
    assert client.get(f"/accounts/{path}").status_code == 200
