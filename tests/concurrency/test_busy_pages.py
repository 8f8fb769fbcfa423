"""Somebody holds rows of a person or of records: who reads or signs in waits for nobody, who changes is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.assignment import assign_random
from crm.registry import get_module
from tests.conftest import browser_of
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = get_module("records")
SENTENCE = "Others are working on these records at this moment. Nothing was changed; try again."


@contextmanager
def held(*objects: Any) -> Iterator[None]:
    """Another connection has these rows, and nobody here waits for long."""
    other = connections.create_connection("default")
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            for each in objects:
                cursor.execute(f'SELECT 1 FROM "{each._meta.db_table}" WHERE id = %s FOR UPDATE', [each.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        yield
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def pages_of(user: User) -> list[str]:
    own = ["overview", "people", "products", "integrity"] if user.is_admin else ["today", "my_requests"]
    return [*own, "profile"]


def asking(user: User | None) -> Client:
    """Their browser; what the server could not do is in its answer."""
    browser = browser_of(user) if user else Client()
    browser.raise_request_exception = False
    return browser


@pytest.mark.parametrize("role", ["staff", "admin"])
def test_who_reads_waits_for_no_row(staff, admin, role):
    database = factories_of(MODULE).database()
    fill(database, 3)
    batch = assign_random(module=MODULE, database=database, staff=staff, count=2, by=admin).batch
    user = {"staff": staff, "admin": admin}[role]
    browser = asking(user)
    with held(user, *database.records.all(), database, batch):
        answers = {name: browser.get(reverse(name)).status_code for name in pages_of(user)}
        of_records = "records" if user.is_admin else "my_records"
        answers["records"] = browser.get(reverse(of_records, args=[MODULE])).status_code
    assert set(answers.values()) == {200}, answers


def test_who_signs_in_waits_for_no_row(staff):
    staff.set_password("a long password")
    staff.save()
    form = {"login": staff.username, "password": "a long password"}
    with held(staff):
        answer = Client().post(reverse("account_login"), form)
    assert (answer.status_code, answer["Location"]) == (302, reverse("home"))
    staff.refresh_from_db()
    assert staff.last_login is None
    Client().post(reverse("account_login"), form)
    staff.refresh_from_db()
    assert timezone.now() - staff.last_login < timedelta(minutes=1)


def test_who_changes_is_told_and_nothing_is_changed(staff):
    phone = asking(staff)
    form = {"name": "Somebody Else", "email": staff.email}
    with held(staff):
        answer = phone.post(reverse("profile"), form)
    assert answer.status_code == 409
    assert SENTENCE in answer.content.decode()
    staff.refresh_from_db()
    assert staff.name == "Sari Staff"


def test_htmx_gets_the_sentence_and_leaves_what_it_asked_for(staff):
    phone = asking(staff)
    with held(staff):
        answer = phone.post(reverse("profile"), {"name": "x", "email": ""}, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer["HX-Reswap"] == "none"
    assert SENTENCE in answer.content.decode()
    assert 'hx-swap-oob="innerHTML"' in answer.content.decode()
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("url", ["/today/", "/accounts/profile/", "/healthz"])
def test_without_its_database_it_says_that_it_is_not_available(staff, url):
    browser = asking(staff)
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "nowhere"
    try:
        answer = browser.get(url)
        from_htmx = browser.get(url, headers={"HX-Request": "true"})
        nobody_yet = asking(None).get("/healthz")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
    assert (answer.status_code, from_htmx.status_code, nobody_yet.status_code) == (503, 503, 503)
    assert answer["Retry-After"] == "5"
    assert "not available at this moment" in answer.content.decode()
