"""Undoing a repair: as a whole, once, and not what has changed since."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from crm.errors import Refused
from crm.registry import get_module
from integrity.models import Run
from integrity.reports import not_undone
from integrity.runs import start_undo, work_waiting
from tests.distribution.sql import ask, run
from tests.factories.integrity import ChangeFactory, RunFactory
from tests.integrity.conftest import miscount
from tests.integrity.test_repair import repair

pytestmark = pytest.mark.django_db


def undone(capsys: Any, number: int) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as ended:
        call_command("undo_repair", str(number), "--json")
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_all_is_undone_is_0(batches, capsys):
    miscount("memberwd")
    repaired = repair()
    rows = repaired.changes.values("object", "object_id").distinct().count()
    code, report = undone(capsys, repaired.pk)
    number = Run.objects.get(kind="undo").pk
    assert (code, report) == (
        0,
        {"run": number, "undoes": repaired.pk, "undone": rows, "not_undone": []},
    )
    assert ask("SELECT current_count FROM memberwd_batch") == [(49,)]


def test_what_has_changed_since_is_refused_row_by_row_and_listed(batches, capsys):
    for key in ("memberwd", "bonanza"):
        miscount(key)
    repaired = repair()
    pk = batches["memberwd"].pk
    run(f"UPDATE memberwd_batch SET is_pinned = true WHERE id = {pk}")
    code, report = undone(capsys, repaired.pk)
    assert code == 1
    assert {"object": "memberwd.batch", "id": pk, "reason": "It has changed since."} in report["not_undone"]
    assert ask("SELECT current_count FROM memberwd_batch") == [(50,)]


def test_what_cannot_be_undone_is_2(batches, capsys):
    assert undone(capsys, 4711) == (2, {"error": "There is no run 4711."})
    assert undone(capsys, repair().pk) == (2, {"error": "Only a repair that has changed something can be undone."})
    miscount("memberwd")
    repaired = repair()
    assert undone(capsys, repaired.pk)[0] == 0
    assert undone(capsys, repaired.pk) == (2, {"error": "This repair was undone already."})


@pytest.mark.parametrize("kind", ["check", "preview", "undo"])
def test_only_a_repair_can_be_undone(admin, kind):
    other = RunFactory(kind=kind)
    ChangeFactory(run=other)
    with pytest.raises(Refused, match="Only a repair"):
        start_undo(repaired=other, by=admin)


def test_a_record_that_went_back_and_forth_has_not_moved_for_the_books(batches):
    """Its batch was dropped past nothing but a missing constraint: the repair put it back, and the undo took it out."""
    memberwd = get_module("memberwd")
    pk, batch = ask("SELECT min(id), min(batch_id) FROM memberwd_record WHERE status = 'assigned'")[0]
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    run("ALTER TABLE memberwd_record DROP CONSTRAINT memberwd_record_assigned_to_somebody")
    run(f"UPDATE memberwd_record SET batch_id = NULL WHERE id = {pk}")
    before = ask(f"SELECT received_count, left_count, current_count FROM memberwd_batch WHERE id = {batch}")
    repaired = repair()
    assert repaired.remaining == 0
    work = repair(Run.Kind.UNDO, of=repaired)
    assert (work.state, work.remaining) == ("finished", 0)
    assert ask(f"SELECT received_count, left_count, current_count FROM memberwd_batch WHERE id = {batch}") == before
    assert "batch_conservation" not in set(work.proof.findings.values_list("code", flat=True))
    assert memberwd.Record.objects.get(pk=pk).batch_id is None


def test_in_the_browser(desk, admin, batches):
    miscount("memberwd")
    repaired = repair()
    url = reverse("start_undo", args=[repaired.pk])
    assert url in desk.get(repaired.get_absolute_url()).content.decode()
    answer = desk.post(url)
    run_of_undo = Run.objects.get(kind="undo")
    assert (answer.status_code, answer["Location"], run_of_undo.by) == (303, run_of_undo.get_absolute_url(), admin)
    work_waiting()
    text = desk.get(run_of_undo.get_absolute_url()).content.decode()
    assert "are as they were before" in text
    assert ask("SELECT current_count FROM memberwd_batch") == [(49,)]
    assert url not in desk.get(repaired.get_absolute_url()).content.decode()
    assert "undone already" in desk.post(url, follow=True).content.decode()
    assert list(not_undone(repaired)) == []
