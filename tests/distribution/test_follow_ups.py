"""Follow-ups: which records come up when, and the page on which they are worked."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.distribution.holdings import FOLLOW_UPS, work_of
from crm.figures import get_figure
from crm.registry import modules
from tests.factories.distribution import factories_of

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo(settings.TIME_ZONE)
DAY = date(2026, 3, 10)
LAST_MOMENT = timedelta(days=1) - timedelta(microseconds=1)


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """That time of the day in the team's zone."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)


def held(module, staff, count=1, **fields):
    """Records that are with the person, in one batch; last worked when the customer responded."""
    fields = {"worked_at": fields.get("responded_at", timezone.now()), **fields}
    make = factories_of(module)
    batch = make.batch(staff=staff)
    return make.record.create_batch(count, assigned=True, database=batch.database, batch=batch, **fields)


def states(module, staff) -> dict[str, int]:
    [holding] = [each for each in work_of(staff).holdings if each.module == module]
    return {state: holding.states[state] for state in FOLLOW_UPS}


def only(state: str) -> dict[str, int]:
    return {each: int(each == state) for each in FOLLOW_UPS}


def listed(client, state: str) -> list[str]:
    """The customers of the page, in its order."""
    text = client.get(reverse("follow_ups"), {"state": state}).content.decode()
    return re.findall(r'class="cell-main" href="[^"]*" dir="auto">([^<]*)<', text)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (at(DAY) - timedelta(seconds=1), "upcoming"),
        (at(DAY), "due_today"),
        (at(DAY) + LAST_MOMENT, "due_today"),
        (at(DAY + timedelta(days=1)), "overdue"),
    ],
)
def test_a_follow_up_is_due_from_midnight_to_midnight_in_the_zone_of_the_team(module, staff, now, state):
    held(module, staff, follow_up_on=DAY)
    with time_machine.travel(now, tick=False):
        assert states(module, staff) == only(state)


@pytest.mark.parametrize("days", [1, 3, 7])
@pytest.mark.parametrize("said", [at(DAY), at(DAY) + LAST_MOMENT])
@pytest.mark.parametrize("hour", [0, 23])
def test_who_said_yes_one_three_or_seven_days_ago_is_to_be_checked_back(module, staff, days, said, hour):
    held(module, staff, response="yes", responded_at=said)
    with time_machine.travel(at(DAY + timedelta(days=days), hour), tick=False):
        assert states(module, staff) == only("check_back")


@pytest.mark.parametrize("days", [0, 2, 4, 6, 8])
def test_who_said_yes_on_another_day_is_not(module, staff, days):
    held(module, staff, response="yes", responded_at=at(DAY, 12))
    with time_machine.travel(at(DAY + timedelta(days=days), 12), tick=False):
        assert states(module, staff)["check_back"] == 0


def test_who_said_no_or_has_a_follow_up_date_is_not_checked_back(module, staff):
    yesterday = timezone.now() - timedelta(days=1)
    held(module, staff, response="no", responded_at=yesterday)
    held(module, staff, response="yes", responded_at=yesterday, follow_up_on=timezone.localdate() + timedelta(days=2))
    assert states(module, staff) == only("upcoming")


def test_who_was_worked_today_has_been_checked_back(module, staff):
    yesterday = timezone.now() - timedelta(days=1)
    held(module, staff, response="yes", responded_at=yesterday, worked_at=yesterday)
    held(module, staff, response="yes", responded_at=yesterday, worked_at=timezone.now())
    assert states(module, staff) == only("check_back")


def test_the_page_has_ones_own_of_every_module_with_the_oldest_first(sign_in, staff, other_staff):
    client = sign_in(staff)
    today = timezone.localdate()
    for number, module in enumerate(modules()):
        for days in (1, 9, 4):
            name = f"{module.key}-{days}"
            held(module, staff, customer_id=name, follow_up_on=today - timedelta(days=days + number))
        held(module, other_staff, customer_id="foreign", follow_up_on=today - timedelta(days=1))
        held(module, staff, customer_id="later", follow_up_on=today)
    assert listed(client, "overdue") == [f"{module.key}-{days}" for module in modules() for days in (9, 4, 1)]


def test_what_is_not_with_anybody_any_more_is_not_followed_up(module, make, sign_in, staff):
    batch = make.batch(staff=staff)
    make.record(
        assigned=True,
        database=batch.database,
        batch=batch,
        status="archived",
        archived_at=timezone.now(),
        archived_by=staff,
        archive_reason="Wrong number",
        follow_up_on=timezone.localdate(),
        worked_at=timezone.now(),
    )
    assert states(module, staff) == dict.fromkeys(FOLLOW_UPS, 0)
    assert listed(sign_in(staff), "due_today") == []


@pytest.mark.parametrize("state", FOLLOW_UPS)
def test_a_tab_counts_the_rows_that_it_opens_over_all_modules_and_pages(sign_in, staff, state):
    client = sign_in(staff)
    today = timezone.localdate()
    days = {"overdue": -1, "due_today": 0, "upcoming": 1}
    said = {"response": "yes", "responded_at": timezone.now() - timedelta(days=3)}
    fields = said if state == "check_back" else {"follow_up_on": today + timedelta(days=days[state])}
    counts = [30, 21, 2]
    for module, count in zip(modules(), counts, strict=True):
        held(module, staff, count, **fields)
    figure, work = get_figure(f"follow_ups.{state}"), work_of(staff)
    assert figure.value(work) == figure.rows_of(work).count() == 53
    pages = [client.get(figure.url(work) + f"&page={number}").content.decode() for number in (1, 2)]
    assert [page.count("data-work-row") for page in pages] == [50, 3]
    for module, count in zip(modules(), counts, strict=True):
        assert f'data-figure="{module.key}.mine.{state}" data-object="{staff.pk}" data-value="{count}"' in "".join(
            pages
        )
    assert f'data-figure="follow_ups.{state}" data-object="{staff.pk}" data-value="53"' in pages[1]


def test_done_takes_it_off_the_list_and_the_answer_has_the_new_numbers(module, sign_in, staff):
    client = sign_in(staff)
    [record] = held(module, staff, follow_up_on=timezone.localdate() - timedelta(days=1))
    here = reverse("follow_ups") + "?state=overdue"
    assert "work-done" in client.get(here).content.decode()
    answer = client.post(
        reverse("record_outcome", args=[module, record.pk]),
        {"follow_up_on": "", "next": here},
        headers={"HX-Request": "true"},
    ).content.decode()
    assert f'data-figure="follow_ups.overdue" data-object="{staff.pk}" data-value="0"' in answer
    assert f'data-figure="{module.key}.mine.overdue" data-object="{staff.pk}" data-value="0"' in answer
    assert listed(client, "overdue") == []


def test_a_new_date_moves_it_to_another_tab(module, sign_in, staff):
    client = sign_in(staff)
    [record] = held(module, staff, follow_up_on=timezone.localdate())
    tomorrow = timezone.localdate() + timedelta(days=1)
    client.post(reverse("record_outcome", args=[module, record.pk]), {"follow_up_on": tomorrow.isoformat()})
    assert states(module, staff) == only("upcoming")
    assert listed(client, "upcoming") == [record.customer_id]


def test_without_a_state_the_page_opens_on_what_presses_most(sign_in, staff):
    client, module = sign_in(staff), next(modules())
    here = reverse("follow_ups")

    def shown() -> str:
        return client.get(here).context["list"].state

    assert shown() == "due_today"
    today = timezone.localdate()
    for days, state in ((5, "upcoming"), (0, "due_today"), (-2, "overdue")):
        held(module, staff, follow_up_on=today + timedelta(days=days))
        assert shown() == state


@pytest.mark.parametrize("state", FOLLOW_UPS)
def test_an_empty_tab_says_what_would_be_there(sign_in, staff, state):
    page = sign_in(staff).get(reverse("follow_ups"), {"state": state})
    assert 'class="empty-state"' in page.content.decode()


def test_a_state_that_is_no_follow_up_is_404(sign_in, staff):
    for state in ("to_do", "nothing"):
        assert sign_in(staff).get(reverse("follow_ups"), {"state": state}).status_code == 404


def test_the_list_comes_alone_when_htmx_asks_for_it(sign_in, staff):
    page = sign_in(staff).get(reverse("follow_ups"), headers={"HX-Request": "true", "HX-Target": "list"})
    text = page.content.decode()
    assert text.lstrip().startswith('<div id="list">')
    assert "<html" not in text


def test_the_number_of_queries_does_not_grow_with_the_follow_ups(sign_in, staff):
    client = sign_in(staff)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("follow_ups"), {"state": "due_today"}).status_code == 200
        return len(captured)

    for module in modules():
        held(module, staff, follow_up_on=timezone.localdate())
    client.get(reverse("follow_ups"))
    few = queries()
    for module in modules():
        held(module, staff, 14, follow_up_on=timezone.localdate())
    assert queries() == few
