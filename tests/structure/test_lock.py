"""The lock files hold what pyproject.toml asks for; what is missing from them is said, not installed anyway."""

import re
import subprocess
import sys

import pytest

from crm.runtime import ROOT
from crm.runtime.locked import lacking, pinned

PYPROJECT = (ROOT / "pyproject.toml").read_text()
LOCKS = {"requirements.txt": [], "requirements-dev.txt": ["dev"]}


@pytest.mark.parametrize(("lock", "extras"), LOCKS.items())
def test_the_lock_holds_all_that_is_asked_for(lock, extras):
    assert lacking((ROOT / lock).read_text(), PYPROJECT, extras) == []


def test_what_runs_is_what_is_tested():
    run, tested = (pinned((ROOT / lock).read_text()) for lock in LOCKS)
    assert len(run) > 30
    assert run.items() <= tested.items()


def test_every_package_that_is_taken_out_of_the_lock_is_named():
    """Those too that only an extra of another asks for."""
    lock = (ROOT / "requirements-dev.txt").read_text()
    elsewhere = {"colorama", "tzdata"}  # for Windows
    names = pinned(lock).keys() - elsewhere
    assert {"psycopg-binary", "fido2", "sqlparse", "whitenoise"} <= names
    for name in names:
        without = re.sub(rf"^{re.escape(name)}(?=\[|==)", "something-else", lock, flags=re.MULTILINE)
        sentences = lacking(without, PYPROJECT, ["dev"])
        assert any(f"the lock does not hold {name}." in canonical(sentence) for sentence in sentences), name


def canonical(sentence: str) -> str:
    return re.sub(r"[-_.]+(?=\w)", "-", sentence).lower()


def test_the_program_says_it_and_fails(tmp_path):
    lock = tmp_path / "requirements.txt"
    lock.write_text((ROOT / "requirements.txt").read_text().replace("whitenoise==", "something-else=="))
    command = [sys.executable, ROOT / "crm/runtime/locked.py", lock]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "the lock does not hold whitenoise." in answer.stderr
    assert "make lock" in answer.stderr


def test_a_version_that_is_not_what_is_asked_for_is_named():
    lock = (ROOT / "requirements.txt").read_text().replace("gunicorn==27", "gunicorn==26")
    [sentence] = lacking(lock, PYPROJECT, [])
    assert sentence.startswith("pyproject.toml asks for gunicorn~=27.0, and the lock holds gunicorn 26")


def test_the_locks_name_no_package_index():
    for lock in (*LOCKS, "requirements-node.txt"):
        assert "http" not in (ROOT / lock).read_text(), lock
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()
