"""Valid or invalid; and what admins do with the invalid ones: replace, archive, restore, purge."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.databases import archive_database
from crm.distribution.models import Validation
from crm.distribution.settings import change_settings, settings_of
from crm.distribution.validation import (
    archive_invalid,
    purge_archived,
    replace_invalid,
    restore_archived,
    validate_records,
)
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import modules
from tests.distribution.sql import Witness, ask
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db

VALIDATING = [module for module in modules() if module.policy.validates]
OTHERS = [module for module in modules() if not module.policy.validates]


@pytest.fixture(params=VALIDATING, ids=lambda module: module.key)
def module(request):
    """What follows is about the modules that validate, where it does not say otherwise."""
    return request.param


@pytest.fixture
def database(make):
    database = make.database(name="Maret")
    fill(database, 12)
    return database


@pytest.fixture
def give(module, admin):
    """Hands records of a database out in a new batch."""

    def give(database, to, count):
        return assign_random(module=module, database=database, staff=to, count=count, by=admin).batch

    return give


@pytest.fixture
def batch(database, staff, give):
    """Sari's, with five records; seven are left in the pool."""
    return give(database, staff, 5)


@pytest.fixture
def witness(module, batch):
    witness = Witness(module)
    witness.check()
    return witness


@pytest.fixture
def auto_replace(module, owner):
    def auto_replace(most: int) -> None:
        change_settings(module=module, by=owner, auto_replace=True, most_replacements=most)

    return auto_replace


def of(batch, count: int | None = None):
    """The first records of a batch that are assigned."""
    ids = list(batch.records.assigned().order_by("pk").values_list("pk", flat=True)[:count])
    return batch.module.Record.objects.with_ids(ids)


def invalid(records, by, reason="Wrong number"):
    return validate_records(records=records, by=by, validation=Validation.INVALID, reason=reason)


def everything(module) -> list[tuple]:
    return ask(f"SELECT * FROM {module.key}_record ORDER BY id")


def statuses(module) -> dict[str, int]:
    return dict(ask(f"SELECT status, count(*) FROM {module.key}_record GROUP BY 1"))


def pairs(module) -> list[tuple]:
    """Each replacement beside the one whose place it took."""
    return ask(
        f"""
        SELECT n.id, o.id, n.status, o.status, n.batch_id = o.batch_id AND n.database_id = o.database_id
               AND n.assignee_id = o.assignee_id
        FROM {module.key}_record n JOIN {module.key}_record o ON o.id = n.replaces_id ORDER BY n.id
        """
    )


# --- Marking -----------------------------------------------------------------------------------------------


def test_records_are_marked_as_valid_and_as_invalid_with_a_reason(module, batch, staff, witness):
    first, second = of(batch, 2)
    one = module.Record.objects.filter(pk=first.pk)
    assert validate_records(records=one, by=staff, validation=Validation.VALID).count == 1
    assert invalid(module.Record.objects.filter(pk=second.pk), staff, "  Wrong number ").count == 1
    marks = ask(
        "SELECT validation, validation_reason, validated_by_id, validated_at IS NOT NULL, worked_at IS NOT NULL, status"
        f" FROM {module.key}_record WHERE batch_id = %s ORDER BY validation DESC, id",
        batch.pk,
    )
    assert marks == [
        ("valid", "", staff.pk, True, True, "assigned"),
        ("invalid", "Wrong number", staff.pk, True, True, "assigned"),
        *[("", "", None, False, False, "assigned")] * 3,
    ]
    witness.look_and_check()


def test_a_mark_is_changed_and_taken_back(module, batch, staff, witness):
    records = of(batch, 2)
    invalid(records, staff)
    validate_records(records=records, by=staff, validation=Validation.VALID, reason="not needed")
    assert set(records.values_list("validation", "validation_reason")) == {("valid", "")}
    validate_records(records=records, by=staff, validation=None)
    assert set(records.values_list("validation", "validation_reason", "validated_at", "validated_by")) == {
        ("", "", None, None)
    }
    witness.look_and_check()


def test_a_second_click_changes_nothing(module, batch, staff):
    invalid(of(batch, 2), staff)
    before, events = everything(module), ask(f"SELECT count(*) FROM {module.key}_recordevent")
    assert invalid(of(batch, 2), staff).count == 2
    assert everything(module) == before
    assert ask(f"SELECT count(*) FROM {module.key}_recordevent") == events


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_without_a_reason_nothing_is_invalid(module, batch, staff, reason):
    before = everything(module)
    with pytest.raises(Refused, match="Say why"):
        invalid(of(batch), staff, reason)
    assert everything(module) == before


def test_somebody_elses_records_are_left_alone_and_said(module, database, batch, staff, other_staff, give, witness):
    theirs = give(database, other_staff, 2)
    witness.look_and_check()
    done = invalid(module.Record.objects.all(), staff)
    assert (done.count, done.skipped) == (5, 7)
    with pytest.raises(Refused, match="no longer with you"):
        invalid(of(theirs), staff)
    assert not theirs.records.marked_invalid().exists()
    witness.look_and_check()


@pytest.mark.parametrize("module", OTHERS, ids=lambda module: module.key)
@pytest.mark.parametrize("validation", [Validation.VALID, Validation.INVALID, None])
def test_where_records_are_not_validated_none_is(module, batch, staff, validation):
    before = everything(module)
    with pytest.raises(Refused, match="are not validated"):
        validate_records(records=of(batch), by=staff, validation=validation, reason="x")
    assert everything(module) == before


def test_there_are_modules_of_both_kinds():
    assert VALIDATING
    assert OTHERS


# --- The alert of the admins ---------------------------------------------------------------------------------


def alerts() -> set[tuple[str, str]]:
    waiting = Notice.objects.filter(kind=Kind.INVALID_WAITING)
    return {(notice.user.username, notice.about) for notice in waiting.select_related("user")}


def test_admins_are_alerted_once_and_no_longer_than_something_waits(module, batch, staff, admin, owner):
    both = {
        (admin.username, f"invalid/{module.key}/{staff.pk}/"),
        (owner.username, f"invalid/{module.key}/{staff.pk}/"),
    }
    first, second = of(batch, 2)
    for record in (first, second):
        invalid(module.Record.objects.filter(pk=record.pk), staff)
        assert alerts() == both
    assert Notice.objects.filter(kind=Kind.INVALID_WAITING).count() == 2
    replace_invalid(records=module.Record.objects.filter(pk=first.pk), by=admin)
    assert alerts() == both, "one still waits"
    archive_invalid(records=module.Record.objects.filter(pk=second.pk), by=admin)
    assert alerts() == set()


@pytest.mark.parametrize("how", ["taken back", "recalled", "transferred"])
def test_the_alert_goes_when_the_records_do(module, batch, staff, other_staff, admin, how):
    invalid(of(batch, 2), staff)
    if how == "taken back":
        validate_records(records=of(batch), by=staff, validation=None)
    elif how == "recalled":
        recall_records(records=of(batch), by=admin)
    else:
        transfer_records(records=of(batch), to=other_staff, by=admin)
    holder = other_staff if how == "transferred" else None
    assert alerts() == ({(admin.username, f"invalid/{module.key}/{holder.pk}/")} if holder else set())


# --- Replacing by itself -----------------------------------------------------------------------------------


def test_nothing_is_replaced_where_the_owner_has_not_said_so(module, batch, staff, witness):
    assert not settings_of(module).auto_replace
    assert invalid(of(batch, 2), staff).replacement is None
    assert statuses(module) == {"assigned": 5, "available": 7}
    witness.look_and_check()


def test_an_invalid_record_is_archived_and_replaced_at_once(module, database, batch, staff, auto_replace, witness):
    auto_replace(5)
    records = of(batch, 2)
    ids = set(records.values_list("pk", flat=True))
    done = invalid(records, staff)
    assert (done.count, done.replacement.replaced, done.replacement.waiting) == (2, 2, 0)
    witness.look_and_check()
    assert statuses(module) == {"assigned": 5, "archived": 2, "available": 5}
    found = pairs(module)
    assert {old for _new, old, *_rest in found} == ids
    assert [rest for _new, _old, *rest in found] == [["assigned", "archived", True]] * 2
    assert set(records.values_list("archive_reason", "archived_by", "validation")) == {
        ("Wrong number", staff.pk, "invalid")
    }
    batch.refresh_from_db()
    assert (batch.received_count, batch.current_count, batch.archived_count, batch.left_count) == (7, 5, 2, 0)
    assert not Notice.objects.filter(kind=Kind.INVALID_WAITING).exists()


def test_a_valid_record_is_not_replaced(module, batch, staff, auto_replace):
    auto_replace(5)
    done = validate_records(records=of(batch), by=staff, validation=Validation.VALID)
    assert done.replacement is None
    assert statuses(module) == {"assigned": 5, "available": 7}


@pytest.mark.parametrize(("most", "replaced"), [(0, 0), (1, 1), (3, 3), (4, 4)])
def test_at_once_no_more_are_replaced_than_the_limit_of_the_batch(
    module, batch, staff, auto_replace, admin, witness, most, replaced
):
    auto_replace(most)
    done = invalid(of(batch, 4), staff)
    assert (done.replacement.replaced, done.replacement.waiting) == (replaced, 4 - replaced)
    witness.look_and_check()
    assert len(pairs(module)) == replaced
    assert bool(alerts()) == (replaced < 4), "what waits is told"


def test_the_limit_counts_what_was_replaced_before_one_by_one(module, batch, staff, auto_replace, witness):
    auto_replace(2)
    replaced = [invalid(of(batch, 1), staff).replacement.replaced for _ in range(2)]
    assert replaced == [1, 1]
    first = module.Record.objects.filter(pk=of(batch).order_by("pk").first().pk)
    assert invalid(first, staff).replacement.waiting == 1
    witness.look_and_check()
    assert statuses(module) == {"assigned": 5, "archived": 2, "available": 5}


def test_an_admin_replaces_beyond_the_limit(module, batch, staff, admin, auto_replace, witness):
    auto_replace(1)
    invalid(of(batch, 3), staff)
    witness.look_and_check()
    done = replace_invalid(records=batch.records.all(), by=admin)
    assert (done.replaced, done.waiting) == (2, 0)
    witness.look_and_check()
    assert len(pairs(module)) == 3
    assert alerts() == set()


def test_each_batch_has_its_own_limit_and_its_own_database(
    module, make, database, batch, staff, give, auto_replace, witness
):
    other = make.database()
    fill(other, 6)
    witness.look()
    batches = [batch, give(database, staff, 3), give(other, staff, 4)]
    witness.look_and_check()
    auto_replace(2)
    done = invalid(module.Record.objects.held_by(staff), staff)
    # Of 5, 3 and 4: two each, and the databases have 4 and 2 left.
    assert (done.replacement.replaced, done.replacement.waiting) == (6, 6)
    witness.look_and_check()
    archived = dict(ask(f"SELECT batch_id, count(*) FROM {module.key}_record WHERE status = 'archived' GROUP BY 1"))
    assert archived == {each.pk: 2 for each in batches}
    assert all(same for *_rest, same in pairs(module))


def test_a_pool_that_runs_short_replaces_what_it_can_and_the_rest_waits(
    module, make, staff, admin, owner, give, auto_replace, witness
):
    small = make.database()
    fill(small, 6)
    witness.look()
    batch = give(small, staff, 4)
    auto_replace(9)
    witness.look()
    done = invalid(of(batch), staff)
    assert (done.count, done.replacement.replaced, done.replacement.waiting) == (4, 2, 2)
    witness.look_and_check()
    assert batch.records.marked_invalid().count() == 2
    assert batch.records.archived().count() == 2
    assert alerts() == {(each.username, f"invalid/{module.key}/{staff.pk}/") for each in (admin, owner)}


def test_nothing_is_drawn_from_a_database_that_is_archived(module, database, batch, staff, admin, auto_replace):
    auto_replace(9)
    archive_database(database=database, by=admin)
    assert invalid(of(batch, 2), staff).replacement.waiting == 2
    before = everything(module)
    with pytest.raises(Refused, match="no record left to replace them"):
        replace_invalid(records=batch.records.all(), by=admin)
    assert everything(module) == before
    assert archive_invalid(records=batch.records.all(), by=admin).count == 2


def test_what_is_invalid_already_is_replaced_when_it_is_marked_again(module, batch, staff, auto_replace, witness):
    invalid(of(batch, 2), staff)
    auto_replace(9)
    assert invalid(of(batch, 2), staff).replacement.replaced == 2
    witness.look_and_check()


# --- What admins do ------------------------------------------------------------------------------------------


def test_replacing_is_one_for_one_in_the_same_batch(module, database, batch, staff, other_staff, give, admin, witness):
    theirs = give(database, other_staff, 3)
    witness.look()
    for each, by in ((batch, staff), (theirs, other_staff)):
        invalid(of(each, 2), by)
    witness.look_and_check()
    done = replace_invalid(records=module.Record.objects.all(), by=admin)
    assert (done.replaced, done.waiting) == (4, 0)
    witness.look_and_check()
    assert [rest for _new, _old, *rest in pairs(module)] == [["assigned", "archived", True]] * 4
    assert (batch.records.assigned().count(), theirs.records.assigned().count()) == (5, 3)
    assert set(module.Record.objects.archived().values_list("archived_by", "archive_reason")) == {
        (admin.pk, "Wrong number")
    }
    told = Notice.objects.filter(kind=Kind.INVALID_ANSWERED).values_list("user__username", "text", "url")
    assert sorted(told) == [
        (person.username, f"Adam Admin replaced 2 invalid records of {each}.", each.get_absolute_url())
        for person, each in ((staff, batch), (other_staff, theirs))
    ]


def test_only_what_waits_as_invalid_is_replaced_or_archived(module, batch, staff, admin):
    invalid(of(batch, 1), staff)
    assert replace_invalid(records=batch.records.all(), by=admin).replaced == 1
    before = everything(module)
    for service in (replace_invalid, archive_invalid):
        with pytest.raises(Refused, match="None of these records waits as invalid"):
            service(records=batch.records.all(), by=admin)
    assert everything(module) == before


def test_replacing_more_than_the_pool_has_says_how_many_wait(module, make, staff, admin, give, witness):
    small = make.database()
    fill(small, 5)
    witness.look()
    batch = give(small, staff, 4)
    witness.look()
    invalid(of(batch), staff)
    done = replace_invalid(records=batch.records.all(), by=admin)
    assert (done.replaced, done.waiting) == (1, 3)
    witness.look_and_check()
    with pytest.raises(Refused, match="no record left to replace them"):
        replace_invalid(records=batch.records.all(), by=admin)
    assert batch.records.marked_invalid().count() == 3


def test_a_replacement_is_itself_replaced(module, batch, staff, admin, witness):
    chain = []
    record = of(batch, 1)
    for _ in range(3):
        invalid(record, staff)
        replace_invalid(records=record, by=admin)
        witness.look_and_check()
        [(new, old)] = module.Record.objects.filter(replaces__in=record).values_list("pk", "replaces")
        chain.append((new, old))
        record = module.Record.objects.filter(pk=new)
    assert [new for new, _old in chain[:-1]] == [old for _new, old in chain[1:]]
    batch.refresh_from_db()
    assert (batch.current_count, batch.archived_count, batch.received_count) == (5, 3, 8)


def test_archiving_takes_them_out_without_replacement(module, batch, staff, admin, witness):
    invalid(of(batch, 2), staff, "Deceased")
    assert archive_invalid(records=module.Record.objects.all(), by=admin).count == 2
    witness.look_and_check()
    assert statuses(module) == {"assigned": 3, "archived": 2, "available": 7}
    assert set(batch.records.archived().values_list("archive_reason", "archived_by", "assignee")) == {
        ("Deceased", admin.pk, staff.pk)
    }
    assert pairs(module) == []
    assert Notice.objects.get(kind=Kind.INVALID_ANSWERED).text == f"Adam Admin archived 2 invalid records of {batch}."


# --- The archive ---------------------------------------------------------------------------------------------


@pytest.fixture
def replaced(module, batch, staff, admin, witness):
    """An archived record and the one that took its place."""
    record = of(batch, 1)
    invalid(record, staff)
    replace_invalid(records=record, by=admin)
    witness.look_and_check()
    return record, module.Record.objects.filter(replaces__in=record)


def test_a_restored_record_is_in_the_pool_and_clean_and_its_replacement_stays(module, batch, admin, replaced, witness):
    old, new = replaced
    [stays] = new.values_list("pk", flat=True)
    assert restore_archived(records=old, by=admin) == 1
    witness.look_and_check()
    row = old.values().get()
    assert row["status"] == "available"
    assert {name: row[name] for name in ("assignee_id", "batch_id", "archived_at", "archive_reason", "validation")} == {
        "assignee_id": None,
        "batch_id": None,
        "archived_at": None,
        "archive_reason": "",
        "validation": "",
    }
    kept = module.Record.objects.get(pk=stays)
    assert (kept.status, kept.batch, kept.replaces) == ("assigned", batch, None)
    batch.refresh_from_db()
    assert (batch.current_count, batch.archived_count, batch.left_count, batch.received_count) == (5, 0, 1, 6)


def test_a_purged_record_is_gone_for_good_and_its_replacement_stays(module, database, batch, admin, replaced, witness):
    old, _new = replaced
    [gone], [stays] = (list(each.values_list("pk", flat=True)) for each in replaced)
    assert purge_archived(records=old, by=admin) == 1
    witness.look_and_check()
    assert not module.Record.objects.filter(pk=gone).exists()
    assert module.Record.objects.get(pk=stays).replaces is None
    database.refresh_from_db()
    assert (database.imported_count, database.record_count, database.purged_count) == (12, 11, 1)
    events = ask(
        "SELECT e.pgh_label, c.metadata ->> 'operation', (c.metadata ->> 'user')::bigint"
        f" FROM {module.key}_recordevent e"
        " JOIN pghistory_context c ON c.id = e.pgh_context_id WHERE e.pgh_obj_id = %s ORDER BY e.pgh_id DESC LIMIT 1",
        gone,
    )
    assert events == [("delete", "records.purge", admin.pk)]


@pytest.mark.parametrize("service", [restore_archived, purge_archived])
def test_only_archived_records_are_restored_or_purged(module, batch, admin, replaced, service):
    assert service(records=module.Record.objects.all(), by=admin) == 1
    before = everything(module)
    with pytest.raises(Refused, match="None of these records is archived any more"):
        service(records=module.Record.objects.all(), by=admin)
    assert everything(module) == before


@pytest.mark.parametrize("service", [restore_archived, purge_archived])
def test_a_whole_chain_of_replacements_goes_at_once(module, batch, staff, admin, witness, service):
    for _ in range(3):
        newest = batch.records.assigned().order_by("-assigned_at", "-pk")[:1]
        invalid(module.Record.objects.with_ids(newest.values_list("pk", flat=True)), staff)
        replace_invalid(records=batch.records.all(), by=admin)
        witness.look_and_check()
    assert service(records=module.Record.objects.archived(), by=admin) == 3
    witness.look_and_check()
    assert pairs(module) == []
    assert statuses(module).get("archived", 0) == 0
    assert batch.records.assigned().count() == 5


def test_a_restored_record_can_be_handed_out_marked_and_replaced_again(
    module, database, staff, give, admin, replaced, witness
):
    old, _new = replaced
    restore_archived(records=old, by=admin)
    witness.look()
    again = give(database, staff, 7)
    witness.look_and_check()
    assert old.get().batch == again
    fill(database, 1)
    witness.look()
    invalid(old, staff)
    assert replace_invalid(records=old, by=admin).replaced == 1
    witness.look_and_check()


def test_whose_original_is_restored_is_a_replacement_no_more_and_does_not_count_against_the_limit(
    module, batch, staff, admin, auto_replace
):
    auto_replace(2)
    invalid(of(batch, 2), staff)
    assert len(pairs(module)) == 2
    restore_archived(records=module.Record.objects.archived(), by=admin)
    assert invalid(of(batch, 3), staff).replacement.replaced == 2


# --- Many ----------------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_records(module, make, staff, admin, auto_replace):
    auto_replace(1000)
    found = []
    for count in (3, 150):
        database = make.database()
        fill(database, 2 * count)
        batch = assign_random(module=module, database=database, staff=staff, count=count, by=admin).batch
        counts = []
        for action in (
            lambda batch=batch: validate_records(records=of(batch), by=staff, validation=Validation.VALID),
            lambda batch=batch: invalid(of(batch), staff),
            lambda batch=batch: restore_archived(records=batch.records.all(), by=admin),
        ):
            with CaptureQueriesContext(connection) as captured:
                action()
            counts.append(len(captured))
        found.append(counts)
    assert found[0] == found[1]
