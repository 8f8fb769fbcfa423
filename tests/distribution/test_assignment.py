"""Handing records out and taking them back."""

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.accounts.services import deactivate_person
from crm.distribution.assignment import (
    TooFew,
    assign_picked,
    assign_random,
    recall_records,
    transfer_records,
)
from crm.distribution.databases import archive_database, restore_database
from crm.distribution.ledger import lines
from crm.distribution.timeline import timeline
from crm.errors import Refused
from crm.figures import get_figure
from crm.notices.models import Notice
from crm.registry import modules
from crm.reservations.models import Reservation
from crm.reservations.services import release_reservations
from tests.conftest import browser_of
from tests.distribution.sql import Witness, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(make):
    """With ten records in the pool."""
    database = make.database(name="Maret")
    fill(database, 10)
    return database


@pytest.fixture
def assign(module, admin, staff):
    """Hands `count` records of a database to somebody, at random."""

    def assign(database, count, to=staff, **options):
        return assign_random(module=module, database=database, staff=to, count=count, by=admin, **options)

    return assign


@pytest.fixture
def pick(module, admin, staff):
    def pick(database, ids, to=staff, **options):
        return assign_picked(module=module, database=database, staff=to, record_ids=ids, by=admin, **options)

    return pick


def held(module, person) -> set[int]:
    return set(module.Record.objects.held_by(person).values_list("pk", flat=True))


@pytest.fixture
def nothing_changes(module):
    """Afterwards the module is as it was: records, batches, counts, notices and history."""

    def everything():
        return [
            list(model.objects.order_by("pk").values()) for model in (module.Record, module.Batch, module.Database)
        ] + [Notice.objects.count()]

    before = []
    yield lambda: before.append(everything())
    assert before, "the test did not say from when on"
    assert everything() == before[0]


# --- N means N ---------------------------------------------------------------------------------------------


def test_assigning_n_assigns_exactly_n(module, database, assign, staff, admin):
    done = assign(database, 4)

    records = list(module.Record.objects.filter(batch=done.batch))
    assert done.count == len(records) == 4
    assert {(record.status, record.assignee, record.assigned_by) for record in records} == {("assigned", staff, admin)}
    assert all(record.assigned_at for record in records)
    batch = done.batch
    assert (batch.staff, batch.created_by, batch.initial_count, batch.current_count) == (staff, admin, 4, 4)
    database.refresh_from_db()
    assert (database.available_count, database.assigned_count) == (6, 4)


def test_all_of_the_pool_can_be_assigned(module, database, assign):
    assert assign(database, 10).count == 10
    assert not module.Record.objects.in_pool().exists()


def test_too_few_assigns_nothing_and_says_how_many_could_be(module, database, assign, nothing_changes):
    nothing_changes()
    with pytest.raises(TooFew, match=r"Only 10 records are available, 11 were asked for\. Nothing was") as few:
        assign(database, 11)
    assert few.value.possible == 10


def test_reserved_requested_archived_and_assigned_records_are_not_in_the_pool(module, database, assign, request_in):
    reserved, old, requested = database.records.all()[:3]
    take(reserved)
    module.Record.objects.filter(pk=old.pk).update(status="invalid")
    if request := request_in(database):
        module.Record.objects.filter(pk=requested.pk).update(status="requested", request=request)
    assign(database, 3)
    with pytest.raises(TooFew) as few:
        assign(database, 6)
    assert few.value.possible == (4 if request else 5)


@pytest.mark.parametrize("count", [0, -1])
def test_none_or_fewer_is_refused(database, assign, nothing_changes, count):
    nothing_changes()
    with pytest.raises(Refused, match="1 or more"):
        assign(database, count)


def test_records_of_other_databases_are_not_taken(module, make, database, assign):
    other = make.database()
    fill(other, 5)
    with pytest.raises(TooFew):
        assign(other, 6)
    assign(other, 5)
    assert database.records.in_pool().count() == 10


# --- Picked records ----------------------------------------------------------------------------------------


def test_picked_records_are_assigned_and_no_others(module, database, pick, staff):
    ids = sorted(database.records.values_list("pk", flat=True))[2:5]
    assert pick(database, [*ids, ids[0]]).count == 3
    assert held(module, staff) == set(ids)


def test_picked_records_of_which_one_is_gone_are_not_assigned(module, database, pick, other_staff, nothing_changes):
    ids = sorted(database.records.values_list("pk", flat=True))
    pick(database, ids[:1], to=other_staff)
    nothing_changes()
    with pytest.raises(TooFew, match="1 of the 4 chosen records are not available any more") as few:
        pick(database, ids[:4])
    assert few.value.possible == 3


def test_picked_records_of_another_database_are_refused(make, database, pick, nothing_changes):
    elsewhere = make.record()
    ids = [database.records.first().pk, elsewhere.pk]
    nothing_changes()
    with pytest.raises(TooFew):
        pick(database, ids)


def test_nothing_picked_is_refused(database, pick, nothing_changes):
    nothing_changes()
    with pytest.raises(Refused, match="Choose the records"):
        pick(database, [])


# --- Into which batch --------------------------------------------------------------------------------------


def test_only_where_the_policy_says_so_an_existing_batch_can_grow(module, database, assign):
    batch = assign(database, 3).batch
    if module.policy.assigns_into_existing_batch:
        assert assign(database, 2, batch=batch).batch == batch
        batch.refresh_from_db()
        assert (batch.initial_count, batch.received_count, batch.current_count) == (3, 5, 5)
    else:
        with pytest.raises(Refused, match="every hand-over makes a new batch"):
            assign(database, 2, batch=batch)
        assert module.Batch.objects.count() == 1


def test_at_least_one_module_has_growing_batches_and_one_has_not():
    assert {module.policy.assigns_into_existing_batch for module in modules()} == {True, False}


@pytest.mark.parametrize("whose", ["somebody else's", "another database's"])
def test_a_batch_of_somebody_else_or_of_another_database_is_refused(
    make, database, assign, staff, other_staff, nothing_changes, whose
):
    batch = make.batch(database=database, staff=other_staff) if whose == "somebody else's" else make.batch(staff=staff)
    nothing_changes()
    with pytest.raises(Refused):
        assign(database, 2, batch=batch)


# --- To whom, and from where -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_only_staff_members_are_given_records(database, assign, pick, nothing_changes, role):
    person = UserFactory(role=role)
    nothing_changes()
    with pytest.raises(Refused, match="is not an active staff member"):
        assign(database, 1, to=person)
    with pytest.raises(Refused, match="is not an active staff member"):
        pick(database, [database.records.first().pk], to=person)


def test_a_deactivated_person_is_given_nothing(module, database, assign, staff, other_staff, admin):
    stale = other_staff
    deactivate_person(person=stale, by=admin)
    assign(database, 2)
    with pytest.raises(Refused, match="is not an active staff member"):
        assign(database, 1, to=stale)
    with pytest.raises(Refused, match="is not an active staff member"):
        transfer_records(records=module.Record.objects.all(), to=stale, by=admin)
    assert len(held(module, staff)) == 2


def test_an_archived_database_hands_nothing_out_until_it_is_restored(database, assign, pick, admin):
    assert archive_database(database=database, by=admin)
    assert not archive_database(database=database, by=admin)
    database.refresh_from_db()
    for attempt in (lambda: assign(database, 1), lambda: pick(database, [database.records.first().pk])):
        with pytest.raises(Refused, match="is archived"):
            attempt()
    assert restore_database(database=database, by=admin)
    assert not restore_database(database=database, by=admin)
    database.refresh_from_db()
    assert assign(database, 1).count == 1


# --- Recall ------------------------------------------------------------------------------------------------


def test_recall_takes_records_back_to_the_pool_and_clears_what_the_assignment_left(module, database, assign, admin):
    batch = assign(database, 4).batch
    owner = take(*batch.records.all())
    assert batch.records.in_conflict().count() == 4
    release_reservations(reservations=Reservation.objects.of(owner), by=admin)
    take(batch.records.first())

    done = recall_records(records=module.Record.objects.filter(batch=batch), by=admin)

    assert (done.count, done.skipped) == (4, 0)
    cleared = ("status", "assignee", "assigned_at", "assigned_by", "batch", "is_reservation_conflict", "invalid_reason")
    rows = Counter(database.records.values_list(*cleared))
    nobody = (None, None, None, None, False, "")
    assert rows == {("available", *nobody): 9, ("reserved", *nobody): 1}
    batch.refresh_from_db()
    assert (batch.received_count, batch.current_count, batch.left_count) == (4, 0, 4)


def test_recall_leaves_alone_what_nobody_has(module, database, assign, admin):
    assign(database, 4)
    one = database.records.in_pool().first()
    take(one)

    done = recall_records(records=database.records.all(), by=admin)

    assert (done.count, done.skipped) == (4, 6)
    one.refresh_from_db()
    assert one.status == "reserved"


def test_recall_leaves_archived_records_where_they_are(module, database, assign, admin):
    batch = assign(database, 2).batch
    gone = module.Record.objects.filter(batch=batch).first()
    module.Record.objects.filter(pk=gone.pk).update(
        status="archived", archived_at=timezone.now(), archived_by=admin, archive_reason="x"
    )
    assert recall_records(records=module.Record.objects.filter(batch=batch), by=admin).count == 1
    batch.refresh_from_db()
    assert (batch.current_count, batch.archived_count, batch.left_count) == (0, 1, 1)


# --- Transfer ----------------------------------------------------------------------------------------------


def test_transfer_hands_on_in_a_new_batch_for_each_database(module, make, database, assign, staff, other_staff, admin):
    other = make.database()
    fill(other, 5)
    old = [assign(database, 3).batch, assign(other, 2).batch]
    moved = held(module, staff)

    done = transfer_records(records=module.Record.objects.assigned(), to=other_staff, by=admin)

    assert (done.count, done.skipped, len(done.batches)) == (5, 0, 2)
    assert {(batch.database, batch.staff, batch.received_count) for batch in done.batches} == {
        (database, other_staff, 3),
        (other, other_staff, 2),
    }
    assert held(module, other_staff) == moved
    assert not held(module, staff)
    assert set(module.Record.objects.assigned().values_list("assigned_by", flat=True)) == {admin.pk}
    for batch in old:
        batch.refresh_from_db()
        assert (batch.current_count, batch.left_count) == (0, batch.received_count)


def test_transfer_leaves_alone_what_nobody_has_and_what_is_there_already(
    module, database, assign, staff, other_staff, admin
):
    assign(database, 3)
    theirs = assign(database, 2, to=other_staff).batch

    done = transfer_records(records=database.records.all(), to=other_staff, by=admin)

    assert (done.count, done.skipped) == (3, 7)
    theirs.refresh_from_db()
    assert theirs.current_count == 2
    assert len(held(module, other_staff)) == 5


def test_transfer_of_nothing_makes_no_batch(module, database, other_staff, admin):
    done = transfer_records(records=database.records.all(), to=other_staff, by=admin)
    assert (done.count, done.skipped, done.batches) == (0, 10, ())
    assert not module.Batch.objects.exists()


def test_a_conflict_does_not_change_that_a_record_is_assigned_and_counted(module, database, assign, staff):
    batch = assign(database, 5).batch
    one = module.Record.objects.filter(batch=batch).first()
    take(one)
    batch.refresh_from_db()
    database.refresh_from_db()
    assert (batch.current_count, database.assigned_count, database.conflict_count) == (5, 5, 1)
    assert one.pk in held(module, staff)


# --- Telling, and remembering ------------------------------------------------------------------------------


def test_everybody_concerned_is_told_once_which_records_of_what_and_by_whom(
    module, database, assign, staff, other_staff, admin
):
    batch = assign(database, 3).batch
    customers = ", ".join(batch.records.order_by("pk").values_list("customer_id", flat=True))
    transfer_records(records=module.Record.objects.filter(batch=batch), to=other_staff, by=admin)
    recall_records(records=module.Record.objects.assigned(), by=admin)

    told = list(Notice.objects.order_by("pk").values_list("user__username", "text"))
    assert told == [
        ("sari", "Adam Admin gave you 3 records of Maret."),
        ("sari", f"Adam Admin handed 3 records of Maret ({customers}) to Tono Staff."),
        ("tono", "Adam Admin gave you 3 records of Maret."),
        ("tono", f"Adam Admin took back 3 records of Maret ({customers})."),
    ]
    assert Notice.objects.order_by("pk").first().url == batch.get_absolute_url()


def test_of_many_records_of_many_lists_the_first_lists_are_named(module, make, assign, staff, admin):
    for name in ("April", "Juni", "Maret", "Mei"):
        database = make.database(name=name)
        fill(database, 2)
        assign(database, 2)
    Notice.objects.all().delete()
    recall_records(records=module.Record.objects.assigned(), by=admin)
    assert Notice.objects.get().text == "Adam Admin took back 8 records of April, Juni, Maret and 1 more."


def test_names_of_any_length_fit_into_what_the_bell_says(module, make, assign, staff, admin):
    admin.name = "A" * 150
    database = make.database(name="L" * 100)
    fill(database, 3, customer_name="x")
    assign(database, 3)
    recall_records(records=module.Record.objects.assigned(), by=admin)
    assert all(len(notice.text) <= 300 for notice in Notice.objects.all())


def test_the_ledger_says_what_happened_when_and_who_did_it(module, database, assign, staff, other_staff, admin, owner):
    batch = assign(database, 5).batch
    ids = sorted(held(module, staff))
    recall_records(records=module.Record.objects.with_ids(ids[:2]), by=owner)
    transfer_records(records=module.Record.objects.with_ids(ids[2:3]), to=other_staff, by=admin)
    batch.refresh_from_db()

    shown = [(str(line.operation), line.who, line.arrived, line.left) for line in lines(batch, admin)]
    assert sorted(shown, key=lambda line: line[0]) == [
        ("Assigned", admin, 5, 0),
        ("Recalled", owner, 0, 2),
        ("Transferred", admin, 0, 1),
    ]
    assert sum(line[2] for line in shown) == batch.received_count
    assert sum(line[3] for line in shown) == batch.left_count


def test_each_number_of_the_ledger_leads_to_the_records_that_it_counts(
    module, database, assign, staff, other_staff, admin
):
    batch = assign(database, 5).batch
    ids = sorted(held(module, staff))
    recall_records(records=module.Record.objects.with_ids(ids[:2]), by=admin)
    transfer_records(records=module.Record.objects.with_ids(ids[2:3]), to=other_staff, by=admin)
    desk, seen = browser_of(admin), set()
    for line in lines(batch, admin):
        for name, count in (("arrived", line.arrived), ("left", line.left)):
            if count:
                page = desk.get(get_figure(f"ledger.{name}").url(line), headers={"HX-Request": "true"})
                assert len(page.context["gone"].page.object_list) == count
                seen.add((name, count))
    assert seen == {("arrived", 5), ("left", 2), ("left", 1)}
    assert {get_figure("ledger.left").url(line) for line in lines(batch, staff)} == {""}, "who left is not theirs"
    assert desk.get(f"{batch.get_absolute_url()}?show=left&operation=x").context["gone"].page.paginator.count == 3


def test_the_ledger_shows_a_write_from_outside_the_app(module, database, assign, admin):
    batch = assign(database, 3).batch
    run("SET LOCAL pghistory.context_id = ''")  # what the end of the operation's transaction does elsewhere
    run(f'DELETE FROM "{module.Record._meta.db_table}" WHERE batch_id = %s', batch.pk)
    shown = {(line.operation, line.who, line.arrived, line.left) for line in lines(batch, admin)}
    assert ("", None, 0, 3) in shown


def test_a_record_remembers_its_life(module, database, assign, staff, other_staff, admin, owner):
    record = database.records.get(pk=assign(database, 1).batch.records.get().pk)
    transfer_records(records=module.Record.objects.with_ids([record.pk]), to=other_staff, by=owner)
    record.refresh_from_db()
    seen_by_tono = [str(moment.what) for moment in timeline(record, other_staff)]
    assert seen_by_tono == ["Transferred", "Imported"], "who had it before is not for staff to see"
    recall_records(records=module.Record.objects.with_ids([record.pk]), by=admin)

    def told(reader):
        return [(str(moment.what), moment.who, moment.status, moment.assignee) for moment in timeline(record, reader)]

    assert told(admin) == [
        ("Recalled", admin, "available", None),
        ("Transferred", owner, "assigned", other_staff),
        ("Assigned", admin, "assigned", staff),
        ("Imported", None, "available", None),
    ]


# --- Cost --------------------------------------------------------------------------------------------------


def queries_of(action) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        action()
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_selection(module, make, admin, staff, other_staff):
    def cost(count: int) -> list[int]:
        database = make.database()
        ids = fill(database, count * 2)
        records = module.Record.objects.filter(database=database)
        to = {"module": module, "database": database, "staff": staff, "by": admin}
        return [
            queries_of(lambda: assign_random(**to, count=count)),
            queries_of(lambda: transfer_records(records=records.assigned(), to=other_staff, by=admin)),
            queries_of(lambda: recall_records(records=records.assigned(), by=admin)),
            queries_of(lambda: assign_picked(**to, record_ids=ids)),
        ]

    assert cost(10) == cost(1000)


# --- The command line --------------------------------------------------------------------------------------


def assign_by_command(module, database, **options) -> dict:
    out = StringIO()
    options = {"staff": "sari", "count": 2, **options}
    call_command("assign_records", module=module.key, database=database.pk, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_the_command_assigns_and_prints_the_batch_and_the_number(module, database, admin, staff):
    result = assign_by_command(module, database, count=3)
    batch = module.Batch.objects.get()
    assert result == {"batch": batch.pk, "assigned": 3}
    assert (batch.staff, batch.created_by, batch.current_count) == (staff, admin, 3)


def test_the_command_assigns_into_a_batch_where_the_module_allows_it(module, database, admin, staff):
    first = assign_by_command(module, database)
    if module.policy.assigns_into_existing_batch:
        assert assign_by_command(module, database, batch=first["batch"]) == {"batch": first["batch"], "assigned": 2}
    else:
        with pytest.raises(CommandError, match="every hand-over makes a new batch"):
            assign_by_command(module, database, batch=first["batch"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"count": 11}, "Only 10 records are available"),
        ({"count": 0}, "1 or more"),
        ({"count": 10**30}, "At most 10,000 records"),
        ({"staff": "nobody"}, "There is no person 'nobody'"),
        ({"staff": "adam"}, "is not an active staff member"),
        ({"batch": 999_999}, "There is no batch 999999"),
        ({"by": "sari"}, "There is no active admin 'sari'"),
    ],
)
def test_the_command_says_why_not_and_changes_nothing(module, database, admin, staff, nothing_changes, options, reason):
    nothing_changes()
    with pytest.raises(CommandError, match=reason) as error:
        assign_by_command(module, database, **options)
    assert error.value.returncode == 1


def test_the_command_knows_no_database_of_another_module(database, admin, staff, module):
    other = next(other for other in modules() if other != module)
    with pytest.raises(CommandError, match="There is no database"):
        assign_by_command(other, type("Missing", (), {"pk": database.pk + 1_000_000}))


# --- Counts ------------------------------------------------------------------------------------------------


def test_stored_counts_are_true_after_every_operation(module, make, database, assign, staff, other_staff, admin):
    witness = Witness(module)
    other = make.database()
    fill(other, 6)
    witness.look_and_check()
    for step in (
        lambda: assign(database, 4),
        lambda: assign(other, 3),
        lambda: transfer_records(records=module.Record.objects.filter(assignee=staff), to=other_staff, by=admin),
        lambda: recall_records(records=database.records.all(), by=admin),
        lambda: assign(database, 10),
    ):
        step()
        witness.look_and_check()


# --- The draw ----------------------------------------------------------------------------------------------


class Draws:
    """Many random hand-outs of one database, with recalls in between; what was drawn against what is fair.

    In a fair draw of k out of a pool of n every record has the chance k/n. `deviation` sums, over all draws, how
    many of some records were drawn less how many a fair draw takes of them, in standard deviations.
    """

    def __init__(self, module, admin, staff, returned) -> None:
        self.module, self.admin, self.staff = module, admin, staff
        self.database = factories_of(module).database()
        self.ids = fill(self.database, 60)
        self.returned = returned
        self.surplus = dict.fromkeys(self.ids, 0.0)
        self.variance = dict.fromkeys(self.ids, 0.0)
        self.surplus_of_returned = self.variance_of_returned = 0.0

    def run(self, rounds: int) -> None:
        records = self.module.Record.objects
        just_returned: set[int] = set()
        for number in range(rounds):
            pool = set(records.in_pool().filter(database=self.database).values_list("pk", flat=True))
            count = 3 + number % 5
            batch = assign_random(
                module=self.module, database=self.database, staff=self.staff, count=count, by=self.admin
            ).batch
            drawn = set(records.filter(batch=batch).values_list("pk", flat=True))
            chance = count / len(pool)
            for pk in pool:
                self.surplus[pk] += (pk in drawn) - chance
                self.variance[pk] += chance * (1 - chance)
            back = just_returned & pool
            share = len(back) / len(pool)
            self.surplus_of_returned += len(drawn & back) - count * share
            self.variance_of_returned += count * share * (1 - share) * (len(pool) - count) / (len(pool) - 1)
            just_returned = set()
            if len(pool) - count < 30:
                assigned = sorted(records.assigned().filter(database=self.database).values_list("pk", flat=True))
                just_returned = set(assigned[number % 3 :: 2])
                recall_records(records=records.with_ids(just_returned), by=self.admin)
                self.returned(just_returned)

    def chi_square(self) -> float:
        return sum(self.surplus[pk] ** 2 / self.variance[pk] for pk in self.ids)

    def deviation_of_returned(self) -> float:
        return self.surplus_of_returned / self.variance_of_returned**0.5


@pytest.fixture
def seeded():
    run("SELECT setseed(0.5)")


@pytest.mark.proof
@pytest.mark.usefixtures("seeded")
def test_every_record_of_the_pool_is_as_likely_to_be_drawn_also_after_a_recall(admin, staff):
    draws = Draws(next(modules()), admin, staff, returned=lambda ids: None)
    draws.run(200)
    # 60 degrees of freedom: mean 60, standard deviation 11.
    assert 25 < draws.chi_square() < 105
    assert abs(draws.deviation_of_returned()) < 3.5


@pytest.mark.proof
@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("lottery", ["random()", "1000"])
def test_the_statistic_would_notice_a_draw_that_prefers_or_avoids_recalled_records(admin, staff, lottery):
    """Recalled records with a number as if they had never left, or at the end of the queue."""
    module = next(modules())

    def unfair(ids) -> None:
        sql = f'UPDATE "{module.Record._meta.db_table}" SET lottery = {lottery} WHERE id = ANY(%s)'
        run(sql, list(ids))

    draws = Draws(module, admin, staff, returned=unfair)
    draws.run(100)
    assert abs(draws.deviation_of_returned()) > 5
