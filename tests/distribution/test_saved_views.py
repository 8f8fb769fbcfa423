"""Saved views: one's own names for a list as it is filtered, sorted and arranged."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from crm.distribution.models import SavedView
from crm.distribution.saved_views import MOST_VIEWS
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db

SAVE = "/views/save/"


@pytest.fixture
def here(module) -> str:
    return reverse("records", args=[module])


def save(client: Client, module, here: str, query: str, name: str = "Mine", **more):
    data = {"page": f"{module.key}/records", "name": name, "query": query, "next": f"{here}?page=2", **more}
    return client.post(SAVE, data, follow=True)


def test_a_view_opens_the_list_as_it_was_saved(desk, module, make, here, admin):
    fill(make.database(), 3)
    page = save(desk, module, here, "status=assigned&sort=-received&cols=name&cols=note&q=&page=7&view=9&evil=1")
    [view] = SavedView.objects.all()
    assert (view.user, view.page, view.name) == (admin, f"{module.key}/records", "Mine")
    assert view.query == "cols=name&cols=note&sort=-received&status=assigned"
    assert page.redirect_chain == [(f"{here}?{view.query}&view={view.pk}", 303)]
    shown = page.context["list"]
    assert (shown.view, shown.is_changed) == (view, False)
    [(_, url)] = shown.view_tabs
    query = parse_qs(urlsplit(url).query)
    assert query == {
        "cols": ["name", "note"],
        "sort": ["-received"],
        "status": ["assigned"],
        "view": [str(view.pk)],
    }
    assert 'aria-current="true">Mine</a>' in page.content.decode()


def test_an_opened_view_that_was_changed_can_be_saved_over(desk, module, here):
    save(desk, module, here, "status=assigned")
    view = SavedView.objects.get()
    page = desk.get(f"{here}?status=archived&view={view.pk}")
    assert page.context["list"].is_changed
    assert "Save changes" in page.content.decode()
    page = save(desk, module, here, "status=archived", view=view.pk)
    assert not page.context["list"].is_changed
    assert SavedView.objects.get().query == "status=archived"
    # Another page of it, or its order of keys, is no change.
    assert not desk.get(f"{here}?page=1&view={view.pk}&status=archived").context["list"].is_changed


def test_saving_under_the_same_name_replaces_and_another_name_renames(desk, module, here):
    save(desk, module, here, "status=assigned")
    save(desk, module, here, "status=archived")
    view = SavedView.objects.get()
    assert view.query == "status=archived"
    save(desk, module, here, "status=archived", name="Old ones", view=view.pk)
    assert SavedView.objects.get().name == "Old ones"


def test_two_views_cannot_have_one_name(desk, module, here):
    save(desk, module, here, "status=assigned", name="A")
    save(desk, module, here, "status=archived", name="B")
    page = save(desk, module, here, "", name="A", view=SavedView.objects.get(name="B").pk)
    assert "Another view is called “A” already." in page.content.decode()
    assert dict(SavedView.objects.values_list("name", "query")) == {"A": "status=assigned", "B": "status=archived"}


def test_a_view_is_shown_on_its_own_list_and_to_its_owner_alone(desk, module, here, owner, make):
    save(desk, module, here, "status=assigned", name="Secret plan")
    other = Client()
    other.force_login(owner)
    assert "Secret plan" not in other.get(here).content.decode()
    assert "Secret plan" not in desk.get(make.database().get_absolute_url()).content.decode()
    assert "Secret plan" in desk.get(here).content.decode()
    view = SavedView.objects.get()
    assert other.get(f"{here}?view={view.pk}").context["list"].view is None


def test_somebody_elses_view_is_404_and_stays(desk, module, here, owner):
    save(desk, module, here, "status=assigned")
    view = SavedView.objects.get()
    other = Client()
    other.force_login(owner)
    data = {"page": view.page, "name": "Taken", "query": "", "view": view.pk}
    assert other.post(SAVE, data).status_code == 404
    assert other.post(reverse("delete_view", args=[view.pk])).status_code == 404
    assert SavedView.objects.get().name == "Mine"


def test_deleting_forgets_the_view_and_shows_the_whole_list(desk, module, here):
    save(desk, module, here, "status=assigned")
    answer = desk.post(reverse("delete_view", args=[SavedView.objects.get().pk]), {"next": here}, follow=True)
    assert answer.redirect_chain == [(here, 303)]
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "A view needs a name"),
        ({"name": "   "}, "A view needs a name"),
        ({"name": "x" * 61}, "A view needs a name"),
        ({"name": "a\0b"}, "A view needs a name"),
        ({"page": "nothing/records"}, "There is no such list."),
        ({"page": "records"}, "There is no such list."),
        ({"query": "q=" + "x" * 9000}, "too long"),
        ({"view": "x"}, "A view needs a name"),
    ],
)
def test_what_cannot_be_saved_is_said_and_nothing_is(desk, module, here, change, message):
    data = {"page": f"{module.key}/records", "name": "Mine", "query": "status=assigned", "next": here, **change}
    answer = desk.post(SAVE, data, follow=True)
    assert message in answer.content.decode()
    assert not SavedView.objects.exists()


def test_there_is_an_end_to_how_many(desk, module, here, admin):
    page = f"{module.key}/records"
    SavedView.objects.bulk_create([SavedView(user=admin, page=page, name=f"v{n}") for n in range(MOST_VIEWS)])
    assert "Delete one first" in save(desk, module, here, "", name="new").content.decode()
    assert SavedView.objects.count() == MOST_VIEWS
    save(desk, module, here, "status=assigned", name="v3")
    assert SavedView.objects.get(name="v3").query == "status=assigned"


def test_the_way_back_stays_on_this_site(desk, module):
    data = {"page": f"{module.key}/records", "name": "Mine", "query": "", "next": "https://evil.example/"}
    assert desk.post(SAVE, data)["Location"].startswith("/?")
