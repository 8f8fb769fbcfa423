"""Shortcuts for tests that read a file whole."""

from pathlib import Path

from crm.distribution.imports import reader_process
from crm.distribution.imports.reading import Inspection, Layout, Limits, Row, inspect_file, read_rows

UPLOADS = Path(__file__).resolve().parents[2] / "data" / "uploads"


def inspect(path: Path, **override) -> Inspection:
    return inspect_file(path, name=path.name, layout_override=override or None)


def rows_of(path: Path, *, phone_column: int | None = None, **override) -> list[Row]:
    return list(read_rows(path, inspect(path, **override).layout, phone_column=phone_column))


def cells_of(path: Path, **override) -> list[list[str]]:
    return [row.cells for row in rows_of(path, **override)]


def read_in_this_process(path: Path, **override) -> tuple[Layout, list[list[str]]]:
    """The layout and the cells, without the cost of a child process."""
    found = reader_process.inspect(path, path.name, override, Limits())["inspection"]
    layout = Layout.from_dict(found["layout"])
    batches = reader_process.read_batches(path, layout, None, "ID", Limits())
    return layout, [cells for batch in batches for _, cells, _ in batch["rows"]]


def reading_children() -> list[int]:
    """The process ids of all readers that this process has started and not reaped."""
    return [pid for pid in map(int, _numbers_in_proc()) if _is_reader_of(pid, Path("/proc/self").resolve().name)]


def _numbers_in_proc() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_reader_of(pid: int, parent: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    is_zombie = status[0] == "Z"
    return status[1] == parent and (b"crm.distribution.imports.reader_process" in command or is_zombie)
