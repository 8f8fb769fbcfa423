"""Writing notifications, and marking them as read."""

import pytest
from django.db import transaction

from crm.notices.models import Kind, Notice
from crm.notices.services import mark_all_read, mark_read, notify
from tests.factories.accounts import UserFactory
from tests.factories.notices import NoticeFactory

pytestmark = pytest.mark.django_db


def test_notify_writes_one_unread_notification_each(staff, other_staff):
    count = notify(users=[staff, other_staff], kind=Kind.RECORDS_RECEIVED, text="50 records", url="/memberwd/mine/")
    assert count == 2
    written = Notice.objects.values_list("user", "kind", "text", "url", "read_at")
    assert sorted(written) == [
        (person.pk, "records_received", "50 records", "/memberwd/mine/", None)
        for person in sorted([staff, other_staff], key=lambda person: person.pk)
    ]


def test_notify_takes_one_statement_for_any_number_of_people(django_assert_num_queries):
    people = UserFactory.create_batch(30)
    with django_assert_num_queries(1):
        notify(users=people, kind=Kind.IMPORT_FINISHED, text="Done")


def test_notify_nobody_writes_nothing():
    assert notify(users=[], kind=Kind.IMPORT_FINISHED, text="Done") == 0


def test_notification_is_undone_with_what_it_tells_about(staff):
    with transaction.atomic():
        notify(users=[staff], kind=Kind.RECORDS_RECEIVED, text="50 records")
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_mark_read_touches_only_ones_own(staff, other_staff):
    mine, theirs = NoticeFactory(user=staff), NoticeFactory(user=other_staff)
    assert mark_read(pk=mine.pk, by=staff) == 1
    assert mark_read(pk=theirs.pk, by=staff) == 0
    assert list(Notice.objects.unread()) == [theirs]


def test_mark_read_twice_keeps_the_first_time(staff):
    notice = NoticeFactory(user=staff)
    mark_read(pk=notice.pk, by=staff)
    first = Notice.objects.get(pk=notice.pk).read_at
    assert first is not None
    assert mark_read(pk=notice.pk, by=staff) == 0
    assert Notice.objects.get(pk=notice.pk).read_at == first


def test_mark_all_read_touches_all_of_ones_own_and_no_other(staff, other_staff):
    NoticeFactory.create_batch(3, user=staff)
    theirs = NoticeFactory(user=other_staff)
    assert mark_all_read(by=staff) == 3
    assert mark_all_read(by=staff) == 0
    assert list(Notice.objects.unread()) == [theirs]
