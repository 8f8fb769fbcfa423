"""The nightly clean-up, and the schedule that runs it."""

from datetime import datetime, time, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Schedule

from crm.distribution.models import Submission, Upload, UploadPart
from crm.home.housekeeping import clean_up
from crm.notices.models import Notice
from crm.registry import get_module
from crm.schedules import SCHEDULES, Daily, write_schedules
from tests.factories.distribution import (
    LeftOutRowFactory,
    SubmissionFactory,
    UploadFactory,
    UploadPartFactory,
    factories_of,
)
from tests.factories.notices import NoticeFactory

pytestmark = pytest.mark.django_db


def aged(row, days, **fields):
    """The row, with its time so many days ago."""
    column = "state_at" if isinstance(row, Upload) else "created_at"
    type(row).objects.filter(pk=row.pk).update(**{column: timezone.now() - timedelta(days=days)}, **fields)
    return row


def left(model):
    return set(model.objects.values_list("pk", flat=True))


def test_forms_sent_more_than_a_week_ago_are_forgotten():
    aged(SubmissionFactory(), 8)
    kept = aged(SubmissionFactory(), 6)
    clean_up()
    assert left(Submission) == {kept.pk}


def test_sessions_that_are_over_are_deleted(sign_in, staff, admin):
    sign_in(staff)
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    sign_in(admin)
    clean_up()
    assert [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()] == [str(admin.pk)]


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_files_that_nobody_imported_for_a_month_are_deleted_with_their_content(state):
    old = aged(UploadFactory(), 31, state=state)
    UploadPartFactory(upload=old)
    LeftOutRowFactory(upload=old)
    recent = aged(UploadFactory(), 29, state=state)
    part = UploadPartFactory(upload=recent)
    clean_up()
    assert left(Upload) == {recent.pk}
    assert left(UploadPart) == {part.pk}


@pytest.mark.parametrize("state", ["received", "importing", "imported"])
def test_files_that_are_worked_on_or_imported_are_kept_however_old(state):
    upload = aged(UploadFactory(), 400, state=state)
    part = UploadPartFactory(upload=upload)
    factories_of(get_module("records")).database(upload=upload)
    clean_up()
    assert left(Upload) == {upload.pk}
    assert left(UploadPart) == {part.pk}


def test_an_undone_import_keeps_its_story_and_loses_its_content_after_a_month():
    old, recent = aged(UploadFactory(), 31, state="undone"), aged(UploadFactory(), 29, state="undone")
    UploadPartFactory(upload=old)
    part = UploadPartFactory(upload=recent)
    clean_up()
    assert left(Upload) == {old.pk, recent.pk}
    assert left(UploadPart) == {part.pk}


def test_read_notifications_go_after_half_a_year_and_unread_ones_stay():
    aged(NoticeFactory(read_at=timezone.now()), 181)
    kept = {aged(NoticeFactory(), 181).pk, aged(NoticeFactory(read_at=timezone.now()), 179).pk}
    clean_up()
    assert left(Notice) == kept


def test_cleaning_up_twice_is_as_cleaning_up_once():
    aged(UploadFactory(), 31, state="ready")
    kept = UploadFactory(state="ready")
    clean_up()
    clean_up()
    assert left(Upload) == {kept.pk}


@pytest.fixture
def local_time(settings):
    settings.TIME_ZONE = "Asia/Jakarta"
    return timezone.get_default_timezone()


def at(hour, minute, *, day, zone):
    return datetime(2026, 5, day, hour, minute, tzinfo=zone)


def clean_up_schedule():
    return Schedule.objects.get(func="crm.home.housekeeping.clean_up")


@pytest.mark.parametrize(("hour", "day"), [(1, 10), (3, 10), (4, 11), (23, 11)])
def test_it_is_planned_for_the_next_half_past_three_local_time(local_time, hour, day):
    Schedule.objects.all().delete()
    with time_machine.travel(at(hour, 0, day=10, zone=local_time), tick=False):
        write_schedules()
    assert clean_up_schedule().next_run == at(3, 30, day=day, zone=local_time)


def test_half_past_three_is_followed_by_half_past_three(local_time):
    write_schedules()
    schedule = clean_up_schedule()
    following = timezone.localtime(schedule.calculate_next_run(at(3, 30, day=10, zone=local_time)), local_time)
    assert following == at(3, 30, day=11, zone=local_time)


def test_a_migration_keeps_what_is_planned(local_time):
    """Also what is overdue: the machine was off at half past three."""
    write_schedules()
    planned = {
        each.name: at(each.at.hour, each.at.minute, day=1, zone=local_time)
        if isinstance(each, Daily)
        else at(3, 30, day=1, zone=local_time)
        for each in SCHEDULES
    }
    for name, moment in planned.items():
        Schedule.objects.filter(name=name).update(next_run=moment)
    write_schedules()
    assert dict(Schedule.objects.values_list("name", "next_run")) == planned


def test_a_new_time_of_day_counts_from_the_next_migration(local_time):
    planned = at(2, 0, day=10, zone=local_time)
    with time_machine.travel(at(1, 0, day=10, zone=local_time), tick=False):
        assert Daily("", "", time(3, 30)).next_run(planned) == at(3, 30, day=10, zone=local_time)


def test_the_queue_has_exactly_the_declared_schedules():
    Schedule.objects.create(name="left over", func="math.sqrt")
    write_schedules()
    write_schedules()
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(each.name for each in SCHEDULES)
