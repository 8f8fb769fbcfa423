"""Taking back what one has just done with records."""

from uuid import uuid4

import pgtrigger
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.accounts.services import change_role, deactivate_person
from crm.distribution.assignment import assign_picked, assign_random, recall_records, transfer_records
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.models import Validation
from crm.distribution.settings import change_settings
from crm.distribution.undo import Undone, outlook, undo
from crm.distribution.validation import (
    archive_invalid,
    purge_archived,
    replace_invalid,
    restore_archived,
    validate_records,
)
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import modules
from tests.distribution.sql import Witness, ask, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import fill
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db

VALIDATING = [module for module in modules() if module.policy.validates]
validating = pytest.mark.parametrize("module", VALIDATING, ids=lambda module: module.key)


@pytest.fixture
def database(make):
    database = make.database(name="Maret")
    fill(database, 12)
    return database


@pytest.fixture
def batch(module, database, staff, admin):
    """Five records with Sari, on which she has noted something."""
    batch = assign_random(module=module, database=database, staff=staff, count=5, by=admin).batch
    note_outcome(records=batch.records.all(), by=staff, reach="one_tick", response="no", note="tea")
    return batch


@pytest.fixture
def five(module, batch):
    """Those records, wherever they are."""
    return module.Record.objects.with_ids(list(batch.records.values_list("pk", flat=True)))


@pytest.fixture
def witness(module, batch):
    witness = Witness(module)
    witness.check()
    return witness


def rows(module) -> list[tuple]:
    """All records but for their lottery numbers."""
    return ask(f"SELECT to_jsonb(r) - 'lottery' FROM {module.key}_record r ORDER BY id")


def refuses(module, key, by, because: str) -> None:
    """It is not undone, and nothing has changed."""
    before = rows(module)
    with pytest.raises(Refused, match=because):
        undo(key=key, by=by)
    assert rows(module) == before


CHANGED = "changed since"


# --- Each operation, taken back ------------------------------------------------------------------------------


def test_what_was_noted_is_taken_back(module, five, staff, witness):
    before = rows(module)
    key = note_outcome(records=five, by=staff, reach="reachable", response="yes", note="coffee").undo
    assert rows(module) != before
    done = undo(key=key, by=staff)
    assert (done.count, done.skipped) == (5, 0)
    assert rows(module) == before
    witness.look_and_check()


def test_only_what_the_click_changed_is_taken_back(module, five, staff):
    """Of five records, three had the outcome already: they have no part in it."""
    three = module.Record.objects.with_ids(list(five.order_by("pk").values_list("pk", flat=True)[:3]))
    note_outcome(records=three, by=staff, reach="reachable")
    before = rows(module)
    key = note_outcome(records=five, by=staff, reach="reachable").undo
    done = undo(key=key, by=staff)
    assert (done.count, done.skipped) == (2, 0)
    assert rows(module) == before


@validating
@pytest.mark.parametrize("validation", [Validation.VALID, Validation.INVALID, None])
def test_a_mark_is_taken_back(module, five, staff, witness, validation):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="first")
    before = rows(module)
    key = validate_records(records=five, by=staff, validation=validation, reason="second").undo
    assert undo(key=key, by=staff).count == 5
    assert rows(module) == before
    witness.look_and_check()


@validating
def test_the_alert_of_the_admins_goes_with_the_mark(module, five, staff, admin):
    key = validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x").undo
    assert Notice.objects.filter(kind=Kind.INVALID_WAITING).exists()
    undo(key=key, by=staff)
    assert not Notice.objects.filter(kind=Kind.INVALID_WAITING).exists()


def test_a_recall_is_taken_back(module, batch, five, staff, admin, witness):
    before = rows(module)
    key = recall_records(records=five, by=admin).undo
    witness.look_and_check()
    assert undo(key=key, by=admin).count == 5
    witness.look_and_check()
    assert rows(module) == before
    batch.refresh_from_db()
    assert (batch.initial_count, batch.received_count, batch.current_count, batch.left_count) == (5, 10, 5, 5)
    told = Notice.objects.filter(user=staff).order_by("pk").values_list("text", flat=True)
    assert list(told)[-2:] == [
        "Adam Admin took back 5 records of Maret.",
        "Adam Admin gave back to you: 5 records of Maret.",
    ]


def test_a_transfer_is_taken_back(module, batch, five, staff, other_staff, admin, witness):
    before = rows(module)
    done = transfer_records(records=five, to=other_staff, by=admin)
    witness.look_and_check()
    assert undo(key=done.undo, by=admin).count == 5
    witness.look_and_check()
    assert rows(module) == before
    [theirs] = done.batches
    theirs.refresh_from_db()
    assert (theirs.received_count, theirs.current_count, theirs.left_count) == (5, 0, 5)


def test_an_assignment_is_taken_back(module, database, batch, staff, admin, witness):
    before = dict(ask(f"SELECT id, status FROM {module.key}_record ORDER BY id"))
    done = assign_random(module=module, database=database, staff=staff, count=4, by=admin)
    witness.look()
    Notice.objects.all().delete()
    assert outlook(key=done.undo, by=admin) == Undone(4, 0)
    assert undo(key=done.undo, by=admin) == Undone(4, 0)
    witness.look_and_check()
    assert dict(ask(f"SELECT id, status FROM {module.key}_record ORDER BY id")) == before
    done.batch.refresh_from_db()
    assert (done.batch.received_count, done.batch.current_count, done.batch.left_count) == (4, 0, 4)
    assert list(Notice.objects.values_list("user", "text")) == [(staff.pk, "Adam Admin took back 4 records of Maret.")]
    refuses(module, done.undo, admin, CHANGED)


def test_of_an_assignment_what_was_worked_since_stays(module, database, staff, admin, witness):
    done = assign_random(module=module, database=database, staff=staff, count=4, by=admin)
    worked = done.batch.records.order_by("pk")[:1]
    note_outcome(records=module.Record.objects.filter(pk=worked[0].pk), by=staff, reach="reachable")
    witness.look()
    assert outlook(key=done.undo, by=admin) == Undone(3, 1)
    assert undo(key=done.undo, by=admin) == Undone(3, 1)
    witness.look_and_check()
    assert done.batch.records.assigned().get().reach == "reachable"


def test_a_reserved_record_that_was_assigned_to_its_owner_is_kept_for_them_again(module, database, staff, admin):
    record = database.records.in_pool().first()
    take(record, staff=staff)
    done = assign_picked(module=module, database=database, staff=staff, record_ids=[record.pk], by=admin)
    assert undo(key=done.undo, by=admin).count == 1
    record.refresh_from_db()
    assert (record.status, record.reservation.staff) == ("reserved", staff)


def test_an_assignment_can_be_taken_back_from_somebody_who_has_left_the_team(module, database, staff, owner, admin):
    """Deactivating takes the records along: there is nothing left to take back."""
    key = assign_random(module=module, database=database, staff=staff, count=2, by=admin).undo
    deactivate_with_records(person=staff, to=[], by=owner)
    refuses(module, key, admin, CHANGED)


@validating
def test_a_replacement_by_an_admin_is_taken_back_both_ways(module, batch, five, staff, admin, witness):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    witness.look()
    before = rows(module)
    done = replace_invalid(records=five, by=admin)
    witness.look()
    assert done.replaced == 5
    assert outlook(key=done.undo, by=admin) == Undone(10, 0), "five come back, five go back"
    assert undo(key=done.undo, by=admin) == Undone(10, 0)
    witness.look_and_check()
    assert rows(module) == before
    assert Notice.objects.filter(kind=Kind.INVALID_WAITING, user=admin).exists(), "they wait again"


@validating
def test_what_was_replaced_stays_archived_if_its_replacement_was_worked_since(
    module, batch, five, staff, admin, witness
):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    key = replace_invalid(records=five, by=admin).undo
    worked = module.Record.objects.filter(replaces__isnull=False).order_by("pk")[0]
    note_outcome(records=module.Record.objects.filter(pk=worked.pk), by=staff, reach="reachable")
    witness.look()
    assert outlook(key=key, by=admin) == Undone(8, 2)
    assert undo(key=key, by=admin) == Undone(8, 2)
    witness.look_and_check()
    worked.refresh_from_db()
    assert (worked.status, worked.replaces.status) == ("assigned", "archived")
    assert batch.records.assigned().count() == 5


@validating
@pytest.mark.parametrize("away", ["transferred", "recalled", "purged with its original", "transferred and back"])
def test_what_was_replaced_stays_archived_wherever_its_replacement_is_by_now(
    module, batch, five, staff, other_staff, admin, witness, away
):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    key = replace_invalid(records=five, by=admin).undo
    witness.look()
    new = module.Record.objects.filter(replaces__isnull=False).order_by("pk")[0]
    only = module.Record.objects.filter(pk=new.pk)
    if away == "recalled":
        recall_records(records=only, by=admin)
    elif away == "purged with its original":
        purge_archived(records=module.Record.objects.filter(pk=new.replaces_id), by=admin)
    else:
        moved = transfer_records(records=only, to=other_staff, by=admin).undo
        witness.look()
        if away == "transferred and back":
            undo(key=moved, by=admin)
    witness.look()
    foreseen = outlook(key=key, by=admin)
    assert undo(key=key, by=admin) == foreseen
    assert foreseen.count == 8
    witness.look_and_check()
    old = module.Record.objects.filter(pk=new.replaces_id)
    assert list(old.values_list("status", flat=True)) == ([] if away.startswith("purged") else ["archived"])


@validating
@pytest.mark.parametrize("service", [archive_invalid, replace_invalid])
def test_what_was_archived_comes_back_and_whose_it_is_hears_of_it(module, batch, five, staff, admin, witness, service):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    before = rows(module)
    key = service(records=five, by=admin).undo
    witness.look()
    Notice.objects.all().delete()
    undo(key=key, by=admin)
    witness.look_and_check()
    assert rows(module) == before
    told = {notice.text for notice in Notice.objects.filter(user=staff)}
    assert "Adam Admin gave back to you: 5 records of Maret." in told
    assert ("Adam Admin took back 5 records of Maret." in told) == (service is replace_invalid)


@validating
def test_what_was_restored_since_stays_in_the_pool(module, five, staff, admin):
    validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    key = replace_invalid(records=five, by=admin).undo
    restore_archived(records=five, by=admin)
    refuses(module, key, admin, CHANGED)


def test_a_transfer_from_several_people_is_taken_back_to_each(
    module, five, database, staff, other_staff, admin, witness
):
    theirs = assign_random(module=module, database=database, staff=other_staff, count=3, by=admin).batch
    witness.look()
    before = rows(module)
    key = recall_records(records=module.Record.objects.all(), by=admin).undo
    witness.look_and_check()
    assert undo(key=key, by=admin).count == 8
    witness.look_and_check()
    assert rows(module) == before
    assert theirs.records.held_by(other_staff).count() == 3


# --- What has been changed since -------------------------------------------------------------------------------


def test_before_an_undo_one_hears_that_somebody_is_not_working_any_more(
    module, database, five, staff, other_staff, owner, admin
):
    key = recall_records(records=five, by=admin).undo
    deactivate_person(person=staff, by=owner)
    with pytest.raises(Refused, match="Sari Staff is not an active staff member"):
        outlook(key=key, by=admin)
    refuses(module, key, admin, "Sari Staff is not an active staff member")


def test_twice_is_once(module, five, staff, admin):
    note = note_outcome(records=five, by=staff, note="x").undo
    undo(key=note, by=staff)
    refuses(module, note, staff, CHANGED)
    recall = recall_records(records=five, by=admin).undo
    undo(key=recall, by=admin)
    refuses(module, recall, admin, CHANGED)


def test_what_was_changed_since_stays_and_is_said(module, five, staff, witness):
    key = note_outcome(records=five, by=staff, reach="reachable").undo
    some = five.model.objects.with_ids(five.order_by("pk").values_list("pk", flat=True)[:2])
    note_outcome(records=some, by=staff, note="later")
    done = undo(key=key, by=staff)
    assert (done.count, done.skipped) == (3, 2)
    assert set(some.values_list("reach", "note")) == {("reachable", "later")}
    assert five.filter(reach="one_tick").count() == 3
    witness.look_and_check()


@pytest.mark.parametrize("meanwhile", ["worked on", "recalled", "transferred"])
def test_what_was_noted_is_not_taken_back_from_records_that_were_changed_since(
    five, module, staff, other_staff, admin, witness, meanwhile
):
    key = note_outcome(records=five, by=staff, reach="reachable").undo
    if meanwhile == "worked on":
        note_outcome(records=five, by=staff, note="later")
    elif meanwhile == "recalled":
        recall_records(records=five, by=admin)
    else:
        transfer_records(records=five, to=other_staff, by=admin)
    witness.look_and_check()
    refuses(module, key, staff, CHANGED)


def test_recalled_records_that_were_handed_out_since_stay_where_they_are(
    module, database, five, other_staff, admin, witness
):
    key = recall_records(records=five, by=admin).undo
    witness.look()
    ids = list(five.values_list("pk", flat=True))
    assign_picked(module=module, database=database, staff=other_staff, record_ids=ids, by=admin)
    witness.look_and_check()
    refuses(module, key, admin, CHANGED)


def test_what_was_changed_without_a_trace_in_the_history_stays_too(module, five, other_staff, admin):
    key = transfer_records(records=five, to=other_staff, by=admin).undo
    with pgtrigger.ignore():
        run(f"UPDATE {module.key}_record SET note = 'by hand' WHERE assignee_id = %s", other_staff.pk)
    refuses(module, key, admin, CHANGED)


def test_a_change_that_was_itself_taken_back_does_not_open_the_first_again(module, five, staff):
    first = note_outcome(records=five, by=staff, reach="reachable").undo
    second = note_outcome(records=five, by=staff, reach="unreachable").undo
    undo(key=second, by=staff)
    refuses(module, first, staff, CHANGED)


# --- Whose it is, and what can be taken back ---------------------------------------------------------------------


def test_nobody_takes_back_what_somebody_else_has_noted(module, five, staff, other_staff, admin, owner):
    note = note_outcome(records=five, by=staff, note="x").undo
    for other in (other_staff, admin, owner):
        refuses(module, note, other, CHANGED)
        assert outlook(key=note, by=other) == Undone(0, 0), "nor learns how many they are"


def test_an_admin_takes_back_what_another_did_and_staff_do_not(module, five, staff, admin, owner):
    recall = recall_records(records=five, by=admin).undo
    refuses(module, recall, staff, CHANGED)
    assert undo(key=recall, by=owner).count == 5


def test_a_key_of_nothing_is_refused(module, five, admin):
    refuses(module, uuid4(), admin, CHANGED)


def test_an_undo_is_not_taken_back(module, database, five, staff, admin):
    undo(key=recall_records(records=five, by=admin).undo, by=admin)
    newest = ask(f"SELECT pgh_context_id FROM {module.key}_recordevent ORDER BY pgh_id DESC LIMIT 1")[0][0]
    refuses(module, newest, admin, CHANGED)


def test_what_happened_when_somebody_left_is_one_operation_and_is_not_taken_back(
    module, five, staff, other_staff, admin
):
    deactivate_with_records(person=staff, to=[other_staff], by=admin)
    [(key, operation)] = ask(
        f"SELECT DISTINCT e.pgh_context_id, c.metadata ->> 'operation' FROM {module.key}_recordevent e"
        " JOIN pghistory_context c ON c.id = e.pgh_context_id WHERE e.assignee_id = %s",
        other_staff.pk,
    )
    assert operation == "person.leave"
    refuses(module, key, admin, CHANGED)


def test_nothing_goes_back_to_somebody_who_is_not_working_any_more(module, five, staff, other_staff, admin):
    transfer = transfer_records(records=five, to=other_staff, by=admin).undo
    deactivate_person(person=staff, by=admin)
    refuses(module, transfer, admin, "Sari Staff is not an active staff member")
    assert module.Record.objects.held_by(other_staff).count() == 5


# --- With replacements -------------------------------------------------------------------------------------------


@validating
def test_a_record_that_was_replaced_at_once_stays_so_and_the_others_are_taken_back(
    module, batch, five, staff, owner, witness
):
    change_settings(module=module, by=owner, auto_replace=True, most_replacements=2)
    marked = validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x")
    witness.look_and_check()
    assert marked.replacement.replaced == 2
    done = undo(key=marked.undo, by=staff)
    witness.look_and_check()
    assert (done.count, done.skipped) == (3, 2)
    assert five.archived().count() == 2
    assert five.filter(validation="").count() == 3
    assert batch.records.filter(replaces__isnull=False).assigned().count() == 2


@validating
@pytest.mark.parametrize("service", [archive_invalid, replace_invalid])
def test_a_mark_on_which_an_admin_has_acted_is_not_taken_back(module, five, staff, admin, service):
    key = validate_records(records=five, by=staff, validation=Validation.INVALID, reason="x").undo
    service(records=five, by=admin)
    refuses(module, key, staff, CHANGED)


@pytest.fixture
def replacement(module, batch, five, staff, admin):
    """The record that took the place of the first."""
    first = module.Record.objects.filter(pk=five.order_by("pk").first().pk)
    validate_records(records=first, by=staff, validation=Validation.INVALID, reason="x")
    replace_invalid(records=first, by=admin)
    return module.Record.objects.filter(pk=module.Record.objects.get(replaces=first.get()).pk)


@validating
@pytest.mark.parametrize("away", ["recalled", "transferred"])
def test_a_replacement_that_comes_back_takes_the_place_again(module, replacement, other_staff, admin, away):
    before = rows(module)
    if away == "recalled":
        key = recall_records(records=replacement, by=admin).undo
    else:
        key = transfer_records(records=replacement, to=other_staff, by=admin).undo
    assert replacement.get().replaces is None
    undo(key=key, by=admin)
    assert rows(module) == before


@validating
def test_a_replacement_whose_original_is_restored_meanwhile_comes_back_as_a_record_of_its_own(
    module, batch, replacement, admin
):
    original = module.Record.objects.filter(pk=replacement.get().replaces_id)
    key = recall_records(records=replacement, by=admin).undo
    restore_archived(records=original, by=admin)
    undo(key=key, by=admin)
    back = replacement.get()
    assert (back.status, back.batch, back.replaces) == ("assigned", batch, None)


GROWING = [module for module in VALIDATING if module.policy.assigns_into_existing_batch]


@pytest.mark.parametrize("module", GROWING, ids=lambda module: module.key)
def test_a_replacement_whose_place_another_has_taken_comes_back_as_a_record_of_its_own(
    module, database, batch, replacement, staff, admin
):
    original = module.Record.objects.filter(pk=replacement.get().replaces_id)
    key = recall_records(records=replacement, by=admin).undo
    restore_archived(records=original, by=admin)
    # The original comes into the same batch again, and is replaced again, by another.
    run(f"UPDATE {module.key}_record SET lottery = 1000 WHERE id = %s", replacement.get().pk)
    assign_picked(module=module, database=database, staff=staff, record_ids=[original.get().pk], by=admin, batch=batch)
    validate_records(records=original, by=staff, validation=Validation.INVALID, reason="again")
    replace_invalid(records=original, by=admin)
    assert undo(key=key, by=admin).count == 1
    back = replacement.get()
    assert (back.status, back.batch, back.replaces) == ("assigned", batch, None)
    assert module.Record.objects.filter(replaces=original.get()).count() == 1


# --- Many ------------------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_records(module, make, staff, admin):
    database = make.database()
    fill(database, 310)
    queries = []
    for count in (3, 300):
        batch = assign_random(module=module, database=database, staff=staff, count=count, by=admin).batch
        key = recall_records(records=module.Record.objects.filter(batch=batch), by=admin).undo
        with CaptureQueriesContext(connection) as captured:
            assert undo(key=key, by=admin).count == count
        queries.append(len(captured))
        recall_records(records=module.Record.objects.filter(batch=batch), by=admin)
    assert queries[0] == queries[1]


# --- Whose it is to take back, and who is told ---------------------------------------------------------------


def test_who_is_an_admin_no_longer_takes_nothing_back_from_that_time(module, five, owner):
    admin = UserFactory(role="admin")
    key = recall_records(records=five, by=admin).undo
    former = change_role(person=admin, role="staff", by=owner)
    refuses(module, key, former, CHANGED)


def test_everybody_who_gains_or_loses_records_by_it_is_told_how_many(module, five, admin, staff, other_staff):
    key = transfer_records(records=five, to=other_staff, by=admin).undo
    note_outcome(records=module.Record.objects.with_ids([five.first().pk]), by=other_staff, reach="reachable")
    Notice.objects.all().delete()
    done = undo(key=key, by=admin)
    assert (done.count, done.skipped) == (4, 1)
    assert dict(Notice.objects.values_list("user__username", "text")) == {
        staff.username: "Adam Admin gave back to you: 4 records of Maret.",
        other_staff.username: "Adam Admin took back 4 records of Maret.",
    }
