"""Noting what came of a customer."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.work import note_outcome
from crm.errors import Refused
from tests.distribution.sql import Witness, ask, run
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(make):
    database = make.database(name="Maret")
    fill(database, 8)
    return database


@pytest.fixture
def mine(module, database, staff, admin):
    """Four records that are with Sari."""
    batch = assign_random(module=module, database=database, staff=staff, count=4, by=admin).batch
    return module.Record.objects.filter(batch=batch)


@pytest.fixture
def witness(module, mine):
    witness = Witness(module)
    witness.check()
    return witness


def noted(module, *columns: str) -> list[tuple]:
    """Of all records, in the order of the file; those that nobody has worked say so."""
    return ask(f'SELECT {", ".join(columns)} FROM "{module.Record._meta.db_table}" ORDER BY row_number')


def everything(module) -> list[tuple]:
    return noted(module, "*")


def test_an_outcome_is_noted_on_the_records_and_on_no_others(module, mine, staff, witness):
    done = note_outcome(
        records=mine, by=staff, reach="reachable", response="yes", note="Likes tea", follow_up_on=date(2026, 3, 2)
    )
    assert (done.count, done.skipped) == (4, 0)
    said = noted(module, "reach", "response", "note", "follow_up_on", "worked_at > now() - interval '1 minute'")
    assert sorted(said, key=str) == sorted(
        [("reachable", "yes", "Likes tea", date(2026, 3, 2), True)] * 4 + [("", "", "", None, None)] * 4, key=str
    )
    witness.look_and_check()


@pytest.mark.parametrize(
    ("outcome", "column"),
    [({"reach": "one_tick"}, "reach"), ({"response": "no"}, "response"), ({"note": "later"}, "note")],
)
def test_what_is_left_out_stays_as_it_is(module, mine, staff, outcome, column):
    note_outcome(records=mine, by=staff, reach="reachable", response="yes", note="tea", follow_up_on=date(2026, 3, 2))
    [before] = {tuple(row) for row in mine.values_list("reach", "response", "note", "follow_up_on")}
    note_outcome(records=mine, by=staff, **outcome)
    [after] = {tuple(row) for row in mine.values_list("reach", "response", "note", "follow_up_on")}
    changed = [
        name
        for name, old, new in zip(("reach", "response", "note", "follow_up_on"), before, after, strict=True)
        if old != new
    ]
    assert changed == [column]


def test_a_second_click_changes_nothing(module, mine, staff):
    note_outcome(records=mine, by=staff, reach="reachable", response="yes")
    before, events = everything(module), ask(f"SELECT count(*) FROM {module.key}_recordevent")
    done = note_outcome(records=mine, by=staff, reach="reachable", response="yes")
    assert done.count == 4, "they have the outcome"
    assert everything(module) == before
    assert ask(f"SELECT count(*) FROM {module.key}_recordevent") == events


def test_an_outcome_is_noted_where_it_is_not_noted_yet(module, mine, staff):
    first, *others = mine.order_by("pk")
    note_outcome(records=mine.filter(pk=first.pk), by=staff, reach="reachable")
    [worked] = mine.filter(pk=first.pk).values_list("worked_at", flat=True)
    assert note_outcome(records=mine, by=staff, reach="reachable").count == 4
    assert mine.get(pk=first.pk).worked_at == worked
    assert all(mine.get(pk=record.pk).worked_at > worked for record in others)


@pytest.mark.parametrize(
    ("field", "value", "nothing"),
    [("reach", "reachable", ""), ("response", "no", ""), ("note", "tea", ""), ("follow_up_on", date(2026, 3, 2), None)],
)
def test_what_was_noted_can_be_cleared(mine, staff, field, value, nothing):
    note_outcome(records=mine, by=staff, **{field: value})
    assert mine.filter(**{field: value}).count() == 4
    note_outcome(records=mine, by=staff, **{field: nothing})
    assert mine.filter(**{field: nothing}).count() == 4


def test_a_response_has_its_time_and_keeps_it(module, mine, staff):
    note_outcome(records=mine, by=staff, response="yes")
    run(
        f'UPDATE "{module.Record._meta.db_table}" SET responded_at = now() - interval %s WHERE response = %s',
        "3 days",
        "yes",
    )
    three_days_ago = timezone.now() - timedelta(days=3)
    for more in ({"note": "tea"}, {"response": "yes"}, {"response": "yes", "reach": "reachable"}):
        note_outcome(records=mine, by=staff, **more)
        assert mine.filter(responded_at__lt=three_days_ago + timedelta(hours=1)).count() == 4
    note_outcome(records=mine, by=staff, response="no")
    assert mine.filter(responded_at__gt=three_days_ago + timedelta(days=2)).count() == 4
    note_outcome(records=mine, by=staff, response="")
    assert mine.filter(responded_at=None).count() == 4


def test_somebody_elses_records_are_left_alone_and_said(module, database, mine, staff, other_staff, admin, witness):
    theirs = assign_random(module=module, database=database, staff=other_staff, count=2, by=admin).batch
    witness.look_and_check()
    done = note_outcome(records=module.Record.objects.all(), by=staff, reach="reachable")
    assert (done.count, done.skipped) == (4, 4)
    assert set(module.Record.objects.filter(reach="reachable")) == set(mine)
    with pytest.raises(Refused, match="no longer with you"):
        note_outcome(records=module.Record.objects.filter(batch=theirs), by=staff, reach="reachable")
    with pytest.raises(Refused, match="no longer with you"):
        note_outcome(records=mine, by=admin, reach="reachable")
    witness.look_and_check()


def test_records_that_were_taken_back_meanwhile_are_left_alone(module, mine, staff, admin, witness):
    ids = list(mine.values_list("pk", flat=True))
    shown = module.Record.objects.with_ids(ids)
    recall_records(records=module.Record.objects.with_ids(ids[:1]), by=admin)
    witness.look_and_check()
    assert note_outcome(records=shown, by=staff, note="tea").skipped == 1
    recall_records(records=shown, by=admin)
    witness.look_and_check()
    before = everything(module)
    with pytest.raises(Refused, match=r"no longer with you\. Nothing was changed"):
        note_outcome(records=shown, by=staff, note="tea")
    assert everything(module) == before


def test_what_was_noted_goes_along_with_a_transfer_and_is_forgotten_in_the_pool(
    module, mine, staff, other_staff, admin, witness
):
    ids = list(mine.values_list("pk", flat=True))
    records = module.Record.objects.with_ids(ids)
    note_outcome(
        records=records, by=staff, reach="reachable", response="yes", note="tea", follow_up_on=date(2026, 3, 2)
    )
    transfer_records(records=records, to=other_staff, by=admin)
    witness.look_and_check()
    assert records.filter(reach="reachable", response="yes", note="tea", worked_at__isnull=False).count() == 4
    assert note_outcome(records=records, by=other_staff, note="coffee").count == 4
    recall_records(records=records, by=admin)
    witness.look_and_check()
    forgotten = {"reach": "", "response": "", "note": "", "follow_up_on": None, "worked_at": None, "responded_at": None}
    assert records.filter(**forgotten).count() == 4


def test_the_history_says_who_noted_what(module, mine, staff):
    done = note_outcome(records=mine, by=staff, note="tea")
    events = ask(
        f"SELECT c.metadata ->> 'operation', (c.metadata ->> 'user')::bigint, e.note FROM {module.key}_recordevent e"
        " JOIN pghistory_context c ON c.id = e.pgh_context_id WHERE e.pgh_context_id = %s",
        done.undo,
    )
    assert events == [("records.work", staff.pk, "tea")] * 4


def test_the_number_of_queries_does_not_grow_with_the_records(module, make, staff, admin):
    database = make.database()
    fill(database, 310)
    queries = []
    for count in (3, 300):
        batch = assign_random(module=module, database=database, staff=staff, count=count, by=admin).batch
        with CaptureQueriesContext(connection) as captured:
            assert note_outcome(records=module.Record.objects.filter(batch=batch), by=staff, note="x").count == count
        queries.append(len(captured))
    assert queries[0] == queries[1] <= 6
