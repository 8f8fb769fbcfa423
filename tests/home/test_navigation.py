"""The navigation at the left."""

import re
from dataclasses import replace

import pytest
from django.template import engines
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from crm import registry
from crm.home.navigation import navigation
from crm.home.overview import to_do
from records.requests import request_records
from tests.factories.accounts import MailFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.reservations import ReservationFactory, take

pytestmark = pytest.mark.django_db

MODULES = list(registry.modules())


def links(user, path="/"):
    return [link for section in navigation(user, path) for link in section.links]


@pytest.mark.parametrize("role", ["owner", "admin", "staff"])
def test_every_entry_leads_to_a_page_its_reader_may_open(request, sign_in, role):
    person = request.getfixturevalue(role)
    client = sign_in(person)
    entries = links(person)
    assert entries
    for link in entries:
        assert client.get(link.url).status_code == 200, link.url


def test_admin_has_the_lists_of_every_module(admin):
    urls = [link.url for link in links(admin)]
    for module in MODULES:
        assert {reverse("databases", args=[module]), reverse("batches", args=[module])} <= set(urls)


def test_staff_have_their_records_of_every_module_and_nothing_of_the_admins(staff, admin):
    urls = {link.url for link in links(staff)}
    assert {reverse("my_records", args=[module]) for module in MODULES} <= urls
    assert urls & {link.url for link in links(admin)} == {reverse("notices"), reverse("profile")}


def test_one_entry_is_current_on_the_pages_under_it(admin):
    path = reverse("databases", args=[MODULES[0]]) + "17/"
    assert [link.url for link in links(admin, path) if link.current] == [reverse("databases", args=[MODULES[0]])]


@pytest.fixture
def asking(monkeypatch):
    """Staff can ask the second module for records too, which counts what waits by figures of its own."""
    policy = MODULES[1].policy
    asked = registry.Asking("profile", "people", waiting="module.databases", own="staff.requests", of_staff="")
    second = replace(MODULES[1], policy=replace(policy, asking=asked))
    monkeypatch.setitem(registry._modules, second.key, second)
    return second


def test_every_module_that_staff_can_ask_is_shown_with_its_own_pages_and_figures(sign_in, admin, staff, asking):
    asked = [link.url for link in links(staff) if link.label == "Request records"]
    assert asked == [reverse("my_requests"), reverse("profile")]
    answered = [(link.url, link.figure) for link in links(admin) if link.label == "Requests"]
    assert answered == [(reverse("requests"), "requests.pending"), (reverse("people"), "module.databases")]
    factories_of(asking).database()
    assert ("bonanza.module.databases", "bonanza") in requests_to_answer(sign_in(admin).get(reverse("overview")))
    request_records(database=filled(MODULES[0]), quantity=1, by=staff)
    text = sign_in(staff).get(reverse("today")).content.decode()
    assert re.findall(r'data-figure="(staff\.requests|requests\.mine)"', text) == ["requests.mine", "staff.requests"]


def test_who_can_ask_nobody_for_records_is_not_offered_it(sign_in, staff, monkeypatch):
    first = replace(MODULES[0], policy=replace(MODULES[0].policy, asking=None))
    monkeypatch.setitem(registry._modules, first.key, first)
    text = sign_in(staff).get(reverse("today")).content.decode()
    assert "Nothing is with you yet" in text
    assert "Request records" not in text


def requests_to_answer(page) -> list[tuple[str, str]]:
    """The figures of that line of what is to be done."""
    [line] = re.findall(r'<li class="to-do-line is-pressing">.*?</li>', page.content.decode(), re.DOTALL)
    return re.findall(r'data-figure="([^"]+)" data-object="([^"]+)"', line)


def filled(module):
    database = factories_of(module).database()
    fill(database, 2)
    return database


def test_what_waits_has_one_icon_in_the_navigation_and_on_the_overview(sign_in, admin, staff):
    request_records(database=filled(MODULES[0]), quantity=1, by=staff)
    ReservationFactory(status="pending")
    MailFactory()
    now = timezone.now()
    for module in MODULES:
        batch = factories_of(module).batch(staff=staff)
        take(factories_of(module).record(assigned=True, batch=batch, database=batch.database))
        if module.policy.validates:
            wrong = {
                "validation": "invalid",
                "validation_reason": "Wrong",
                "validated_at": now,
                "worked_at": now,
                "validated_by": staff,
            }
            factories_of(module).record(assigned=True, batch=batch, database=batch.database, **wrong)
    lines = {line.parts[0][1]: line.icon for line in to_do(admin)}
    assert set(lines) == {
        "requests.pending",
        "reservations.pending",
        "module.marked_invalid",
        "mail.waiting",
        "conflicts.open",
    }
    icons = {link.figure: link.icon for link in links(admin) if link.figure}
    assert icons == {name: lines[name] for name in icons}
    assert len(set(lines.values())) == len(lines)


def test_no_entry_is_current_elsewhere(admin):
    assert not any(link.current for link in links(admin, "/nowhere/"))


def test_shell_costs_two_queries(rf: RequestFactory, staff, django_assert_num_queries):
    """The number on the bell, and how many reservations of one's own end soon; the navigation asks nothing else."""
    request = rf.get("/")
    request.user = staff
    page = engines["django"].from_string("{% extends 'base.html' %}")
    page.render({"user": staff}, request)
    with django_assert_num_queries(2):
        page.render({"user": staff}, request)
