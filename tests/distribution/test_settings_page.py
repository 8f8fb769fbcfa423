"""The page where the owner sets how each module works."""

import pytest
from django.test import Client
from django.urls import reverse

from crm.distribution.models import ModuleSettings
from crm.distribution.settings import settings_of
from crm.registry import get_module, modules
from tests.distribution.sql import ask

pytestmark = pytest.mark.django_db

URL = "/settings/"


@pytest.fixture
def desk(owner) -> Client:
    """The owner's browser."""
    client = Client()
    client.force_login(owner)
    return client


def fields_of(page, key: str) -> set[str]:
    [form] = [form for form in page.context["forms"] if form.module.key == key]
    return set(form.fields)


def test_each_module_has_the_settings_that_it_uses(desk):
    page = desk.get(URL)
    assert [form.module for form in page.context["forms"]] == list(modules())
    assert fields_of(page, "records") == {"auto_approve", "most_per_request", "staff_see_earlier"}
    validating = {"auto_replace", "most_replacements", "staff_see_earlier"}
    assert fields_of(page, "bonanza") == fields_of(page, "memberwd") == validating


def test_a_module_nobody_has_set_shows_how_it_is(desk):
    text = desk.get(URL).content.decode()
    assert 'name="records-most_per_request" value="100"' in text
    assert 'name="memberwd-most_replacements" value="20"' in text
    assert not ModuleSettings.objects.exists()


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ("records", {"auto_approve": "on", "most_per_request": 5}, {"auto_approve": True, "most_per_request": 5}),
        ("records", {"most_per_request": 10_000}, {"auto_approve": False, "most_per_request": 10_000}),
        ("memberwd", {"auto_replace": "on", "most_replacements": 0}, {"auto_replace": True, "most_replacements": 0}),
    ],
)
def test_what_the_owner_saves_counts_for_that_module_alone(desk, owner, key, data, expected):
    data = {f"{key}-{name}": value for name, value in data.items()}
    page = desk.post(URL, {"module": key, **data}, follow=True)
    assert page.redirect_chain == [(URL, 303)]
    module = get_module(key)
    assert f"The settings of {module.label} are saved." in page.content.decode()
    saved = settings_of(module)
    assert {name: getattr(saved, name) for name in expected} == expected
    assert [settings.module for settings in ModuleSettings.objects.all()] == [key]
    [shown] = [form for form in desk.get(URL).context["forms"] if form.module == module]
    assert {name: shown.initial[name] for name in expected} == expected


def test_a_module_keeps_what_it_does_not_show(desk):
    """Neither read from what is posted nor put back to how it was at first."""
    ModuleSettings.objects.create(module="records", auto_replace=True, most_replacements=7)
    desk.post(URL, {"module": "records", "records-most_per_request": 5, "records-most_replacements": 1})
    saved = settings_of(get_module("records"))
    assert (saved.most_per_request, saved.auto_replace, saved.most_replacements) == (5, True, 7)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"module": "records", "records-most_per_request": 0}, "greater than or equal to 1"),
        ({"module": "records", "records-most_per_request": ""}, "required"),
        ({"module": "records", "records-most_per_request": 10**30}, "less than or equal to 10000"),
        ({"module": "memberwd", "memberwd-most_replacements": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_422_and_changes_nothing(desk, data, message):
    answers = [desk.post(URL, data), desk.post(URL, data, headers={"HX-Request": "true", "HX-Target": "cards"})]
    for answer in answers:
        assert answer.status_code == 422
        assert message in answer.content.decode()
    assert not ModuleSettings.objects.exists()


@pytest.mark.parametrize("data", [{}, {"module": "nothing"}])
def test_there_is_no_such_module(desk, data):
    assert desk.post(URL, data).status_code == 404


def test_history_says_who_changed_what(desk, owner):
    desk.post(URL, {"module": "records", "records-most_per_request": 5})
    [(operation, user)] = ask(
        "SELECT c.metadata->>'operation', c.metadata->>'user' FROM pghistory_context c"
        " JOIN distribution_modulesettingsevent e ON e.pgh_context_id = c.id"
    )
    assert (operation, user) == ("settings.change", str(owner.pk))


def test_only_the_owner_finds_the_page_in_the_navigation(client, owner, admin):
    for person, there in ((owner, True), (admin, False)):
        client.force_login(person)
        assert (f'href="{URL}"' in client.get(reverse("overview")).content.decode()) == there
