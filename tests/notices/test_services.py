"""Writing notifications, and marking them as read."""

import pytest
from django.db import transaction

from crm.notices.models import Kind, MutedKind, Notice
from crm.notices.services import alert, mark_all_read, mark_read, mute_kinds, notify, settle
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


def test_notify_takes_two_statements_for_any_number_of_people(django_assert_num_queries):
    people = UserFactory.create_batch(30)
    with django_assert_num_queries(2):  # who does not want it, and the notifications
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


def test_a_muted_kind_is_not_sent_and_all_others_are(staff, other_staff):
    mute_kinds(kinds=[Kind.RECORDS_RECEIVED], by=staff)
    assert notify(users=[staff, other_staff], kind=Kind.RECORDS_RECEIVED, text="50 records") == 1
    assert notify(users=[staff], kind=Kind.RECORDS_TAKEN_BACK, text="2 records") == 1
    assert set(Notice.objects.values_list("user", "kind")) == {
        (other_staff.pk, "records_received"),
        (staff.pk, "records_taken_back"),
    }


def test_a_kind_that_is_wanted_again_is_sent_again(staff):
    mute_kinds(kinds=[Kind.RECORDS_RECEIVED], by=staff)
    mute_kinds(kinds=[], by=staff)
    assert notify(users=[staff], kind=Kind.RECORDS_RECEIVED, text="50 records") == 1


def test_what_is_not_among_the_kinds_that_were_asked_stays_muted(staff):
    mute_kinds(kinds=[Kind.INVALID_WAITING, Kind.RECORDS_RECEIVED], by=staff)
    mute_kinds(kinds=[], among=[Kind.RECORDS_RECEIVED], by=staff)
    assert list(MutedKind.objects.values_list("kind", flat=True)) == ["invalid_waiting"]


def test_an_alert_is_not_sent_to_whoever_muted_its_kind(admin, owner):
    mute_kinds(kinds=[Kind.INVALID_WAITING], by=admin)
    alert(users=[admin, owner], kind=Kind.INVALID_WAITING, text="They wait", url="/x/", about="invalid/memberwd/7/")
    assert Notice.objects.get().user == owner


def test_an_alert_is_there_once_until_it_is_settled(admin):
    for _again in range(2):
        alert(users=[admin], kind=Kind.INVALID_WAITING, text="They wait", url="/x/", about="invalid/memberwd/7/")
    assert Notice.objects.count() == 1
    settle(about="invalid/memberwd/", but_for=["invalid/memberwd/7/"])
    assert Notice.objects.count() == 1
    settle(about="invalid/memberwd/")
    assert not Notice.objects.exists()


def test_every_kind_concerns_one_role():
    staff, admins = Kind.of_role("staff"), Kind.of_role("admin")
    assert not staff.keys() & admins.keys()
    assert staff.keys() | admins.keys() == set(Kind)
    assert Kind.of_role("owner") == admins
