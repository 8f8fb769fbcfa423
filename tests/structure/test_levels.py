"""What `make test` leaves to `make proof` is run there; and a slow test is an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from crm.runtime import ROOT

SUITE = """
import time
import pytest

MODULES = ["records", "bonanza", "memberwd"]

@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("other", [1, 2])
def test_shared(module, other):
    pass

@pytest.mark.every_module
@pytest.mark.parametrize("module", MODULES)
def test_of_tables(module):
    pass

@pytest.mark.proof
def test_long():
    pass

def test_slow():
    time.sleep(0.2)

@pytest.mark.slow("it waits")
def test_slow_and_says_why():
    time.sleep(0.2)

@pytest.mark.slow
def test_slow_and_does_not_say_why():
    time.sleep(0.2)

@pytest.fixture(scope="module")
def shared_by_many():
    time.sleep(0.2)

def test_that_comes_first(shared_by_many):
    pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n proof\n every_module\n slow\n")
    return tmp_path


def run(suite: Path, level: str, *options: str) -> tuple[set[str], str]:
    """The names of the tests that passed, and all that was printed."""
    plugins = ["-p", "tests.levels", "-p", "no:django", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *plugins, "-rpfE", "--level", level, *options, "."]
    environment = {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, check=False)
    lines = answer.stdout.splitlines()
    return {line.partition("::")[2] for line in lines if line.startswith("PASSED")}, answer.stdout


def test_every_test_runs_in_test_or_in_proof_and_none_in_both(suite):
    in_test, in_proof, everything = (run(suite, level, "--slow-after=60")[0] for level in ("test", "proof", "all"))
    assert in_test | in_proof == everything
    assert not in_test & in_proof
    assert len([name for name in in_test if name.startswith("test_shared")]) == 2
    assert len([name for name in in_proof if name.startswith("test_shared")]) == 4
    assert "test_long" in in_proof
    assert len([name for name in in_test if name.startswith("test_of_tables")]) == 3


def test_a_slow_test_is_an_error_unless_it_says_why(suite):
    passed, printed = run(suite, "test", "--slow-after=0.01")
    errors = [line for line in printed.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 2, printed
    assert "::test_slow - It took 0." in errors[0]
    assert "::test_slow_and_does_not_say_why - It took 0." in errors[1]
    assert {"test_slow_and_says_why", "test_that_comes_first"} <= passed
