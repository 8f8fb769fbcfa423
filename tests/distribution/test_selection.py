"""What an action on everything that a list matches is about, once it is confirmed."""

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from crm.distribution.assignment import assign_picked, assign_random, recall_records
from crm.distribution.selection import DeskSelection
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def selection(make, module, admin, staff) -> DeskSelection:
    """Everything that is assigned: Sari's six."""
    database = make.database()
    fill(database, 20)
    assign_random(module=module, database=database, staff=staff, count=6, by=admin)
    request = RequestFactory().post("/?status=assigned", QueryDict("everything=1").dict())
    request.user = admin
    return DeskSelection(request, module)


def test_what_begins_to_match_after_the_rows_were_locked_is_not_touched(selection, module, admin, staff):
    shown = selection.fingerprint
    locked = selection.locked()
    assert locked.fingerprint == shown
    assign_random(module=module, database=module.Database.objects.get(), staff=staff, count=4, by=admin)
    assert recall_records(records=locked.records, by=admin).count == 6
    assert module.Record.objects.held_by(staff).count() == 4


def test_other_records_of_the_same_number_and_person_are_something_else(selection, module, admin, staff):
    shown = selection.fingerprint
    given, free = module.Record.objects.assigned().first(), module.Record.objects.in_pool().first()
    recall_records(records=module.Record.objects.with_ids([given.pk]), by=admin)
    assign_picked(module=module, database=given.database, staff=staff, record_ids=[free.pk], by=admin)
    selection.forget()
    assert selection.count == 6
    assert selection.fingerprint != shown
