"""The pages for what went wrong."""

import pytest
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_unknown_address_is_404_with_a_way_on_for_a_stranger(client):
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert reverse("home") in answer.content.decode()


def test_unknown_address_is_404_inside_the_shell_for_those_signed_in(client, sign_in, staff):
    sign_in(staff)
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert 'id="sidebar"' in answer.content.decode()


def test_page_of_another_role_says_so(client, sign_in, staff):
    sign_in(staff)
    answer = client.get(reverse("people"))
    assert answer.status_code == 403
    assert "You are signed in as staff" in answer.content.decode()


def test_form_without_token_is_refused_with_what_to_do(staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(reverse("notices_read_all"))
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()


@pytest.mark.parametrize("template", ["400.html", "500.html"])
def test_page_of_an_error_needs_nothing(template):
    assert "<h1>" in render_to_string(template)


def test_wrong_host_gets_the_400_page(client):
    answer = client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "did not understand" in answer.content.decode()


def test_message_with_a_path_carries_undo_and_stays_longer():
    message = Message(messages.SUCCESS, "50 records assigned.", extra_tags="/undo/7/")
    page = render_to_string("components/messages.html", {"messages": [message]})
    assert '<form method="post" action="/undo/7/">' in page
    assert 'data-fades="15"' in page
