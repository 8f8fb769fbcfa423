"""What the middleware does to the answers that htmx gets."""

import pytest
from django.urls import reverse

from tests.factories.notices import NoticeFactory

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def test_redirect_becomes_a_page_load_for_htmx(client, sign_in, staff):
    sign_in(staff)
    answer = client.post(reverse("notices_read_all"), headers=HTMX)
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == reverse("notices")
    assert "Location" not in answer


def test_redirect_stays_a_redirect_for_a_form(client, sign_in, staff):
    sign_in(staff)
    answer = client.post(reverse("notices_read_all"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("notices"))


@pytest.mark.parametrize("method", ["get", "post"])
def test_ended_session_is_401_for_htmx(client, method):
    answer = getattr(client, method)(reverse("notices"), headers=HTMX)
    assert answer.status_code == 401
    assert answer.content == b""


def test_messages_come_out_of_band_with_the_next_fragment(client, sign_in, staff):
    sign_in(staff)
    NoticeFactory.create_batch(2, user=staff)
    client.post(reverse("notices_read_all"))
    fragment = client.get(reverse("notices"), headers=HTMX | {"HX-Target": "notices"}).content.decode()
    assert "<html" not in fragment
    assert 'hx-swap-oob="innerHTML"' in fragment
    assert "2 notifications marked as read." in fragment
    again = client.get(reverse("notices"), headers=HTMX | {"HX-Target": "notices"}).content.decode()
    assert "hx-swap-oob" not in again


def test_message_of_a_page_is_shown_once_and_not_out_of_band(client, sign_in, staff):
    sign_in(staff)
    client.post(reverse("notices_read_all"))
    page = client.get(reverse("notices")).content.decode()
    assert page.count("0 notifications marked as read.") == 1
    assert "hx-swap-oob" not in page


def test_caches_keep_page_and_fragment_apart(client, sign_in, staff):
    sign_in(staff)
    assert "HX-Request" in client.get(reverse("notices"))["Vary"]
