"""Undo from the timelines of what an operation touched, for as long as nothing has changed it since."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from crm.accounts.services import deactivate_person
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.settings import change_settings
from crm.distribution.undo import undo
from crm.distribution.validation import replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.registry import modules
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db

DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


@pytest.fixture
def assigned(module, make, staff, admin):
    """Three records with Sari, of an operation of Adam's."""
    database = make.database(name="Maret")
    fill(database, 5)
    return assign_random(module=module, database=database, staff=staff, count=3, by=admin)


def undo_links(page) -> set[str]:
    return set(re.findall(r'class="undo-link" href="([^"]+)"', page.content.decode()))


def pages_of(module, batch) -> dict[str, str]:
    return {
        "record": batch.records.order_by("pk")[0].get_absolute_url(),
        "batch": batch.get_absolute_url(),
        "batch_story": reverse("batch_story", args=[module, batch.pk, "current"]),
        "database_story": reverse("database_story", args=[module, batch.database_id, "assigned"]),
    }


@pytest.mark.parametrize("name", ["record", "batch", "batch_story", "database_story"])
def test_an_operation_is_taken_back_from_the_timeline_of_what_it_touched(desk, module, assigned, name):
    url = pages_of(module, assigned.batch)[name]
    [link] = undo_links(desk.get(url))
    assert link == reverse("undo", args=[assigned.undo])
    asked = desk.get(link, headers={**DIALOG, "Referer": f"http://testserver{url}"}).content.decode()
    assert "<html" not in asked
    assert "<strong>3</strong> records will be as they were before." in asked
    assert "Assigned · Adam Admin · " in asked
    assert module.Record.objects.assigned().count() == 3, "asking does nothing"
    [back] = re.findall(r'name="next" value="([^"]+)"', asked)
    assert back == url
    answer = desk.post(link, {"next": back}, follow=True)
    assert answer.redirect_chain == [(url, 303)]
    assert "3 records are as they were before." in answer.content.decode()
    assert not module.Record.objects.assigned().exists()
    assert undo_links(desk.get(url)) == set()


def test_the_newest_that_still_stands_can_be_taken_back_and_no_other(desk, module, assigned, other_staff, admin):
    moved = transfer_records(records=assigned.batch.records.all(), to=other_staff, by=admin)
    record = module.Record.objects.held_by(other_staff).first().get_absolute_url()
    for url in (record, reverse("batch", args=[module, assigned.batch.pk]), moved.batches[0].get_absolute_url()):
        assert undo_links(desk.get(url)) == {reverse("undo", args=[moved.undo])}
    text = desk.get(reverse("undo", args=[assigned.undo])).content.decode()
    assert "There is nothing left to take back" in text
    assert 'type="submit"' not in text.partition('id="dialog-title"')[2].partition("</form>")[0]


def test_staff_take_back_from_the_timeline_what_they_noted_and_nothing_else(phone, desk, module, assigned, staff):
    record = assigned.batch.records.order_by("pk")[0]
    url = record.get_absolute_url()
    assert undo_links(phone.get(url)) == set(), "it was an admin who assigned it"
    noted = note_outcome(records=module.Record.objects.filter(pk=record.pk), by=staff, note="tea")
    assert undo_links(phone.get(url)) == {reverse("undo", args=[noted.undo])}
    assert undo_links(desk.get(url)) == set(), "the note is theirs who said it"
    assert "<strong>1</strong> record will be" in phone.get(reverse("undo", args=[noted.undo])).content.decode()
    phone.post(reverse("undo", args=[noted.undo]))
    record.refresh_from_db()
    assert record.note == ""


VALIDATING = [each for each in modules() if each.policy.validates]


@pytest.mark.parametrize("module", VALIDATING, ids=lambda module: module.key)
def test_what_a_mark_replaced_at_once_offers_no_undo_and_what_it_left_does(phone, desk, module, assigned, staff, owner):
    change_settings(module=module, by=owner, auto_replace=True, most_replacements=1)
    done = validate_records(records=assigned.batch.records.all(), by=staff, validation="invalid", reason="x")
    assert done.replacement.replaced == 1
    came = module.Record.objects.get(replaces__isnull=False)
    assert undo_links(phone.get(came.get_absolute_url())) == set()
    kept = module.Record.objects.held_by(staff).filter(validation="invalid").first()
    assert undo_links(phone.get(kept.get_absolute_url())) == {reverse("undo", args=[done.undo])}
    undo(key=done.undo, by=staff)
    assert undo_links(phone.get(assigned.batch.get_absolute_url())) == set(), "what was replaced at once stays so"


@pytest.mark.parametrize("module", VALIDATING, ids=lambda module: module.key)
def test_a_replacement_that_was_worked_leaves_nothing_to_undo(desk, module, assigned, staff, admin):
    records = module.Record.objects.filter(batch=assigned.batch)
    validate_records(records=records, by=staff, validation="invalid", reason="x")
    replace_invalid(records=records.filter(pk=records.order_by("pk")[0].pk), by=admin)
    came = module.Record.objects.get(replaces__isnull=False)
    url = reverse("batch_story", args=[module, assigned.batch.pk, "archived"])
    assert len(undo_links(desk.get(url))) == 1
    note_outcome(records=module.Record.objects.filter(pk=came.pk), by=staff, note="tea")
    assert undo_links(desk.get(url)) == set()


def test_who_is_not_working_any_more_is_named_before(desk, module, assigned, staff, owner, admin):
    key = recall_records(records=module.Record.objects.filter(batch=assigned.batch), by=admin).undo
    deactivate_person(person=staff, by=owner)
    asked = desk.get(reverse("undo", args=[key])).content.decode()
    assert "Sari Staff is not an active staff member" in asked
    assert "records will be" not in asked


def test_what_is_not_theirs_says_nothing_and_changes_nothing(phone, module, assigned, admin):
    two = module.Record.objects.with_ids(list(assigned.batch.records.values_list("pk", flat=True)[:2]))
    recalled = recall_records(records=two, by=admin)
    for key in (assigned.undo, recalled.undo, uuid4()):
        assert "There is nothing left to take back" in phone.get(reverse("undo", args=[key])).content.decode()
        answer = phone.post(reverse("undo", args=[key]), follow=True)
        assert "this cannot be undone. Nothing was changed." in answer.content.decode()
    assert module.Record.objects.assigned().count() == 1


def test_assigning_and_replacing_say_what_was_done_and_offer_the_undo(desk, module, assigned, staff):
    database = assigned.batch.database
    url = reverse("assign_at_random", args=[module, database.pk])
    page = desk.post(url, {"staff": staff.pk, "count": 2, "token": uuid4()}, follow=True).content.decode()
    assert "2 records assigned to Sari Staff." in page
    [path] = re.findall(r'<form method="post" action="(/undo/[^"]+)">', page)
    desk.post(path)
    assert module.Record.objects.assigned().count() == 3
