import re
from datetime import timedelta

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import travel

from crm.accounts import password_links, services
from crm.accounts.models import Mail, User
from tests.accounts.conftest import PASSWORD

NEW = "susu jahe 1945"


@pytest.fixture
def ask(run_tasks):
    """Asks for a link on the page, and delivers the mail."""

    def ask(email: str):
        response = Client().post(reverse("account_reset_password"), {"email": email})
        run_tasks()
        return response

    return ask


def link_in_mail() -> str:
    return re.search(r"http://testserver(/\S+)", mail.outbox[-1].body).group(1)


def set_password(link: str, password: str = NEW, client: Client | None = None):
    """Follows a link as a browser does, and fills in the form that it leads to."""
    client = client or Client()
    opened = client.get(link, follow=True)
    if opened.context.get("token_fail"):
        return opened
    return client.post(opened.context["action_url"], {"password1": password, "password2": password})


def test_a_mailed_link_sets_a_new_password(staff, ask, enter):
    ask("SARI@example.com")
    assert mail.outbox[-1].to == ["sari@example.com"]
    assert "sari" in mail.outbox[-1].body
    assert set_password(link_in_mail()).url == reverse("account_reset_password_from_key_done")
    assert enter("sari", NEW).status_code == 302


def test_an_unknown_address_gets_the_same_answer_and_no_mail(staff, ask):
    known, unknown = ask("sari@example.com"), ask("nobody@example.com")
    assert (unknown.status_code, unknown.url) == (known.status_code, known.url)
    assert [message.to for message in mail.outbox] == [["sari@example.com"]]


def test_a_newer_link_ends_the_older_ones(staff):
    older, newer = [password_links.make_link(staff, site="http://testserver/") for _number in range(2)]
    assert "token_fail" in set_password(older).context
    assert set_password(newer).status_code == 302


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_a_link_does_not_open_a_higher_rank(staff, owner, role):
    link = password_links.make_link(staff, site="http://testserver/")
    services.change_role(person=staff, role=role, by=owner)
    assert "token_fail" in set_password(link).context
    staff.refresh_from_db()
    assert not staff.check_password(NEW)


def test_no_link_lies_in_the_table_of_tasks_or_in_the_outbox(staff):
    from django_q.models import OrmQ

    Client().post(reverse("account_reset_password"), {"email": "sari@example.com"})
    assert OrmQ.objects.get().task["args"] == ()
    assert Mail.objects.values_list("person", "site", "error").get() == (staff.pk, "http://testserver/", "")


def test_a_link_works_once(staff, ask):
    ask("sari@example.com")
    link = link_in_mail()
    set_password(link)
    assert "does not work any more" in set_password(link, "another one 77").content.decode()


def test_a_link_expires(staff, ask):
    ask("sari@example.com")
    # Django reckons in local time here, and travel() puts the machine into UTC: hence the hours.
    with travel(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT, hours=12)):
        assert set_password(link_in_mail()).context["token_fail"]


def test_a_sign_in_makes_earlier_links_invalid(staff, with_password, enter, ask):
    with_password(staff)
    ask("sari@example.com")
    enter("sari")
    assert set_password(link_in_mail()).context["token_fail"]


def test_a_deactivated_person_gets_no_link_and_an_old_one_is_dead(staff, owner, ask):
    ask("sari@example.com")
    services.deactivate_person(person=staff, by=owner)
    assert set_password(link_in_mail()).context["token_fail"]
    ask("sari@example.com")
    assert len(mail.outbox) == 1


def test_an_address_that_was_replaced_gets_no_links_any_more(staff, with_password, enter, ask):
    with_password(staff)
    enter("sari")
    ask("sari@example.com")
    link = link_in_mail()
    services.edit_own_details(by=staff, email="new@example.com")
    assert set_password(link).context["token_fail"]
    ask("sari@example.com")
    assert len(mail.outbox) == 1
    assert not EmailAddress.objects.exists()


def test_a_weak_password_comes_back_with_the_reason(staff, ask):
    ask("sari@example.com")
    response = set_password(link_in_mail(), "12345")
    assert response.status_code == 422
    assert "too short" in response.content.decode()


def test_a_new_password_ends_all_other_sessions(staff, with_password, enter, is_signed_in):
    with_password(staff)
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        enter("sari", client=client)
    data = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert here.post(reverse("account_change_password"), data).url == reverse("profile")
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_a_password_is_changed_with_the_old_one_only(staff, with_password, sign_in):
    client = sign_in(with_password(staff))
    data = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    assert client.post(reverse("account_change_password"), data).status_code == 422
    assert User.objects.get(pk=staff.pk).check_password(PASSWORD)


def test_setting_a_password_does_not_undo_a_deactivation_meanwhile(staff, owner):
    read_before = User.objects.get(pk=staff.pk)
    services.deactivate_person(person=staff, by=owner)
    get_adapter().set_password(read_before, NEW)
    assert not User.objects.get(pk=staff.pk).is_active


def test_a_link_of_one_person_signs_the_other_in_this_browser_out(staff, other_staff, sign_in, is_signed_in):
    client = sign_in(other_staff)
    set_password(password_links.make_link(staff, site="http://testserver/"), client=client)
    assert not is_signed_in(client)
