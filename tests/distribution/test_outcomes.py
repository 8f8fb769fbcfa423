"""Work done: it stays theirs who did it, on the day on which they did it, whoever has the record afterwards."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pgtrigger
import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from crm.accounts.services import change_role
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.models import OutcomeLine, Validation
from crm.distribution.outcomes import Done, done_of, fill_from_history
from crm.distribution.settings import change_settings
from crm.distribution.undo import undo
from crm.distribution.validation import archive_invalid, purge_archived, replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.registry import modules
from tests.conftest import browser_of
from tests.distribution.sql import ask, refused, run
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db

validating = pytest.mark.parametrize(
    "module", [module for module in modules() if module.policy.validates], ids=lambda module: module.key
)


@pytest.fixture
def database(make):
    database = make.database(name="Maret")
    fill(database, 12)
    return database


@pytest.fixture
def batch(module, database, staff, admin):
    return assign_random(module=module, database=database, staff=staff, count=5, by=admin).batch


@pytest.fixture
def mine(module, batch):
    """Five records that are with Sari, and stay the ones that are meant wherever they go."""
    return module.Record.objects.with_ids(list(batch.records.values_list("pk", flat=True)))


def first(records, count):
    return records.model.objects.with_ids(list(records.order_by("pk").values_list("pk", flat=True)[:count]))


def done(user, module) -> tuple[int, int]:
    """Worked and said yes today, as the figures have it; the rows that they list are as many."""
    found = done_of(user, module, timezone.localdate())
    lines = found.lines()
    assert lines.worked_on(found.day).count() == found.worked
    return found.worked, found.said_yes


def lines() -> list[tuple]:
    columns = "module, record_id, staff_id, what, value, at, operation"
    return ask(f"SELECT {columns} FROM distribution_outcomeline ORDER BY 1, 2, 7, 4")


def as_the_history_tells(module) -> None:
    """The table is what the migration would make of the history."""
    kept = lines()
    OutcomeLine.objects.filter(module=module.key).delete()
    fill_from_history(module.key)(None, None)
    assert lines() == kept


def test_each_thing_that_is_noted_is_a_line_of_who_noted_it(module, mine, staff):
    one = first(mine, 1)
    note_outcome(
        records=one, by=staff, reach="reachable", response="yes", note="tea", follow_up_on=timezone.localdate()
    )
    note_outcome(records=one, by=staff, reach="reachable", note="coffee")
    note_outcome(records=one, by=staff, reach="reachable", response="yes", note="coffee")
    [pk] = one.values_list("pk", flat=True)
    found = ask("SELECT module, record_id, staff_id, what, value FROM distribution_outcomeline ORDER BY id")
    assert [each[:3] for each in found] == [(module.key, pk, staff.pk)] * 5
    first_click = {("reach", "reachable"), ("response", "yes"), ("note", "noted")}
    assert {each[3:] for each in found[:4]} == first_click | {("follow_up", timezone.localdate().isoformat())}
    assert found[4][3:] == ("note", "noted"), "and what was so already is no work"
    as_the_history_tells(module)


@pytest.mark.parametrize("away", ["transfer", "recall", "leave", "leave and transfer"])
def test_nobody_gains_or_loses_what_was_done_when_records_move(module, mine, staff, other_staff, admin, away):
    note_outcome(records=first(mine, 3), by=staff, reach="reachable", response="yes")
    if away == "transfer":
        transfer_records(records=mine, to=other_staff, by=admin)
    elif away == "recall":
        recall_records(records=mine, by=admin)
    else:
        deactivate_with_records(person=staff, by=admin, to=[other_staff] if away == "leave and transfer" else [])
    assert done(staff, module) == (3, 3)
    assert done(other_staff, module) == (0, 0)
    as_the_history_tells(module)


def test_who_has_it_next_has_the_credit_for_what_they_do_themselves(module, mine, staff, other_staff, admin):
    note_outcome(records=first(mine, 2), by=staff, response="no")
    transfer_records(records=mine, to=other_staff, by=admin)
    note_outcome(records=first(mine, 1), by=other_staff, response="yes")
    assert (done(staff, module), done(other_staff, module)) == ((2, 0), (1, 1))
    assert done_of(None, module, timezone.localdate()).worked == 3
    as_the_history_tells(module)


def test_a_customer_who_changes_their_mind_counts_as_they_said_last(module, mine, staff):
    note_outcome(records=first(mine, 2), by=staff, response="yes")
    note_outcome(records=first(mine, 1), by=staff, response="no")
    assert done(staff, module) == (2, 1)


def test_an_undo_takes_its_own_lines_back(module, mine, staff):
    note_outcome(records=first(mine, 3), by=staff, reach="one_tick")
    kept = lines()
    noted = note_outcome(records=mine, by=staff, reach="reachable", response="yes")
    assert done(staff, module) == (5, 5)
    undo(key=noted.undo, by=staff)
    assert lines() == kept
    assert done(staff, module) == (3, 0)
    as_the_history_tells(module)


def test_what_was_changed_since_keeps_its_lines_when_the_rest_is_taken_back(module, mine, staff):
    noted = note_outcome(records=mine, by=staff, response="yes")
    note_outcome(records=first(mine, 2), by=staff, note="later")
    undo(key=noted.undo, by=staff)
    assert done(staff, module) == (2, 2)
    as_the_history_tells(module)


def test_an_undone_recall_changes_nothing_of_what_was_done(module, mine, staff, admin):
    note_outcome(records=mine, by=staff, response="yes")
    recalled = recall_records(records=mine, by=admin)
    undo(key=recalled.undo, by=admin)
    assert done(staff, module) == (5, 5)
    as_the_history_tells(module)


@validating
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by an admin"])
def test_a_replacement_moves_no_credit(module, mine, staff, admin, owner, at_once):
    change_settings(module=module, by=owner, auto_replace=at_once)
    validate_records(records=first(mine, 2), by=staff, validation=Validation.INVALID, reason="Wrong number")
    if not at_once:
        replace_invalid(records=mine, by=admin)
    assert mine.archived().count() == 2
    assert done(staff, module) == (2, 0)
    assert [(what, value) for _key, _record, _who, what, value, *_ in lines()] == [("validation", "invalid")] * 2
    as_the_history_tells(module)


@validating
def test_what_was_deleted_for_good_was_worked_all_the_same(module, mine, staff, admin, owner):
    change_settings(module=module, by=owner, auto_replace=False)
    validate_records(records=first(mine, 1), by=staff, validation=Validation.INVALID, reason="Wrong number")
    archive_invalid(records=mine, by=admin)
    purge_archived(records=mine.archived(), by=admin)
    assert done(staff, module) == (1, 0)
    page = browser_of(staff).get(reverse("work_done")).content.decode()
    assert "deleted" in page
    as_the_history_tells(module)


@pytest.mark.parametrize(("before_midnight", "today"), [(timedelta(0), 3), (timedelta(seconds=1), 0)])
def test_a_day_begins_at_midnight_in_the_zone_of_the_team(module, mine, staff, before_midnight, today):
    note_outcome(records=first(mine, 3), by=staff, response="yes")
    midnight = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Jakarta"))
    with pgtrigger.ignore():
        run("UPDATE distribution_outcomeline SET at = %s", midnight - before_midnight)
    with time_machine.travel(midnight + timedelta(hours=12), tick=False):
        assert done(staff, module) == (today, today)


def test_a_line_is_final(module, mine, staff):
    note_outcome(records=mine, by=staff, response="yes")
    with refused("cannot be changed"):
        run("UPDATE distribution_outcomeline SET value = 'no'")
    with refused("outcome_line_once"):
        run(
            "INSERT INTO distribution_outcomeline (module, record_id, staff_id, what, value, operation)"
            " SELECT module, record_id, staff_id, what, value, operation FROM distribution_outcomeline"
        )


def test_what_nobody_of_the_team_noted_is_said_by_the_migration(module, mine, staff, capsys):
    note_outcome(records=first(mine, 3), by=staff, response="yes")
    run("SELECT set_config('pghistory.context_id', '', true)")  # as in another transaction
    run(
        f"UPDATE \"{module.key}_record\" SET reach = 'reachable', worked_at = now() WHERE id = %s",
        mine.order_by("-pk").values_list("pk", flat=True)[0],
    )
    OutcomeLine.objects.all().delete()
    fill_from_history(module.key)(None, None)
    assert f"{module.key}: 3 lines of work done" in capsys.readouterr().out
    assert done(staff, module) == (3, 3)


# --- The page --------------------------------------------------------------------------------------------


def test_the_page_lists_what_the_number_counts(module, mine, staff, other_staff, admin, desk):
    note_outcome(records=first(mine, 3), by=staff, reach="reachable", response="yes", note="tea")
    note_outcome(records=first(mine, 1), by=staff, response="no")
    transfer_records(records=mine, to=other_staff, by=admin)
    for what, count in (("worked", 3), ("said_yes", 2)):
        query = f"?staff={staff.pk}&day={timezone.localdate()}&module={module.key}&what={what}"
        for client in (desk, browser_of(staff)):
            page = client.get(reverse("work_done") + query).content.decode()
            assert page.count('<th scope="row">') == count
            assert f'data-figure="{module.key}.done.{what}"' in page
    assert "Reachable (ada), said no, note saved" in desk.get(reverse("work_done")).content.decode()


def test_staff_see_their_own_and_open_only_what_is_with_them(module, mine, staff, other_staff, admin):
    note_outcome(records=first(mine, 2), by=staff, response="yes")
    transfer_records(records=first(mine, 1), to=other_staff, by=admin)
    page = browser_of(staff).get(reverse("work_done")).content.decode()
    assert page.count("not with you any more") == 1
    assert page.count('<th scope="row">') == 2
    other = browser_of(other_staff)
    assert other.get(reverse("work_done")).content.decode().count('<th scope="row">') == 0
    assert other.get(reverse("work_done"), {"staff": staff.pk}).status_code == 404


@pytest.mark.parametrize(
    "query", ["day=soon", "what=nothing", "module=nothing", "staff=x", "staff=99999999999999999999"]
)
def test_what_there_is_not_is_not_found(desk, query):
    assert desk.get(f"{reverse('work_done')}?{query}").status_code == 404


def test_what_was_done_is_listed_whatever_they_are_now(module, mine, staff, desk, owner, admin):
    note_outcome(records=first(mine, 2), by=staff, response="yes")
    recall_records(records=mine, by=admin)
    change_role(person=staff, role="admin", by=owner)
    page = desk.get(reverse("work_done"), {"staff": staff.pk}).content.decode()
    assert page.count('<th scope="row">') == 2


def test_yesterday_is_listed_by_its_day(module, mine, staff, desk):
    note_outcome(records=first(mine, 2), by=staff, response="yes")
    with pgtrigger.ignore():
        run("UPDATE distribution_outcomeline SET at = at - interval '1 day'")
    assert 'scope="row"' not in desk.get(reverse("work_done")).content.decode()
    yesterday = timezone.localdate() - timedelta(days=1)
    page = desk.get(reverse("work_done"), {"day": yesterday.isoformat()}).content.decode()
    assert page.count('<th scope="row">') == 2
    assert Done(staff, module, yesterday, 0, 0).lines().worked_on(yesterday).count() == 2
