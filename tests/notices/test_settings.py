"""Choosing the kinds of notifications."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from crm.accounts.services import change_role
from crm.notices.models import Kind, MutedKind
from crm.notices.services import mute_kinds, notify

pytestmark = pytest.mark.django_db

PAGE = "/notifications/settings/"
OF_STAFF = {"records_received", "records_taken_back", "request_decided", "invalid_answered"}
OF_STAFF |= {"reservation_decided", "reservation_ending", "records_reserved"}
OF_ADMINS = {"request_made", "invalid_waiting", "reservation_asked", "upload_read", "import_finished", "import_failed"}


def boxes_on(page) -> dict[str, bool]:
    """The kinds that the page offers, and whether each is ticked."""
    found = re.findall(r'<input type="checkbox" name="wanted" value="([a-z_]+)"([^>]*)>', page.content.decode())
    return {kind: "checked" in rest for kind, rest in found}


def muted_by(person) -> set[str]:
    return set(MutedKind.objects.filter(user=person).values_list("kind", flat=True))


def test_only_the_kinds_of_ones_role_are_offered_and_all_are_ticked_at_first(staff, admin, owner):
    for person, kinds in ((staff, OF_STAFF), (admin, OF_ADMINS), (owner, OF_ADMINS)):
        client = Client()
        client.force_login(person)
        assert boxes_on(client.get(PAGE)) == dict.fromkeys(kinds, True)


def test_what_is_not_ticked_is_not_sent(staff, other_staff, sign_in):
    client = sign_in(staff)
    answer = client.post(PAGE, {"wanted": sorted(OF_STAFF - {"records_received"})}, follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "Saved" in answer.content.decode()
    assert {kind for kind, ticked in boxes_on(answer).items() if not ticked} == {"records_received"}
    assert notify(users=[staff, other_staff], kind=Kind.RECORDS_RECEIVED, text="50 records") == 1


def test_nothing_at_all_can_be_wanted_and_all_again(staff, sign_in):
    client = sign_in(staff)
    client.post(PAGE)
    assert muted_by(staff) == OF_STAFF
    client.post(PAGE, {"wanted": sorted(OF_STAFF)})
    assert not muted_by(staff)


def test_kinds_of_another_role_stay_as_they_are(admin, owner, sign_in):
    mute_kinds(kinds=[Kind.INVALID_WAITING], by=admin)
    change_role(person=admin, role="staff", by=owner)
    client = sign_in(admin)
    client.post(PAGE, {"wanted": ["records_received"]})
    assert muted_by(admin) == OF_STAFF - {"records_received"} | {"invalid_waiting"}


@pytest.mark.parametrize("wanted", ["nonsense", "invalid_waiting"])
def test_a_kind_that_does_not_concern_one_is_refused_and_nothing_changes(staff, sign_in, wanted):
    client = sign_in(staff)
    answer = client.post(PAGE, {"wanted": [wanted]})
    assert answer.status_code == 422
    assert "not one of the available choices" in answer.content.decode()
    fragment = client.post(PAGE, {"wanted": [wanted]}, headers={"HX-Request": "true", "HX-Target": "kinds"})
    assert fragment.status_code == 422
    assert fragment.content.decode().strip().startswith('<form id="kinds"')
    assert not muted_by(staff)


def test_a_choice_is_ones_own(staff, other_staff, sign_in):
    sign_in(staff).post(PAGE)
    assert not muted_by(other_staff)


def test_it_is_found_from_the_list_and_the_profile(staff, sign_in):
    client = sign_in(staff)
    for name in ("notices", "profile"):
        assert f'href="{PAGE}"' in client.get(reverse(name)).content.decode()
