"""A staff member's first page."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pgtrigger
import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.accounts.services import A_LOOK
from crm.distribution.assignment import assign_random, transfer_records
from crm.distribution.models import OutcomeLine, Validation
from crm.distribution.validation import archive_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.notices.models import Kind
from crm.registry import get_module, modules
from records.requests import request_records
from tests.factories.distribution import factories_of, fill
from tests.factories.notices import NoticeFactory
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db

FIGURE = re.compile(r'data-figure="([^"]+)" data-object="[^"]*" data-value="(\d+)"')
NOON = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo(settings.TIME_ZONE))
MODULES = list(modules())


def database_of(module, count=20):
    database = factories_of(module).database()
    fill(database, count)
    return database


def hand_over(module, staff, admin, count=5, *, batch=None):
    """Into that batch or a new one, at the time that the test travelled to: PostgreSQL has a clock of its own."""
    before = list(batch.records.values_list("pk", flat=True)) if batch else []
    database = batch.database if batch else database_of(module)
    batch = assign_random(module=module, database=database, staff=staff, count=count, by=admin, batch=batch).batch
    batch.records.exclude(pk__in=before).update(assigned_at=timezone.now())
    return batch


def page(client) -> str:
    answer = client.get(reverse("today"))
    assert answer.status_code == 200
    return answer.content.decode()


def figures_on(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in FIGURE.findall(text)}


def part(text: str, heading: str) -> str:
    """The card with that id of its heading; empty where there is none."""
    found = re.search(rf'<section[^>]*aria-labelledby="{heading}".*?</section>', text, re.DOTALL)
    return found[0] if found else ""


def worked(module, staff, count=1, **outcome):
    """Notes the outcome on so many of the records that nothing has been noted on."""
    to_do = module.Record.objects.held_by(staff).in_state("to_do").order_by("pk")
    records = module.Record.objects.with_ids(list(to_do.values_list("pk", flat=True)[:count]))
    note_outcome(records=records, by=staff, **outcome)
    return records


def test_everybody_begins_on_their_own_first_page(sign_in, staff, admin, owner):
    for person, name in ((staff, "today"), (admin, "overview"), (owner, "overview")):
        assert sign_in(person).get("/")["Location"] == reverse(name)


def test_who_has_nothing_yet_reads_what_will_come(sign_in, staff):
    text = page(sign_in(staff))
    assert "Nothing is with you yet" in text
    assert reverse("my_requests") in text


def test_what_was_handed_out_since_the_last_look_is_new(sign_in, staff, admin):
    client, module = sign_in(staff), MODULES[0]
    with time_machine.travel(NOON, tick=False) as clock:
        first = hand_over(module, staff, admin)
        assert first.get_absolute_url() in part(page(client), "new-title"), "everything is new to a newcomer"
        clock.shift(timedelta(hours=1))
        assert part(page(client), "new-title") == ""
        clock.shift(timedelta(hours=1))
        second = hand_over(MODULES[1], staff, admin)
        clock.shift(timedelta(minutes=1))
        new = part(page(client), "new-title")
        assert second.get_absolute_url() in new
        assert first.get_absolute_url() not in new
        clock.shift(A_LOOK)
        assert second.get_absolute_url() in part(page(client), "new-title"), "within half an hour it is the same look"
        clock.shift(timedelta(seconds=1))
        assert part(page(client), "new-title") == ""


def test_records_that_came_into_an_old_batch_are_new_too(sign_in, staff, admin):
    module = next(each for each in MODULES if each.policy.assigns_into_existing_batch)
    client = sign_in(staff)
    with time_machine.travel(NOON, tick=False) as clock:
        batch = hand_over(module, staff, admin)
        page(client)
        clock.shift(timedelta(hours=1))
        assert part(page(client), "new-title") == ""
        clock.shift(timedelta(hours=1))
        hand_over(module, staff, admin, batch=batch)
        clock.shift(timedelta(minutes=1))
        assert batch.get_absolute_url() in part(page(client), "new-title")


def test_it_continues_with_the_batch_last_worked_in_of_any_module(sign_in, staff, admin):
    client = sign_in(staff)
    batches = {module: hand_over(module, staff, admin) for module in MODULES}
    assert part(page(client), "continue-title") == ""
    for module in (MODULES[1], MODULES[0], MODULES[2]):
        worked(module, staff, reach="reachable")
        card = part(page(client), "continue-title")
        assert reverse("continue_batch", args=[module, batches[module].pk]) in card
        assert figures_on(card) == {f"{module.key}.batch.to_do": 4, f"{module.key}.batch.current": 5}


def test_a_batch_without_anything_to_do_is_not_continued_nor_one_that_somebody_else_worked(
    sign_in, staff, other_staff, admin
):
    client, module = sign_in(staff), MODULES[2]
    first, second = (hand_over(module, staff, admin, 2) for _number in range(2))
    own = reverse("my_records", args=[module])
    for batch in (first, second):
        note_outcome(records=module.Record.objects.with_ids([batch.records.first().pk]), by=staff, reach="reachable")
        with pgtrigger.ignore():
            batch.records.exclude(worked_at=None).update(worked_at=timezone.now() + timedelta(minutes=batch.pk))
    there = [reverse("continue_batch", args=[module, batch.pk]) for batch in (first, second)]
    assert there[1] in part(page(client), "continue-title")
    assert there[1] in client.get(own).content.decode()

    note_outcome(records=module.Record.objects.filter(batch=second, worked_at=None), by=staff, reach="one_tick")
    for text in (part(page(client), "continue-title"), client.get(own).content.decode()):
        assert there[0] in text, "in the second one nothing is left to do"

    theirs = hand_over(module, other_staff, admin, 2)
    note_outcome(records=module.Record.objects.filter(batch=theirs), by=other_staff, note="tea")
    with pgtrigger.ignore():
        theirs.records.update(worked_at=timezone.now() - timedelta(hours=1))
    moved = transfer_records(records=module.Record.objects.filter(batch=theirs), to=staff, by=admin).batches[0]
    assert reverse("continue_batch", args=[module, moved.pk]) not in part(page(client), "continue-title")


def test_only_what_has_something_to_do_is_listed(sign_in, staff, admin):
    client, module = sign_in(staff), MODULES[0]
    hand_over(module, staff, admin, 3)
    today = timezone.localdate()
    worked(module, staff, reach="reachable", follow_up_on=today)
    assert figures_on(part(page(client), "to-do-title")) == {"follow_ups.due_today": 1, f"{module.key}.mine.to_do": 2}
    worked(module, staff, 2, reach="one_tick", follow_up_on=today - timedelta(days=1))
    assert figures_on(part(page(client), "to-do-title")) == {"follow_ups.overdue": 2, "follow_ups.due_today": 1}


def test_who_has_done_everything_reads_so(sign_in, staff, admin):
    client, module = sign_in(staff), MODULES[0]
    hand_over(module, staff, admin, 2)
    worked(module, staff, 2, reach="one_tick")
    text = page(client)
    assert part(text, "to-do-title") == ""
    assert "You are done" in text


def test_invalid_records_wait_with_the_admins_until_they_answer(sign_in, staff, admin):
    client, module = sign_in(staff), get_module("bonanza")
    hand_over(module, staff, admin)
    records = worked(module, staff, 2, reach="unreachable")
    validate_records(records=records, by=staff, validation=Validation.INVALID, reason="Wrong number")
    assert figures_on(part(page(client), "admins-title")) == {"bonanza.mine.marked_invalid": 2}
    archive_invalid(records=module.Record.objects.all(), by=admin)
    card = part(page(client), "admins-title")
    assert "2 invalid records" in card
    assert figures_on(card) == {}
    notice = staff.notices.get(kind=Kind.INVALID_ANSWERED)
    client.post(reverse("notice_open", args=[notice.pk]))
    assert part(page(client), "admins-title") == ""


def test_notifications_of_other_kinds_and_of_other_people_are_no_answers(sign_in, staff, other_staff, admin):
    hand_over(MODULES[0], staff, admin)
    NoticeFactory(user=staff, text="Other kind")
    NoticeFactory(user=other_staff, kind=Kind.INVALID_ANSWERED, text="Of somebody else")
    assert part(page(sign_in(staff)), "admins-title") == ""


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_a_reservation_took_is_named_in_each_module(sign_in, staff, admin, module):
    batch = hand_over(module, staff, admin)
    take(batch.records.first())
    assert figures_on(part(page(sign_in(staff)), "admins-title")) == {f"{module.key}.mine.conflict": 1}


def test_a_request_that_waits_is_shown_to_who_made_it(sign_in, staff, other_staff, admin):
    database = database_of(get_module("records"))
    hand_over(MODULES[0], other_staff, admin)
    request_records(database=database, quantity=3, by=staff)
    assert figures_on(part(page(sign_in(staff)), "admins-title")) == {"requests.mine": 1}
    assert part(page(sign_in(other_staff)), "admins-title") == ""


def test_progress_begins_anew_at_midnight_in_the_zone_of_the_team(sign_in, staff, admin):
    client, module = sign_in(staff), MODULES[0]
    hand_over(module, staff, admin)
    records = worked(module, staff, 2, reach="reachable", response="yes")
    midnight = NOON.replace(hour=0)
    names = (f"{module.key}.done.worked", f"{module.key}.done.said_yes")
    for moment, count in ((midnight, 2), (midnight - timedelta(seconds=1), 0)):
        with pgtrigger.ignore():
            OutcomeLine.objects.update(at=moment)
        with time_machine.travel(NOON, tick=False):
            shown = figures_on(part(page(client), "progress-title"))
        assert [shown[name] for name in names] == [count, count], moment
    assert records.count() == 2


def test_the_number_of_queries_does_not_grow_with_what_is_there(sign_in, staff, admin):
    client = sign_in(staff)

    def grow(times):
        for module in MODULES:
            for _ in range(times):
                hand_over(module, staff, admin, 4)
            worked(module, staff, times, reach="reachable", follow_up_on=timezone.localdate())
        NoticeFactory.create_batch(times, user=staff, kind=Kind.INVALID_ANSWERED)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client)
        return len(captured)

    grow(1)
    page(client)
    few = queries()
    grow(6)
    assert queries() == few
    assert few < 40
