"""The parent and its reading process: limits hold, failures have a message, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from crm.distribution.imports import child
from crm.distribution.imports.reading import INSPECTION_LIMITS, Layout, Limits, UnreadableFile, inspect_file, read_rows

from .building import write
from .reading_helpers import inspect, reading_children

MANY_ROWS = 50_000


@pytest.fixture
def many(tmp_path):
    return write(tmp_path, "many.csv", "Username,HP\n" + "".join(f"u{n},08124412{n:05}\n" for n in range(MANY_ROWS)))


@pytest.mark.parametrize(
    ("way", "message", "detail"),
    [
        ("garbage", child.FAILED, "Segmentation fault"),
        ("number", child.FAILED, "17"),
        ("silent", child.FAILED, "exit code 0"),
        ("endless", child.FAILED, "a line without an end"),
        ("crash", child.FAILED, "secret detail"),
        ("chatty", child.FAILED, "exit code"),
        ("killed", child.TOO_BIG, "SIGKILL"),
        ("hoarding", child.TOO_BIG, "MemoryError"),
        ("asleep", child.TOO_SLOW, "no answer within 1.0 s"),
        ("spinning", child.TOO_SLOW, "SIGXCPU"),
    ],
)
def test_however_the_child_fails_the_user_gets_a_message(tmp_path, monkeypatch, way, message, detail):
    monkeypatch.setattr(child, "PROGRAM", "tests.distribution.imports.misbehaving_child")
    limits = Limits(cpu_seconds=1, wall_seconds=1.0 if way == "asleep" else 20.0)
    started = time.monotonic()

    with pytest.raises(UnreadableFile) as caught:
        inspect_file(write(tmp_path, "a.csv", "x"), name=way, limits=limits)

    assert str(caught.value) == message
    assert detail in caught.value.detail
    assert time.monotonic() - started < 15
    assert reading_children() == []


def test_the_memory_limit_holds(tmp_path):
    path = write(tmp_path, "a.csv", b"Username,Nama\n" + b"x" * 80 * 1024**2)

    with pytest.raises(UnreadableFile, match="memory"):
        inspect_file(path, name="a.csv", limits=replace(INSPECTION_LIMITS, memory_bytes=100 * 1024**2))


def test_a_consumer_that_stops_early_leaves_no_child(many):
    reader = read_rows(many, inspect(many).layout)

    for row in reader:
        assert row.row_number == 2
        break

    assert reading_children() == []


def test_a_consumer_that_raises_leaves_no_child(many):
    layout = inspect(many).layout

    def consume():
        with read_rows(many, layout) as reader:
            iterator = iter(reader)
            next(iterator)
            assert len(reading_children()) == 1
            raise KeyError

    with pytest.raises(KeyError) as caught:
        consume()

    assert caught.tb  # the frame that holds the iterator is still alive
    assert reading_children() == []


def test_an_iterator_that_is_dropped_leaves_no_child(many):
    iterator = iter(read_rows(many, inspect(many).layout))
    next(iterator)

    del iterator

    assert reading_children() == []


def test_a_reader_that_is_never_iterated_starts_nothing(many):
    with read_rows(many, inspect(many).layout):
        assert reading_children() == []


def test_a_reader_counts_while_it_reads_and_can_read_again(many):
    reader = read_rows(many, inspect(many).layout, phone_column=1)
    fractions = []

    for row in reader:
        assert reader.rows == row.row_number - 1
        if reader.rows % 10_000 == 0:
            fractions.append(reader.fraction)

    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.5 < fractions[-1] == 1.0
    assert sum(1 for _ in reader) == reader.rows == MANY_ROWS


def test_a_slow_consumer_is_not_the_childs_fault(many, monkeypatch):
    layout = inspect(many).layout
    slowness = []
    clock = time.monotonic
    monkeypatch.setattr(child.time, "monotonic", lambda: clock() + sum(slowness))
    reader = read_rows(many, layout, limits=Limits(wall_seconds=20.0))

    for row in reader:
        if row.row_number in (2, MANY_ROWS // 2):
            slowness.append(1000.0)

    assert reader.rows == MANY_ROWS


def test_two_readers_at_once_do_not_mix(many, tmp_path):
    other = write(tmp_path, "other.csv", "Username,HP\n" + "".join(f"v{n},0\n" for n in range(MANY_ROWS)))
    pairs = zip(read_rows(many, inspect(many).layout), read_rows(other, inspect(other).layout), strict=True)

    assert all(one.cells[0][1:] == two.cells[0][1:] and one.cells[0][0] != two.cells[0][0] for one, two in pairs)
    assert reading_children() == []


def test_the_child_dies_with_its_parent(many):
    layout = inspect(many).layout.to_dict()
    program = (
        "import time\n"
        "from crm.distribution.imports.reading import Layout, read_rows\n"
        f"reader = read_rows({str(many)!r}, Layout.from_dict({layout!r}))\n"
        "iterator = iter(reader)\n"
        "next(iterator)\n"
        "print(reader._child._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=child.ROOT)
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 5
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_working_directory_does_not_matter_and_a_relative_path_is_found(many, monkeypatch):
    monkeypatch.chdir(many.parent)

    assert inspect_file("many.csv", name="many.csv").headers == ("Username", "HP")


def test_the_child_gets_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    reader = read_rows(write(tmp_path, "a.csv", "a,b\n" + "c,d\n" * 99_999), Layout("csv", 1, 2, "utf-8", ","))
    iterator = iter(reader)
    next(iterator)
    [pid] = reading_children()

    assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_layout_survives_storage(tmp_path):
    for layout in (Layout("csv", 1, 2, "utf-8", ";"), Layout("xlsx", 4, 7, sheet="Data Maret")):
        assert Layout.from_dict(layout.to_dict()) == layout
