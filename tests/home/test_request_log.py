"""The log names the page, the person and the address, and nothing that opens a door or tells who a customer is."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

from crm.accounts import password_links
from crm.registry import get_module
from tests.conftest import browser_of
from tests.factories.distribution import factories_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(caplog):
    """All that was written, as text, with its tracebacks."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.text


def test_a_link_to_set_a_password_is_not_in_the_log(staff, logged):
    link = password_links.make_link(staff, site="http://testserver/")
    token = link.rstrip("/").rsplit("/", 1)[1]
    for url in (link, f"{link}more/", link.replace(token, f"{token}x")):
        Client().get(url, follow=True)
    assert token not in logged()
    assert "GET /accounts/" in logged()


def test_what_was_searched_and_whose_link_failed_is_not_in_the_log(admin, logged):
    desk = browser_of(admin)
    desk.get(reverse("search"), {"q": "CUST-4711"})
    desk.get("/nowhere/CUST-4711/")
    desk.post(reverse("people"), {"q": "CUST-4711"})
    assert "4711" not in logged()
    assert "GET /search/" in logged()
    assert "GET (no such page)" in logged()


def test_pages_are_named_with_their_numbers(admin, logged):
    module = get_module("memberwd")
    record = factories_of(module).record()
    browser_of(admin).get(reverse("record", args=[module, record.pk]))
    assert f"GET /memberwd/records/{record.pk}/" in logged()


def test_the_address_is_the_one_behind_the_proxies(client, settings, logged):
    client.get("/accounts/login/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"}, REMOTE_ADDR="10.0.0.1")
    assert "10.0.0.1" in logged()
    assert "6.6.6.6" not in logged()
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    client.get("/accounts/login/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"}, REMOTE_ADDR="10.0.0.1")
    assert "203.0.113.9" in logged()
    assert "6.6.6.6" not in logged()


def test_what_is_refused_is_a_line_without_a_traceback(client, staff, logged):
    browser_of(staff).get(reverse("people"))
    Client(enforce_csrf_checks=True).post(reverse("account_login"))
    client.get("/", headers={"Host": "evil.example"})
    assert "Traceback" not in logged()
    assert logged().count("'code': 403") == 2
    assert "Invalid HTTP_HOST header: 'evil.example'" in logged()
