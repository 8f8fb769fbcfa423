"""The navigation at the left."""

import pytest
from django.template import engines
from django.test import RequestFactory
from django.urls import reverse

from crm import registry
from crm.home.navigation import navigation

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


def test_no_entry_is_current_elsewhere(admin):
    assert not any(link.current for link in links(admin, "/nowhere/"))


def test_shell_costs_one_query(rf: RequestFactory, staff, django_assert_num_queries):
    """The number on the bell; the navigation asks nothing."""
    request = rf.get("/")
    request.user = staff
    page = engines["django"].from_string("{% extends 'base.html' %}")
    page.render({"user": staff}, request)
    with django_assert_num_queries(1):
        page.render({"user": staff}, request)
