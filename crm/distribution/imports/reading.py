"""Reading an uploaded table file: look at it with `inspect_file`, then stream it with `read_rows`.

The file is parsed by a child process with limits (`reader_process.py`), so that a hostile file costs only that
process. Every way in which a file cannot be read is an `UnreadableFile`.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from types import TracebackType
from typing import Any, NamedTuple

from crm.distribution.imports.child import ReaderChild
from crm.distribution.imports.contract import Layout, Limits, UnreadableFile
from crm.distribution.imports.headers import HeaderAgain, name_columns

__all__ = [
    "HeaderAgain",
    "Inspection",
    "Layout",
    "Limits",
    "Row",
    "RowReader",
    "UnreadableFile",
    "inspect_file",
    "name_columns",
    "read_rows",
]

ROWS_LIMITS = Limits()
INSPECTION_LIMITS = Limits(cpu_seconds=60, wall_seconds=90.0)  # a person waits for it
OVERRIDABLE = frozenset({"encoding", "delimiter", "sheet", "header_row", "leave_hidden"})


class Row(NamedTuple):
    """A data row. `row_number` counts from 1 as a spreadsheet does, blank rows included.

    `cells` has a text for each column of the layout, and more where the row is longer: those belong to
    "Column 9" and so on, as `name_columns(headers, width)` names them.
    """

    row_number: int
    cells: list[str]
    phone_key: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds: enough for a preview and for `read_rows`.

    `sheets` is empty for text. `headers` has a unique name for each column; `sample_rows` are the first 20 data rows,
    `above` the first 20 rows above the header that are not blank, `letters` some in which one sees whether a guessed
    encoding is right. `hidden` counts the rows under the header that are hidden in the sheet. `notes` are sentences
    for the user.
    """

    layout: Layout
    sheets: tuple[str, ...]
    headers: tuple[str, ...]
    sample_rows: tuple[Row, ...]
    above: tuple[Row, ...]
    letters: tuple[Row, ...]
    hidden: int
    notes: tuple[str, ...]


def inspect_file(
    path: str | PathLike[str],
    *,
    name: str,
    layout_override: Mapping[str, Any] | None = None,
    limits: Limits = INSPECTION_LIMITS,
) -> Inspection:
    """Finds out how to read a file. `name` is what the user calls it; the content decides what it is.

    `layout_override` fixes any of encoding, delimiter, sheet, header_row (0: there is none) and leave_hidden;
    None in it means "find out". Raises UnreadableFile, and FileNotFoundError when there is no such file.
    """
    override = {key: value for key, value in (layout_override or {}).items() if value is not None}
    if unknown := override.keys() - OVERRIDABLE:
        raise TypeError(f"cannot override {', '.join(sorted(unknown))}")
    request = {"path": _existing(path), "name": name, "override": override, "limits": asdict(limits)}
    with ReaderChild("inspect", request, limits) as child:
        found = next(message["inspection"] for message in child.messages())
    return Inspection(
        layout=Layout.from_dict(found["layout"]),
        sheets=tuple(found["sheets"]),
        headers=tuple(found["headers"]),
        sample_rows=_rows(found["sample"]),
        above=_rows(found["above"]),
        letters=_rows(found["letters"]),
        hidden=found["hidden"],
        notes=tuple(found["notes"]),
    )


def read_rows(
    path: str | PathLike[str],
    layout: Layout,
    *,
    id_column: int | None = None,
    phone_column: int | None = None,
    region: str = "ID",
    limits: Limits = ROWS_LIMITS,
) -> "RowReader":
    """Every data row of a file that was inspected, in order; see `RowReader`.

    `phone_column` is the index of the column whose cells become `Row.phone_key`, with `region` as their default. The
    notes say what is a date or the like in it or in `id_column`.
    """
    request = {
        "path": _existing(path),
        "layout": layout.to_dict(),
        "id_column": id_column,
        "phone_column": phone_column,
        "region": region,
        "limits": asdict(limits),
    }
    return RowReader(request, limits)


class RowReader:
    """The data rows of a file. Iterating starts the child process; the end of the loop ends it.

        for row in read_rows(path, layout): ...

    Leaving the loop early ends the child too. Where the iterator itself is kept, use the reader in a `with`.
    Iterating raises UnreadableFile, perhaps after some rows. Iterating again starts again.

    While and after iterating: `rows` and `blank` count data rows and blank rows under the header, `width` is the
    most cells in a row, `fraction` is how much of the file has been read, from 0 to 1. `above_header` counts the rows
    above the header, blank ones too; `hidden` those under it that are hidden in the sheet, whether they are left out or
    not. After the last row, `notes` are sentences about what was read.
    """

    def __init__(self, request: dict[str, Any], limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._child: ReaderChild | None = None
        self.above_header = max(request["layout"]["header_row"] - 1, 0)
        self._reset()

    def _reset(self) -> None:
        self.rows = 0
        self.blank = 0
        self.hidden = 0
        self.width = int(self._request["layout"]["columns"])
        self.fraction = 0.0
        self.notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        self._reset()
        with ReaderChild("rows", self._request, self._limits) as child:
            self._child = child
            for message in child.messages():
                self.blank = message["blank"]
                self.hidden = message["hidden"]
                self.width = message["width"]
                self.fraction = message["fraction"]
                self.notes = tuple(message.get("notes", ()))
                for number, cells, key in message["rows"]:
                    self.rows += 1
                    yield Row(number, cells, key)

    def close(self) -> None:
        """Ends the child, if one is running."""
        if self._child:
            self._child.close()

    def __enter__(self) -> "RowReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _rows(numbered: list[tuple[int, list[str]]]) -> tuple[Row, ...]:
    return tuple(Row(number, cells, None) for number, cells in numbered)


def _existing(path: str | PathLike[str]) -> str:
    """Raises FileNotFoundError."""
    os.stat(path)
    return os.fspath(path)
