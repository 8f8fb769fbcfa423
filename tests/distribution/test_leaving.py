"""A person leaves: what happens to their records, on the page and in the service."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import User
from crm.accounts.services import reactivate_person
from crm.distribution.assignment import assign_random, recall_records
from crm.distribution.leaving import belongings_of, deactivate_with_records
from crm.distribution.models import Validation
from crm.distribution.validation import validate_records
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import get_module, modules
from records.requests import request_records
from tests.distribution.sql import ask
from tests.distribution.test_pages import figures_on
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db

GIVEN = {"records": 7, "bonanza": 5, "memberwd": 3}


@pytest.fixture
def leaver(staff, admin) -> User:
    """Sari holds 7, 5 and 3 records, and waits for 2 more of Normal DB."""
    for key, count in GIVEN.items():
        database = factories_of(get_module(key)).database()
        fill(database, 20)
        assign_random(module=get_module(key), database=database, staff=staff, count=count, by=admin)
    request_records(database=get_module("records").Database.objects.get(), quantity=2, by=staff)
    return staff


def held(person: User) -> dict[str, int]:
    return {module.key: module.Record.objects.held_by(person).count() for module in modules()}


def pools() -> dict[str, int]:
    return {module.key: module.Record.objects.in_pool().count() for module in modules()}


def is_active(person: User) -> bool:
    return User.objects.get(pk=person.pk).is_active


def url_of(person: User) -> str:
    return reverse("person_deactivate", args=[person.pk])


def shown_on(page) -> str:
    return re.search(r'name="expected" value="([^"]*)"', page.content.decode())[1]


def send(desk: Client, person: User, **answers):
    data = {"what": "pools", "token": uuid4(), "expected": shown_on(desk.get(url_of(person))), **answers}
    return desk.post(url_of(person), data, follow=True)


# --- The service ---------------------------------------------------------------------------------------------------


def test_records_go_back_to_the_pools_and_requests_are_withdrawn(leaver, admin):
    left = deactivate_with_records(person=leaver, to=[], by=admin)
    assert (left.recalled, left.transferred, left.withdrawn) == (15, 0, 1)
    assert not is_active(leaver)
    assert pools() == {"records": 20, "bonanza": 20, "memberwd": 20}


def test_records_are_spread_evenly_over_all_modules_together(leaver, admin, other_staff):
    third = UserFactory()
    left = deactivate_with_records(person=leaver, to=[other_staff, third], by=admin)
    shares = dict(left.shares)
    assert (left.transferred, left.recalled) == (15, 0)
    assert sorted(shares.values()) == [7, 8]
    for person in (other_staff, third):
        assert sum(held(person).values()) == shares[person]
    assert {key: held(other_staff)[key] + held(third)[key] for key in GIVEN} == GIVEN
    assert not any(held(leaver).values())


def test_every_count_is_what_a_recount_says_and_the_history_names_it(leaver, admin, other_staff):
    deactivate_with_records(person=leaver, to=[other_staff], by=admin)
    for module in modules():
        batch = module.Batch.objects.get(staff=leaver)
        assert (batch.received_count, batch.current_count, batch.left_count) == (
            GIVEN[module.key],
            0,
            GIVEN[module.key],
        )
        [(names,)] = ask(
            f"""SELECT array_agg(DISTINCT c.metadata ->> 'operation') FROM {module.key}_recordevent e
            JOIN pghistory_context c ON c.id = e.pgh_context_id WHERE e.assignee_id = %s""",
            other_staff.pk,
        )
        assert names == ["person.leave"]


def test_nothing_happens_when_one_of_them_cannot_be_given_records(leaver, admin, other_staff):
    gone = UserFactory(is_active=False, deactivated_at="2026-01-01T00:00Z")
    before = held(leaver)
    for wrong in (gone, admin, leaver):
        with pytest.raises(Refused):
            deactivate_with_records(person=leaver, to=[other_staff, wrong], by=admin)
    assert (held(leaver), is_active(leaver)) == (before, True)
    assert not any(held(other_staff).values())
    assert get_module("records").Record.objects.requested().count() == 2


def test_who_may_not_deactivate_moves_no_records_either(leaver, other_staff, owner):
    with pytest.raises(Refused, match="Only admins"):
        deactivate_with_records(person=leaver, to=[], by=other_staff)
    with pytest.raises(Refused, match="yourself"):
        deactivate_with_records(person=owner, to=[], by=owner)
    assert held(leaver) == GIVEN


def test_what_was_shown_is_what_happens(leaver, admin):
    shown = belongings_of(leaver).fingerprint
    module = get_module("bonanza")
    recall_records(
        records=module.Record.objects.with_ids(module.Record.objects.held_by(leaver)[:1].values_list("pk", flat=True)),
        by=admin,
    )
    with pytest.raises(Refused, match="changed since they were shown"):
        deactivate_with_records(person=leaver, to=[], by=admin, expected=shown)
    assert (sum(held(leaver).values()), is_active(leaver)) == (14, True)
    deactivate_with_records(person=leaver, to=[], by=admin, expected=belongings_of(leaver).fingerprint)
    assert not is_active(leaver)


def test_whoever_comes_back_has_nothing_and_can_be_given_records_again(leaver, admin):
    deactivate_with_records(person=leaver, to=[], by=admin)
    reactivate_person(person=leaver, by=admin)
    assert belongings_of(leaver).fingerprint == "records:0;bonanza:0;memberwd:0;asked:0;reserved:0"
    module = get_module("bonanza")
    assign_random(module=module, database=module.Database.objects.get(), staff=leaver, count=2, by=admin)
    assert held(leaver)["bonanza"] == 2


@pytest.mark.parametrize("hand_over", [True, False])
def test_alerts_about_invalid_records_go_along_with_the_records(leaver, admin, other_staff, hand_over):
    module = get_module("memberwd")
    validate_records(
        records=module.Record.objects.held_by(leaver), by=leaver, validation=Validation.INVALID, reason="Wrong number"
    )
    deactivate_with_records(person=leaver, to=[other_staff] if hand_over else [], by=admin)
    alerts = Notice.objects.filter(kind=Kind.INVALID_WAITING).values_list("about", flat=True)
    assert list(alerts) == ([f"invalid/memberwd/{other_staff.pk}/"] if hand_over else [])


# --- The page ------------------------------------------------------------------------------------------------------


def test_the_page_shows_what_they_have(desk, leaver, other_staff):
    page = desk.get(url_of(leaver))
    shown = figures_on(page)
    for key, count in GIVEN.items():
        assert shown[(f"{key}.staff.assigned", str(leaver.pk))] == count
    assert shown[("staff.requests", str(leaver.pk))] == 1
    assert 'name="what"' in page.content.decode()


def test_records_go_back_and_the_message_says_how_many(desk, leaver):
    page = send(desk, leaver)
    assert page.redirect_chain == [(reverse("person", args=[leaver.pk]), 303)]
    assert (
        "Sari Staff is deactivated, and signed out everywhere. 15 records went back to the pools. "
        "1 request was withdrawn."
    ) in page.content.decode()
    assert not is_active(leaver)


def test_records_are_handed_over_and_the_message_says_to_whom(desk, leaver, other_staff):
    page = send(desk, leaver, what="people", to=[other_staff.pk])
    assert "15 records went to Tono Staff (15)." in page.content.decode()
    assert held(other_staff) == GIVEN


def test_nothing_is_chosen_beforehand_and_what_would_leave_the_records_is_said(desk, leaver, other_staff):
    for module in modules():
        some = module.Record.objects.held_by(leaver)
        [first, second] = some.order_by("pk").values_list("pk", flat=True)[:2]
        note_outcome(records=some.with_ids([first]), by=leaver, reach="reachable", note="tea")
        note_outcome(records=some.with_ids([second]), by=leaver, follow_up_on=timezone.localdate())
    text = " ".join(desk.get(url_of(leaver)).content.decode().split())
    radios = re.findall(r'<input type="radio"[^>]*>', text)
    assert len(radios) == 2
    assert not any("checked" in radio for radio in radios)
    said = "On <strong>6</strong> of them staff have noted something: 3 have an outcome, 3 a note, 3 a follow-up."
    assert text.count(said) == 1


def test_whoever_holds_nothing_is_asked_nothing(desk, staff, other_staff):
    page = desk.get(url_of(staff)).content.decode()
    assert "They hold no records and have no reservations." in page
    assert 'name="what"' not in page
    assert "deactivated, and signed out everywhere." in send(desk, staff).content.decode()
    assert not is_active(staff)


def test_admins_leave_too(owner, admin):
    client = Client()
    client.force_login(owner)
    send(client, admin)
    assert not is_active(admin)


def test_where_nobody_else_works_the_records_go_back(desk, leaver):
    page = desk.get(url_of(leaver)).content.decode()
    assert "there is nobody else" in page
    assert 'name="what"' not in page
    send(desk, leaver)
    assert pools() == {"records": 20, "bonanza": 20, "memberwd": 20}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"what": "people"}, "Choose who gets the records."),
        ({"what": "people", "to": ["{leaver}"]}, "Select a valid choice"),
        ({"what": "people", "to": ["{admin}"]}, "Select a valid choice"),
        ({"what": "people", "to": ["999999999"]}, "Select a valid choice"),
        ({"what": "people", "to": ["x"]}, "is not a valid value"),
        ({"what": "elsewhere"}, ""),
        ({"what": ""}, "Choose what becomes of their records and reservations."),
        ({"expected": ""}, ""),
        ({"expected": "records:1"}, "changed since they were shown"),
        ({"token": "x"}, ""),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_a_form_that_cannot_be_done_comes_back_and_changes_nothing(
    desk, leaver, admin, other_staff, answers, reason, htmx
):
    if "to" in answers:
        answers = {**answers, "to": [each.format(leaver=leaver.pk, admin=admin.pk) for each in answers["to"]]}
    data = {"what": "pools", "token": uuid4(), "expected": shown_on(desk.get(url_of(leaver))), **answers}
    answer = desk.post(url_of(leaver), data, headers={"HX-Request": "true"} if htmx else {})
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert ("<html" in answer.content.decode()) != htmx
    assert 'id="leave-form"' in answer.content.decode()
    assert (held(leaver), is_active(leaver)) == (GIVEN, True)


def test_numbers_that_changed_come_back_as_they_are_now_with_the_choice_kept(desk, leaver, admin, other_staff):
    stale = shown_on(desk.get(url_of(leaver)))
    recall_records(records=get_module("records").Record.objects.held_by(leaver), by=admin)
    data = {"what": "people", "to": [other_staff.pk], "token": uuid4(), "expected": stale}
    answer = desk.post(url_of(leaver), data)
    assert answer.status_code == 422
    assert figures_on(answer)[("records.staff.assigned", str(leaver.pk))] == 0
    assert re.search(rf'value="{other_staff.pk}"[^>]*checked', answer.content.decode())
    again = desk.post(url_of(leaver), {**data, "expected": shown_on(answer)})
    assert again.status_code == 303
    assert held(other_staff) == {**GIVEN, "records": 0}


def test_records_that_came_meanwhile_are_asked_about(desk, leaver, admin, other_staff):
    recalled = {key: get_module(key).Record.objects.held_by(leaver) for key in GIVEN}
    for records in recalled.values():
        recall_records(records=records, by=admin)
    stale = shown_on(desk.get(url_of(leaver)))
    module = get_module("bonanza")
    assign_random(module=module, database=module.Database.objects.get(), staff=leaver, count=4, by=admin)
    answer = desk.post(url_of(leaver), {"token": uuid4(), "expected": stale})
    assert answer.status_code == 422
    assert 'name="what"' in answer.content.decode()
    answer = desk.post(url_of(leaver), {"token": uuid4(), "expected": shown_on(answer)})
    assert "Choose what becomes of their records and reservations." in answer.content.decode()
    assert (held(leaver)["bonanza"], is_active(leaver)) == (4, True)


def test_a_form_that_is_sent_again_takes_effect_once(desk, leaver, other_staff):
    data = {"what": "people", "to": [other_staff.pk], "token": uuid4(), "expected": shown_on(desk.get(url_of(leaver)))}
    desk.post(url_of(leaver), data)
    page = desk.post(url_of(leaver), data, follow=True)
    assert "took effect once" in page.content.decode()
    assert held(other_staff) == GIVEN


def test_the_page_is_for_admins_about_those_whom_they_manage(leaver, other_staff, desk, owner):
    before = (held(leaver), is_active(leaver), is_active(owner))
    client = Client()
    data = {"what": "pools", "token": uuid4(), "expected": belongings_of(leaver).fingerprint}
    assert client.post(url_of(leaver), data).url.startswith(reverse("account_login"))
    client.force_login(other_staff)
    assert client.get(url_of(leaver)).status_code == client.post(url_of(leaver), data).status_code == 403
    assert desk.get(url_of(owner)).status_code == desk.post(url_of(owner), data).status_code == 404
    assert (held(leaver), is_active(leaver), is_active(owner)) == before


def test_the_refusal_names_why(owner):
    client = Client()
    client.force_login(owner)
    answer = client.post(url_of(owner), {"token": uuid4(), "expected": belongings_of(owner).fingerprint})
    assert answer.status_code == 422
    assert "You cannot deactivate yourself" in answer.content.decode()
