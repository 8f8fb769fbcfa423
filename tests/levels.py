"""Which tests run: `--level test` (the default), `proof`, `quick` or `all`; and that none of `test` is slow.

- `test` is what `make test` runs: every test, but for those of `proof`.
- `proof` is what `make proof` runs besides: what is marked `proof` because it is long by nature; and what the modules
  share by construction in the modules in which `test` left it out. A test that is parametrised over the modules runs in
  one of them in `test`, another one from test to test, and in the others in `proof`; but where it is `every_module`.
  What is short in `test` and whole in `proof` asks for its level: axe looks at a few pages, or at all in both themes.
- `quick` is what a person runs while working: `test` without browsers, processes, threads and random lives.

Under xdist the workers measure, and their reports carry the outcome.
"""

import gc
import time
import zlib
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest

LEVELS = ("test", "proof", "quick", "all")
SECONDS_OF_A_MILLION = 0.05
"""What `_a_million` takes on a core of its own."""
MODULES = ("records", "bonanza", "memberwd")
NOT_QUICK = ("browser", "concurrency", "properties", "runtime")
TOLD_THEIR_LEVEL = {"assert_accessible"}
SHARED_SECONDS = pytest.StashKey[float]()
SPENT = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--level", choices=LEVELS, default="test", help="which tests run; see tests/levels.py")
    parser.addoption("--slow-after", type=float, default=10.0, help="seconds of a quiet core after which a test fails")


@pytest.hookimpl(trylast=True)  # of what `-k` has left, if it names a module, that module runs
def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    level = config.getoption("level")
    if level == "all":
        return
    for item in in_other_modules(items):
        item.add_marker("proof")
    if level == "proof":
        chosen = [item for item in items if is_proof(item) or TOLD_THEIR_LEVEL.intersection(item.fixturenames)]
    else:
        chosen = [item for item in items if not is_proof(item)]
    if level == "quick":
        chosen = [item for item in chosen if item.path.parent.name not in NOT_QUICK]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def is_proof(item: pytest.Item) -> bool:
    return item.get_closest_marker("proof") is not None


def in_other_modules(items: list[Any]) -> list[pytest.Item]:
    """Those that run in one more module what another one runs already."""
    siblings: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and "module" in call.params and not item.get_closest_marker("every_module"):
            others = [part for part in call.id.split("-") if part not in MODULES]
            siblings[f"{item.location[0]}::{item.originalname}{others}"].append(item)
    chosen = {each[zlib.crc32(name.encode()) % len(each)] for name, each in siblings.items()}
    return [item for each in siblings.values() for item in each if item not in chosen]


def pytest_collection_finish() -> None:
    """All that is loaded by now stays: the collector need not look at it again and again (an eighth of the time)."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


# --- Slow is an error --------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """What several tests share is not counted for the one that happens to be the first."""
    begun = time.perf_counter()
    try:
        return (yield)
    finally:
        if fixturedef.scope != "function":
            stash = request._pyfuncitem.stash
            stash[SHARED_SECONDS] = stash.get(SHARED_SECONDS, 0.0) + time.perf_counter() - begun


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Generator[None, Any, Any]:
    report = yield
    item.stash[SPENT] = item.stash.get(SPENT, 0.0) + call.duration
    seconds = item.stash[SPENT] - item.stash.get(SHARED_SECONDS, 0.0)
    most_seconds = item.config.getoption("slow_after")
    if call.when != "teardown" or not report.passed or seconds <= most_seconds:
        return report
    slow = item.get_closest_marker("slow")
    if item.config.getoption("level") not in ("test", "quick") or is_proof(item) or (slow and slow.args):
        return report
    slower = _times_slower()
    if seconds / slower > most_seconds:
        report.outcome = "failed"
        report.longrepr = (
            f"It took {seconds:.1f} s (on a machine {slower:.1f} times slower than a quiet one), more than"
            f" {most_seconds:g}. Make it faster, or mark it `slow` and say why."
        )
    return report


def _times_slower() -> float:
    """How much slower this machine is now, with all that runs on it, than a core of its own: at least 1."""
    return max(1.0, _a_million() / SECONDS_OF_A_MILLION)


def _a_million() -> float:
    begun, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return time.perf_counter() - begun
