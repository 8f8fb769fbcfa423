"""An admin decides in the browser: said before, shown before, carried out, and told as it is."""

from typing import Any

import pytest
from django.urls import reverse

from integrity.models import Run
from integrity.runs import work_waiting
from tests.conftest import browser_of
from tests.distribution.sql import ask, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(batches, staff, other_staff) -> None:
    """Sari has left, and nobody has cared for her records: fifty in each module."""
    run(f"UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {staff.pk}")


def posted(desk: Any, url: str, **form: Any) -> Run:
    before = Run.objects.order_by("-pk").first()
    answer = desk.post(url, form)
    started = Run.objects.latest("pk")
    assert (answer.status_code, answer["Location"]) == (303, started.get_absolute_url())
    assert before is None or started.pk > before.pk
    work_waiting()
    started.refresh_from_db()
    return started


def text_of(desk: Any, shown: Run) -> str:
    return desk.get(shown.get_absolute_url()).content.decode()


def held_by(key: str) -> list[tuple[str, int | None, int]]:
    return ask(f"SELECT status, assignee_id, count(*) FROM {key}_record GROUP BY 1, 2 ORDER BY 1, 2")


def test_all_of_a_check_are_handed_on(desk, left, staff, other_staff):
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    assert (preview.repaired, preview.needs_decision) == (0, 50)
    text = text_of(desk, preview)
    assert "Take them back" in text
    assert "The records go back to the pool." in text, "what it entails is said before"
    assert "Repair what is ticked" not in text

    form = {"assignee_not_working-choice": "transfer", "assignee_not_working-staff": other_staff.pk}
    shown = posted(desk, reverse("decide", args=[preview.pk]), **form)
    assert (shown.kind, shown.state, shown.repaired, shown.needs_decision) == ("preview", "finished", 50, 0)
    text = text_of(desk, shown)
    assert "What was decided" in text
    assert "Hand them on → Tono Staff" in text
    assert held_by("memberwd") == [("assigned", staff.pk, 50), ("available", None, 10)], "nothing yet"

    keys = [row.key for row in desk.get(shown.get_absolute_url()).context["rows"]]
    done = posted(desk, reverse("start_repair", args=[shown.pk]), ids=keys, shown=keys)
    assert (done.state, done.error, done.repaired, done.needs_decision) == ("finished", "", 50, 0)
    assert "Nothing remains" in text_of(desk, done)
    assert held_by("memberwd") == [("assigned", other_staff.pk, 50), ("available", None, 10)]
    assert held_by("records") == [("assigned", staff.pk, 50), ("available", None, 10)], "of the module alone"

    undone = posted(desk, reverse("start_undo", args=[done.pk]))
    assert (undone.state, undone.remaining) == ("finished", 0)
    assert held_by("memberwd") == [("assigned", staff.pk, 50), ("available", None, 10)]


def test_one_finding_is_decided_on_its_page(desk, left):
    preview = posted(desk, reverse("start_preview"), module="records")
    finding = preview.findings.order_by("object_id").first()
    page = desk.get(finding.get_absolute_url()).content.decode()
    assert "It is about this row alone" in page

    shown = posted(desk, reverse("decide_one", args=[finding.pk]), choice="recall")
    assert (shown.state, shown.repaired, shown.needs_decision) == ("finished", 1, 49)
    done = posted(desk, reverse("start_repair", args=[shown.pk]))
    assert (done.state, done.repaired, done.needs_decision) == ("finished", 1, 49)
    assert ask(f"SELECT status FROM records_record WHERE id = {finding.object_id}") == [("available",)]
    assert "Not everything is right yet" in text_of(desk, done)


def test_what_was_decided_before_stays_decided(desk, left, other_staff, staff):
    run("INSERT INTO reservations_reservation (product_id, staff_id, customer_id, status)"
        f" SELECT min(id), {staff.pk}, 'nobody', 'active' FROM products_product")  # fmt: skip
    preview = posted(desk, reverse("start_preview"))
    assert preview.needs_decision == 151
    form = {"assignee_not_working-choice": "recall"}
    first = posted(desk, reverse("decide", args=[preview.pk]), **form)
    assert (first.repaired, first.needs_decision) == (150, 1)
    form = {"reservation_owner_not_working-choice": "release"}
    both = posted(desk, reverse("decide", args=[first.pk]), **form)
    assert (both.repaired, both.needs_decision) == (151, 0)


def test_what_follows_from_the_others_has_no_box_of_its_own(desk, left, other_staff):
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    form = {"assignee_not_working-choice": "transfer", "assignee_not_working-staff": other_staff.pk}
    shown = posted(desk, reverse("decide", args=[preview.pk]), **form)
    text = text_of(desk, shown)
    assert 'name="ids" value="memberwd.record:' in text
    assert 'name="ids" value="memberwd.batch:' not in text
    assert "This follows from the others." in desk.get(f"{shown.get_absolute_url()}?page=2").content.decode() + text


def test_what_is_not_ticked_is_not_decided(desk, left):
    preview = posted(desk, reverse("start_preview"), module="bonanza")
    shown = posted(desk, reverse("decide", args=[preview.pk]), **{"assignee_not_working-choice": "recall"})
    keys = [f"bonanza.record:{pk}" for (pk,) in ask("SELECT id FROM bonanza_record WHERE status = 'assigned' LIMIT 3")]
    done = posted(desk, reverse("start_repair", args=[shown.pk]), shown=keys, ids=[])
    assert (done.state, done.repaired, done.needs_decision) == ("finished", 47, 3)


def test_to_whom_must_be_said_and_what_is_chosen_is_kept(desk, left):
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    before = Run.objects.count()
    answer = desk.post(reverse("decide", args=[preview.pk]), {"assignee_not_working-choice": "transfer"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose to whom." in text
    assert 'value="transfer" id="assignee_not_working-choice-transfer" checked' in text
    assert Run.objects.count() == before


def test_of_one_finding_what_is_missing_is_said_beside_what_was_chosen(desk, left):
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    before = Run.objects.count()
    url = reverse("decide_one", args=[preview.findings.first().pk])
    no_receiver, nothing = desk.post(url, {"choice": "transfer"}), desk.post(url, {})
    assert (no_receiver.status_code, nothing.status_code) == (422, 422)
    assert "Choose to whom." in no_receiver.content.decode()
    assert 'value="transfer" id="choice-transfer" checked' in no_receiver.content.decode()
    assert "Choose how it is decided." in nothing.content.decode()
    assert Run.objects.count() == before


@pytest.mark.parametrize("form", [{}, {"assignee_not_working-choice": ""}])
def test_nothing_chosen_is_nothing_decided(desk, left, form):
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    before = Run.objects.count()
    answer = desk.post(reverse("decide", args=[preview.pk]), form, follow=True)
    assert "Choose how at least one of them is decided." in answer.content.decode()
    assert Run.objects.count() == before


def test_what_has_no_choice_says_what_to_do(desk, batches):
    run("UPDATE django_q_schedule SET id = id")
    run("INSERT INTO django_q_task (id, name, func, started, stopped, success, attempt_count, result)"
        " SELECT repeat('a', 32), 'x', func, now(), now(), false, 1, 'it broke' FROM django_q_schedule"
        " WHERE name = 'clean up'")  # fmt: skip
    preview = posted(desk, reverse("start_preview"))
    assert "The log says why it failed." in text_of(desk, preview)
    finding = preview.findings.get(code="schedule_missing")
    assert "The log says why it failed." in desk.get(finding.get_absolute_url()).content.decode()


def test_staff_decide_nothing(desk, left, other_staff):
    phone = browser_of(other_staff)
    preview = posted(desk, reverse("start_preview"), module="memberwd")
    finding = preview.findings.first()
    before = Run.objects.count()
    for url in (reverse("decide", args=[preview.pk]), reverse("decide_one", args=[finding.pk])):
        assert phone.post(url, {"choice": "recall", "assignee_not_working-choice": "recall"}).status_code in (403, 404)
    assert Run.objects.count() == before
