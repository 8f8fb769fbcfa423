"""`repair`: what it prints for a program, and its exit codes."""

import json

import pytest
from django.core.management import CommandError, call_command

from integrity.models import Run
from tests.distribution.sql import ask, run
from tests.integrity.conftest import miscount

pytestmark = pytest.mark.django_db


def repair(capsys, *options: str) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as ended:
        call_command("repair", *options, "--json")
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_nothing_to_repair_is_0(batches, capsys):
    code, report = repair(capsys)
    assert code == 0
    assert report == {
        "run": Run.objects.get(kind="repair").pk,
        "found": 0,
        "repaired": 0,
        "needs_decision": 0,
        "remaining": 0,
        "verified": True,
        "changes": [],
    }


def test_nothing_remains_is_0_and_every_column_that_changed_is_named(batches, capsys):
    miscount("memberwd")
    code, report = repair(capsys, "--module", "memberwd")
    assert (code, report["remaining"], report["needs_decision"], report["verified"]) == (0, 0, 0, True)
    assert report["found"] == report["repaired"] > 0
    pk = batches["memberwd"].pk
    [count] = [each for each in report["changes"] if each["field"] == "current_count"]
    assert count.keys() == {"object", "id", "field", "before", "after", "code", "reason"}
    assert (count["object"], count["id"], count["before"], count["after"]) == ("memberwd.batch", pk, 49, 50)
    assert ask("SELECT current_count FROM memberwd_batch") == [(50,)]


def test_a_dry_run_says_the_same_and_changes_nothing(batches, capsys):
    miscount("memberwd")
    code, dry = repair(capsys, "--dry-run")
    assert code == 1
    assert ask("SELECT current_count FROM memberwd_batch") == [(49,)]
    _code, wet = repair(capsys)
    assert dry["changes"] == wet["changes"]
    assert ask("SELECT current_count FROM memberwd_batch") == [(50,)]


def test_something_that_remains_is_1(batches, capsys, monkeypatch):
    """What was to be repaired cannot be proved: nothing is kept, and all of it remains."""
    miscount("memberwd")
    monkeypatch.setattr("integrity.repair.STEPS", [])
    code, report = repair(capsys, "--check", "batch_count_mismatch")
    assert (code, report["repaired"], report["remaining"], report["verified"]) == (1, 0, 1, False)
    assert "this would still be wrong after the repair" in report["error"]


def test_only_decisions_is_3(batches, capsys):
    run("UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE username = 'sari'")
    code, report = repair(capsys)
    assert (code, report["remaining"]) == (3, 0)
    assert report["needs_decision"] == report["found"] > 0


def test_what_there_is_not_is_2(db, capsys):
    assert repair(capsys, "--check", "nothing") == (2, {"verified": False, "error": "There is no check nothing."})


def test_whatever_raises_is_2(batches, capsys, monkeypatch):
    miscount("memberwd")
    monkeypatch.setattr("integrity.repair.run_checks", lambda *args, **options: 1 / 0)
    with pytest.raises(CommandError) as ended:
        call_command("repair", "--json")
    assert ended.value.returncode == 2
    assert json.loads(capsys.readouterr().out) == {"verified": False, "error": "ZeroDivisionError: division by zero"}
    assert Run.objects.get(kind="repair").state == "failed"


def test_in_words(batches, capsys):
    miscount("memberwd")
    with pytest.raises(SystemExit):
        call_command("repair")
    printed = capsys.readouterr().out
    assert "current_count: 49 -> 50" in printed
    assert "0 need a decision, 0 remain." in printed
    assert "success" not in printed.lower()
