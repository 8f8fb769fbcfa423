"""`health_check`: what it prints for a program, and its exit codes."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from crm.runtime import ROOT
from integrity.checks import checks, counts
from tests.integrity.conftest import miscount

pytestmark = pytest.mark.django_db


def health_check(capsys, *options: str) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as ended:
        call_command("health_check", *options, "--json")
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_healthy_is_0(batches, capsys):
    code, report = health_check(capsys)
    assert code == 0
    assert (report["healthy"], report["total"]) == (True, 0)
    assert report.keys() == {"healthy", "checked_at", "total", "checks"}
    assert {(each["code"], each["module"]) for each in report["checks"]} == {
        (check.code, key) for check in checks().values() for key in check.scopes()
    }
    assert report["checks"][0].keys() == {"code", "module", "severity", "count", "seconds", "samples"}


def test_violations_are_1_with_samples_in_words(batches, capsys):
    miscount("memberwd")
    code, report = health_check(capsys, "--module", "memberwd", "--check", "batch_count_mismatch")
    assert (code, report["healthy"], report["total"]) == (1, False, 1)
    [check] = report["checks"]
    pk = batches["memberwd"].pk
    assert check["samples"] == [
        {
            "object": "memberwd.batch",
            "id": pk,
            "field": "current_count",
            "expected": "50",
            "actual": "49",
            "reason": f"Batch {pk} of Sari Staff says 49 assigned, and 50 assigned records are in it.",
        }
    ]


def test_what_cannot_be_asked_is_2(db, capsys):
    code, report = health_check(capsys, "--check", "nothing")
    assert (code, report) == (2, {"healthy": False, "error": "There is no check nothing."})


@pytest.mark.parametrize("what", ["integrity.runs.run_checks", "integrity.management.commands.health_check.exit_code"])
def test_whatever_raises_is_2(batches, capsys, monkeypatch, what):
    monkeypatch.setattr(what, lambda *args, **options: 1 / 0)
    with pytest.raises(CommandError) as ended:
        call_command("health_check", "--json")
    assert ended.value.returncode == 2
    assert json.loads(capsys.readouterr().out) == {"healthy": False, "error": "ZeroDivisionError: division by zero"}


def test_what_the_others_found_is_said_where_one_check_could_not_be_asked(batches, capsys, monkeypatch):
    miscount("memberwd")
    broken = [replace(each, sql="SELECT 1/0" if each.scope == "bonanza" else each.sql) for each in counts.looks()]
    monkeypatch.setattr(counts, "looks", lambda: iter(broken))
    code, report = health_check(capsys, "--check", "batch_count_mismatch")
    assert (code, report["healthy"], report["total"]) == (2, False, 1)
    assert "batch_count_mismatch (bonanza)" in report["error"]


@pytest.mark.parametrize("wrong", [{"SESSION_HOURS": "many"}, {"FIFTY_PG_DIR": "manage.py"}])
def test_what_stands_in_the_way_of_the_start_is_2(wrong):
    command = [sys.executable, "manage.py", "health_check", "--json"]
    environment = {"PATH": os.environ["PATH"], "DEMO": "1", "FIFTY_PG_DIR": ".local/pg-test", **wrong}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 2, answer.stderr


def test_no_database_is_2():
    command = [sys.executable, "manage.py", "health_check", "--json"]
    nowhere = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "PATH": os.environ["PATH"], "DEMO": "1"}
    answer = subprocess.run(command, cwd=ROOT, env=nowhere, capture_output=True, text=True, check=False)
    assert answer.returncode == 2, answer.stderr
    assert "error" in json.loads(answer.stdout)


def test_in_words(batches, capsys):
    miscount("memberwd")
    with pytest.raises(SystemExit):
        call_command("health_check")
    printed = capsys.readouterr().out
    assert "error batch_count_mismatch memberwd: 1" in printed
    assert "says 49 assigned, and 50 assigned records are in it." in printed
