"""The notification pages."""

import pytest
from django.urls import reverse

from crm.notices.models import Notice
from tests.factories.notices import NoticeFactory

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "notices"}


def page_of(client, query=""):
    return client.get(reverse("notices") + query).content.decode()


def everything(notice):
    """Every address under /notifications/ with the methods it is for."""
    return [
        ("get", reverse("notices")),
        ("get", reverse("notices_bell")),
        ("post", reverse("notices_read_all")),
        ("post", reverse("notice_open", args=[notice.pk])),
        ("post", reverse("notice_read", args=[notice.pk])),
    ]


def test_strangers_are_sent_to_sign_in(client):
    notice = NoticeFactory()
    for method, url in everything(notice):
        answer = getattr(client, method)(url)
        back = url if method == "get" else "/"  # nothing is shown there
        assert (answer.status_code, answer["Location"]) == (302, f"{reverse('account_login')}?next={back}")
    notice.refresh_from_db()
    assert notice.read_at is None


def test_writing_needs_a_post(client, sign_in, staff):
    sign_in(staff)
    for method, url in everything(NoticeFactory(user=staff)):
        assert client.get(url).status_code == (405 if method == "post" else 200), url


@pytest.mark.parametrize("name", ["notice_open", "notice_read"])
def test_notification_of_somebody_else_is_404_and_stays_unread(client, sign_in, staff, other_staff, name):
    sign_in(staff)
    theirs = NoticeFactory(user=other_staff, url="/secret/")
    assert client.post(reverse(name, args=[theirs.pk])).status_code == 404
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_list_shows_ones_own_newest_first_and_no_other(client, sign_in, staff, other_staff):
    sign_in(staff)
    for text in ("older one", "newer one"):
        NoticeFactory(user=staff, text=text)
    NoticeFactory(user=other_staff, text="not for you")
    page = page_of(client)
    assert page.index("newer one") < page.index("older one")
    assert "not for you" not in page


def test_unread_leaves_out_what_was_read(client, sign_in, staff):
    sign_in(staff)
    client.post(reverse("notice_read", args=[NoticeFactory(user=staff, text="was read").pk]))
    NoticeFactory(user=staff, text="still new")
    page = page_of(client, "?state=unread")
    assert "still new" in page
    assert "was read" not in page


def test_fifty_a_page_and_the_filter_goes_along(client, sign_in, staff):
    sign_in(staff)
    NoticeFactory.create_batch(51, user=staff)
    assert page_of(client, "?state=unread").count('class="notice-open"') == 50
    assert "?state=unread&amp;page=2" in page_of(client, "?state=unread")
    assert page_of(client, "?state=unread&page=2").count('class="notice-open"') == 1
    assert page_of(client, "?page=nonsense").count('class="notice-open"') == 50


def test_number_of_queries_does_not_grow_with_the_list(client, sign_in, staff, django_assert_max_num_queries):
    sign_in(staff)
    NoticeFactory(user=staff)
    with django_assert_max_num_queries(6):
        page_of(client)
    NoticeFactory.create_batch(40, user=staff)
    with django_assert_max_num_queries(6):
        page_of(client)


def test_opening_marks_as_read_and_goes_there(client, sign_in, staff):
    sign_in(staff)
    notice = NoticeFactory(user=staff, url="/notifications/?state=unread")
    answer = client.post(reverse("notice_open", args=[notice.pk]))
    assert (answer.status_code, answer["Location"]) == (302, "/notifications/?state=unread")
    notice.refresh_from_db()
    assert notice.read_at is not None


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", r"/\evil.example", ""]
)
def test_opening_never_leaves_the_site(client, sign_in, staff, url):
    sign_in(staff)
    notice = NoticeFactory(user=staff, url=url)
    assert client.post(reverse("notice_open", args=[notice.pk]))["Location"] == reverse("notices")


def test_opening_one_whose_page_is_gone_says_so(client, sign_in, staff):
    sign_in(staff)
    for url in ("/memberwd/databases/1/", "/memberwd/records/987654/", "/records/databases/"):
        notice = NoticeFactory(user=staff, url=url)
        page = client.post(reverse("notice_open", args=[notice.pk]), follow=True)
        assert page.redirect_chain[0][0] == reverse("notices")
        assert "not there any more, or not yours any more" in page.content.decode()


def test_marking_as_read_sends_the_list_and_the_bell_to_htmx(client, sign_in, staff):
    sign_in(staff)
    first, second = NoticeFactory.create_batch(2, user=staff)
    answer = client.post(reverse("notice_read", args=[first.pk]) + "?state=unread", headers=HTMX)
    fragment = answer.content.decode()
    assert second.text in fragment
    assert first.text not in fragment
    assert 'data-figure="notices.unread"' in fragment
    assert 'data-value="1"' in fragment
    assert "<html" not in fragment


def test_marking_as_read_works_as_a_plain_form(client, sign_in, staff):
    sign_in(staff)
    notice = NoticeFactory(user=staff)
    assert client.post(reverse("notice_read", args=[notice.pk]))["Location"] == reverse("notices")
    assert not Notice.objects.unread().exists()


def test_all_can_be_marked_as_read_at_once(client, sign_in, staff, other_staff):
    sign_in(staff)
    NoticeFactory.create_batch(3, user=staff)
    theirs = NoticeFactory(user=other_staff)
    client.post(reverse("notices_read_all"))
    assert "3 notifications marked as read." in page_of(client)
    assert list(Notice.objects.unread()) == [theirs]


def test_bell_shows_the_number_of_ones_own_unread(client, sign_in, staff, other_staff):
    sign_in(staff)
    NoticeFactory.create_batch(4, user=staff)
    NoticeFactory.create_batch(2, user=other_staff)
    assert 'data-value="4"' in client.get(reverse("notices_bell")).content.decode()


def test_text_of_a_notification_is_not_markup(client, sign_in, staff):
    sign_in(staff)
    NoticeFactory(user=staff, text="<b>August</b>")
    assert "&lt;b&gt;August&lt;/b&gt;" in page_of(client)


def test_empty_list_says_what_will_come(client, sign_in, staff):
    sign_in(staff)
    assert "No notifications yet" in page_of(client)
    assert "All your notifications are read." in page_of(client, "?state=unread")
