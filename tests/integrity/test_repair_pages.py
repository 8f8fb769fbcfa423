"""Repair in the browser: shown before, chosen row by row, carried out, and told as it is."""

from typing import Any

import pytest
from django.urls import reverse

from crm.registry import modules
from integrity.models import Run
from integrity.runs import work_waiting
from tests.distribution.sql import ask, run
from tests.factories.integrity import RunFactory
from tests.integrity.conftest import miscount

pytestmark = pytest.mark.django_db


def previewed(desk: Any, module: str = "") -> Run:
    answer = desk.post(reverse("start_preview"), {"module": module} if module else {})
    started = Run.objects.filter(kind="preview").latest("pk")
    assert (answer.status_code, answer["Location"], started.state) == (303, started.get_absolute_url(), "waiting")
    work_waiting()
    started.refresh_from_db()
    return started


def carried_out(desk: Any, preview: Run, **form: Any) -> Run:
    desk.post(reverse("start_repair", args=[preview.pk]), form)
    work_waiting()
    return Run.objects.filter(kind="repair").latest("pk")


def text_of(desk: Any, shown: Run) -> str:
    return desk.get(shown.get_absolute_url()).content.decode()


def keys(desk: Any, preview: Run) -> list[str]:
    return [row.key for row in desk.get(preview.get_absolute_url()).context["rows"]]


def test_the_button_is_with_each_module_and_with_everything(desk, module):
    for page in (reverse("databases", args=[module]), reverse("integrity")):
        assert reverse("start_preview") in desk.get(page).content.decode()


@pytest.mark.parametrize("key", [each.key for each in modules()])
def test_the_old_failure_is_shown_repaired_and_proved(desk, admin, batches, key):
    """49 of 50: a conflict had given one the status invalid, past all triggers."""
    pk = ask(f"SELECT min(id) FROM {key}_record WHERE status = 'assigned'")[0][0]
    run(f"SET session_replication_role = replica; UPDATE {key}_record SET status = 'invalid' WHERE id = {pk};"
        " SET session_replication_role = origin")  # fmt: skip
    miscount(key)

    preview = previewed(desk, key)
    text = text_of(desk, preview)
    assert "Nothing was changed yet." in text
    assert f"Record {pk}" in text
    assert "current_count" in text
    assert ask(f"SELECT status FROM {key}_record WHERE id = {pk}") == [("invalid",)]

    repaired = carried_out(desk, preview, shown=keys(desk, preview), ids=keys(desk, preview))
    assert (repaired.state, repaired.by, repaired.remaining, repaired.needs_decision) == ("finished", admin, 0, 0)
    assert ask(f"SELECT status FROM {key}_record WHERE id = {pk}") == [("assigned",)]
    batch = batches[key]
    batch.refresh_from_db()
    assert (batch.current_count, batch.received_count) == (50, 50)
    text = text_of(desk, repaired)
    assert "Nothing remains" in text
    assert "Counts before and after" in text
    assert repaired.proof.get_absolute_url() in text
    assert repaired.proof.is_healthy


def test_what_is_not_ticked_stays_and_remains(desk, batches):
    miscount("memberwd")
    miscount("bonanza")
    preview = previewed(desk)
    shown = keys(desk, preview)
    kept = f"bonanza.batch:{batches['bonanza'].pk}"
    repaired = carried_out(desk, preview, shown=shown, ids=[key for key in shown if key != kept])
    counts = [ask(f"SELECT current_count FROM {key}_batch")[0][0] for key in ("memberwd", "bonanza")]
    assert counts == [50, 49]
    assert (repaired.state, repaired.verified) == ("finished", True)
    assert repaired.remaining == repaired.proof.total > 0
    text = text_of(desk, repaired)
    assert "Something remains" in text
    assert "success" not in text.lower()


def test_a_plan_that_the_data_has_left_behind_is_refused(desk, batches):
    miscount("memberwd")
    preview = previewed(desk, "memberwd")
    miscount("memberwd", 48)
    repaired = carried_out(desk, preview, shown=keys(desk, preview), ids=keys(desk, preview))
    assert (repaired.state, repaired.repaired, repaired.verified) == ("refused", 0, False)
    assert "The data has moved since the preview" in repaired.error
    assert ask("SELECT current_count FROM memberwd_batch") == [(48,)]
    assert "The data has moved since the preview" in text_of(desk, repaired)
    assert "success" not in text_of(desk, repaired).lower()


def test_a_preview_is_carried_out_once(desk, batches):
    miscount("memberwd")
    preview = previewed(desk, "memberwd")
    chosen = keys(desk, preview)
    carried_out(desk, preview, shown=chosen, ids=chosen)
    answer = desk.post(reverse("start_repair", args=[preview.pk]), {"shown": chosen, "ids": chosen}, follow=True)
    assert "carried out already" in answer.content.decode()
    assert Run.objects.filter(kind="repair").count() == 1


def test_only_a_preview_that_has_ended_can_be_carried_out(desk, batches):
    for wrong in (RunFactory(), RunFactory(kind="preview", state="refused"), RunFactory(kind="repair")):
        answer = desk.post(reverse("start_repair", args=[wrong.pk]), follow=True)
        assert "There is no preview of this" in answer.content.decode()
    assert Run.objects.filter(kind="repair").count() == 1


def test_what_is_chosen_on_one_page_is_kept_on_the_next(desk, batches, monkeypatch):
    monkeypatch.setattr("crm.pages.ROWS_PER_PAGE", 1)
    for key in ("memberwd", "bonanza"):
        miscount(key)
    preview = previewed(desk)
    [first] = keys(desk, preview)
    url = reverse("start_repair", args=[preview.pk])
    second = desk.post(url, {"shown": [first], "page": "2"})
    [other] = [row.key for row in second.context["rows"]]
    assert other != first
    assert f'name="left_out" value="{first}"' in second.content.decode()
    repaired = carried_out(desk, preview, left_out=[first], shown=[other], ids=[other])
    assert [f"{name}:{pk}" for name, pk in repaired.left_out] == [first]


def test_what_needs_a_decision_is_named_and_stays(desk, batches):
    run("UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE username = 'sari'")
    preview = previewed(desk)
    assert preview.needs_decision
    repaired = carried_out(desk, preview)
    text = text_of(desk, repaired)
    assert repaired.needs_decision == repaired.proof.findings.filter(needs_decision=True).count()
    assert "is not an active staff member" in text
    assert "success" not in text.lower()


def test_the_file_has_every_change(desk, batches):
    miscount("memberwd")
    preview = previewed(desk, "memberwd")
    answer = desk.get(reverse("export_changes", args=[preview.pk, "csv"]))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert any("current_count" in line and "49" in line and "50" in line for line in lines)
