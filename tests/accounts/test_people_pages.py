import re

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.accounts.models import User
from tests.factories.accounts import UserFactory

ABOUT_A_PERSON = [
    "person",
    "person_role",
    "person_reactivate",
    "person_unlock",
    "person_send_link",
    "person_reset_two_factor",
]
DETAILS = {"name": "Rina W", "username": "rina", "email": "", "role": "staff"}


def url_of(name: str, person: User) -> str:
    return reverse(name, args=[person.pk])


def state_of(person: User) -> dict:
    return User.objects.filter(pk=person.pk).values().get()


@pytest.mark.parametrize("name", ["people", "person_invite"])
def test_people_pages_are_for_admins(db, owner, admin, staff, name):
    assert Client().get(reverse(name)).url.startswith(reverse("account_login"))
    for person, status in ((staff, 403), (admin, 200), (owner, 200)):
        client = Client()
        client.force_login(person)
        assert client.get(reverse(name)).status_code == status


@pytest.mark.parametrize("name", ABOUT_A_PERSON)
def test_outsiders_change_nothing_about_a_person(owner, admin, staff, other_staff, name):
    data = DETAILS | {"role": "admin"}
    before = state_of(owner), state_of(other_staff)
    assert Client().post(url_of(name, other_staff), data).url.startswith(reverse("account_login"))
    client = Client()
    client.force_login(staff)
    assert client.post(url_of(name, other_staff), data).status_code == 403
    client.force_login(admin)
    assert client.post(url_of(name, owner), data).status_code == 404
    assert client.post(reverse(name, args=[0]), data).status_code == 404
    assert (state_of(owner), state_of(other_staff)) == before


@pytest.mark.parametrize("name", [name for name in ABOUT_A_PERSON if name != "person"])
def test_changes_take_a_post(admin, staff, sign_in, name):
    assert sign_in(admin).get(url_of(name, staff)).status_code == 405


def test_the_list_shows_everybody_and_links_those_whom_one_may_manage(admin, owner, staff, sign_in):
    page = sign_in(admin).get(reverse("people")).content.decode()
    assert all(name in page for name in ("Olivia Owner", "Adam Admin", "Sari Staff"))
    assert url_of("person", staff) in page
    assert url_of("person", owner) not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=sari", {"sari"}),
        ("q=EXAMPLE", {"adam", "sari", "gone"}),
        ("role=admin", {"adam"}),
        ("state=deactivated", {"gone"}),
        ("state=active&role=staff", {"sari"}),
        ("role=nonsense&state=nonsense&page=nonsense", {"adam", "sari", "gone"}),
        ("q=%00", {"adam", "sari", "gone"}),
    ],
)
def test_the_list_is_narrowed_by_search_role_and_state(admin, staff, sign_in, query, found):
    UserFactory(username="gone", is_active=False, deactivated_at="2026-01-01T00:00Z")
    response = sign_in(admin).get(f"{reverse('people')}?{query}")
    assert {person.username for person in response.context["page"]} == found


def test_htmx_gets_the_list_alone(admin, sign_in):
    response = sign_in(admin).get(reverse("people"), headers={"HX-Request": "true"})
    assert response.content.decode().lstrip().startswith('<div id="people-list"')
    assert "HX-Request" in response["Vary"]


def test_the_list_has_fifty_on_a_page_and_costs_the_same_queries_for_more(admin, sign_in):
    client = sign_in(admin)
    costs = []
    for more in (5, 60):
        UserFactory.create_batch(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = client.get(reverse("people"))
        costs.append(len(queries))
    assert len(response.context["page"].object_list) == 50
    assert costs[0] == costs[1]


def test_an_invited_person_without_address_gets_a_link_that_is_shown_once(admin, sign_in, enter):
    client = sign_in(admin)
    response = client.post(reverse("person_invite"), DETAILS, follow=True)
    link = re.search(r'value="http://testserver(/\S+)"', response.content.decode()).group(1)
    assert "/password/reset/key/" not in client.get(response.redirect_chain[-1][0]).content.decode()
    browser = Client()
    opened = browser.get(link, follow=True)
    browser.post(opened.context["action_url"], {"password1": "kopi tubruk 50", "password2": "kopi tubruk 50"})
    assert enter("rina").status_code == 302
    assert not mail.outbox


def test_an_invited_person_with_address_gets_a_mail(admin, sign_in, run_tasks):
    data = DETAILS | {"email": "Rina@Example.com"}
    page = sign_in(admin).post(reverse("person_invite"), data, follow=True).content.decode()
    run_tasks()
    assert "/password/reset/key/" not in page
    assert mail.outbox[0].to == ["rina@example.com"]
    assert mail.outbox[0].subject == "[Fifty] Welcome to Fifty: set your password"
    assert "http://testserver/accounts/password/reset/key/" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"username": "SARI"}, "Somebody has this username already."),
        ({"username": "two words"}, "A username has"),
        ({"username": ""}, "This field is required."),
        ({"email": "sari@example.com"}, "Somebody has this email address already."),
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"role": "owner"}, "is not one of the available choices"),
        ({"role": "boss"}, "is not one of the available choices"),
    ],
)
def test_an_invalid_invitation_comes_back_with_the_reason(admin, staff, sign_in, change, reason):
    response = sign_in(admin).post(reverse("person_invite"), DETAILS | change)
    assert response.status_code == 422
    assert reason in response.content.decode()
    assert not User.objects.filter(name="Rina W").exists()


def test_only_owners_can_choose_the_role_of_an_admin(owner, admin, sign_in):
    assert 'value="admin"' not in sign_in(admin).get(reverse("person_invite")).content.decode()
    client = sign_in(owner)
    client.post(reverse("person_invite"), DETAILS | {"role": "admin"})
    assert User.objects.get(username="rina").role == "admin"


def test_a_person_is_edited(admin, staff, sign_in):
    data = {"name": "Sari Baru", "username": "sari.b", "email": "sari.b@example.com"}
    assert sign_in(admin).post(url_of("person", staff), data).url == url_of("person", staff)
    assert state_of(staff).items() >= data.items()


def test_an_invalid_edit_comes_back_and_changes_nothing(admin, staff, other_staff, sign_in):
    before = state_of(staff)
    data = {"name": "X", "username": other_staff.username, "email": ""}
    assert sign_in(admin).post(url_of("person", staff), data).status_code == 422
    assert state_of(staff) == before


def test_a_person_is_deactivated_after_a_question_and_reactivated(admin, staff, sign_in, is_signed_in):
    theirs = Client()
    theirs.force_login(staff)
    client = sign_in(admin)
    form = client.get(url_of("person_deactivate", staff))
    assert "Deactivate Sari Staff?" in form.content.decode()
    hidden = re.findall(r'name="(token|expected)" value="([^"]+)"', form.content.decode())
    client.post(url_of("person_deactivate", staff), dict(hidden))
    assert not is_signed_in(theirs)
    assert state_of(staff)["is_active"] is False
    client.post(url_of("person_reactivate", staff))
    assert state_of(staff)["is_active"] is True


def test_a_refusal_is_shown(admin, staff, sign_in):
    client = sign_in(admin)
    page = client.post(url_of("person_reactivate", staff), follow=True).content.decode()
    assert "is active already" in page


def test_an_owner_changes_a_role(owner, staff, sign_in):
    client = sign_in(owner)
    client.post(url_of("person_role", staff), {"role": "admin"})
    assert state_of(staff)["role"] == "admin"
    client.post(url_of("person_role", staff), {"role": "boss"})
    assert state_of(staff)["role"] == "admin"


def test_a_new_link_is_sent_again(admin, staff, sign_in, run_tasks):
    sign_in(admin).post(url_of("person_send_link", staff))
    run_tasks()
    assert mail.outbox[0].to == ["sari@example.com"]


def test_people_change_their_own_name(staff, sign_in):
    client = sign_in(staff)
    client.post(reverse("profile"), {"name": "Sari Dewi", "role": "owner", "username": "boss"})
    assert state_of(staff).items() >= {"name": "Sari Dewi", "role": "staff", "username": "sari"}.items()
    assert client.post(reverse("profile"), {"name": ""}).status_code == 422


def test_people_change_their_own_address_after_entering_their_password(staff, with_password, enter):
    with_password(staff)
    client = Client()
    enter("sari", client=client)
    client.post(reverse("own_email"), {"email": "new@example.com"})
    assert state_of(staff)["email"] == "sari@example.com"
    client.post(reverse("account_reauthenticate"), {"password": "kopi tubruk 50"})
    client.post(reverse("own_email"), {"email": "New@example.com"})
    assert state_of(staff)["email"] == "new@example.com"
    assert client.post(reverse("own_email"), {"email": "nonsense"}).status_code == 422
