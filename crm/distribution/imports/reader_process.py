"""The child process that reads an upload, so that a hostile file costs only this process.

    python -m crm.distribution.imports.reader_process inspect|rows REQUEST

REQUEST is JSON (see `reading.py`, the parent). Each line on stdout is a JSON object: `inspection`, or `rows`
with what was counted so far; then `done`, or `refused` with a message for the user. Without `done` or `refused`
as the last line the reading failed.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from crm.distribution.imports.contract import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    CSV,
    ENCODINGS,
    ODS,
    TOO_BIG,
    XLS,
    XLSX,
    Layout,
    Limits,
    UnreadableFile,
)
from crm.distribution.imports.delimited import (
    COMMON_DELIMITERS,
    DelimitedRows,
    find_delimiter,
    name_of,
    read_head,
    unwrapped,
)
from crm.distribution.imports.headers import HEADER_ONLY, NumberedRow, Survey, checked_size, fit, is_blank, survey
from crm.distribution.imports.sniffing import find_encoding, find_kind, is_damaged, refuse_text_that_is_no_table

Message = dict[str, Any]


class RowSource(Protocol):
    """A text or a sheet: its rows, what is to be said of them, and how far the reading has come, from 0 to 1."""

    def __iter__(self) -> Iterator[NumberedRow]: ...

    row_is_hidden: bool

    def fraction_read(self) -> float: ...

    @property
    def notes(self) -> list[str]: ...


TEXT_NAMED_WORKBOOK = (
    "The file is named like a workbook, but it is plain text without columns. "
    "Open the table in Excel or LibreOffice, save it as XLSX and upload that."
)
GUESSED = (
    "The text is no UTF-8, and was read as {}. Look at the rows with other letters: if they read wrong, choose another "
    "encoding."
)
HIDDEN_SHEETS = "The workbook has hidden sheets: {}. They are not read, unless you choose one."
HIDDEN = "Rows that a filter or a person has hidden in the sheet: {:,}. They are imported too; you can leave them out."
HIDDEN_LEFT_OUT = "Rows that a filter or a person has hidden in the sheet: {:,}. They are left out, as you have chosen."
ONE_COLUMN = "The table has one column, and every cell of its first rows has a {} in it. Does it hold several columns?"
MISNAMED = "The file is named like {} but its content is {}; it was read as that."
_KIND_OF_ENDING = {
    ".csv": CSV,
    ".tsv": CSV,
    ".txt": CSV,
    ".xlsx": XLSX,
    ".xlsm": XLSX,
    ".xls": XLS,
    ".ods": ODS,
}
ENCODINGS_GUESSED = ENCODINGS.keys() - {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"}
MOST_ROWS_LOOKED_AT, LETTER_ROWS = 200_000, 10
_STDERR_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1


def main() -> None:
    mode, request = sys.argv[1], json.loads(sys.argv[2])
    limits = Limits(**request["limits"])
    die_with_parent(request["parent"])
    limit_resources(limits)
    path = Path(request["path"])
    try:
        if mode == "inspect":
            send(inspect(path, request["name"], request["override"], limits))
        else:
            layout = Layout.from_dict(request["layout"])
            for message in read_batches(
                path, layout, request["phone_column"], request["region"], limits, request["id_column"]
            ):
                send(message)
        send({"done": True})
    except UnreadableFile as error:
        send({"refused": str(error), "detail": error.detail})
    except MemoryError:
        send({"refused": TOO_BIG})


def send(message: Message) -> None:
    sys.stdout.buffer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def limit_resources(limits: Limits) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: _STDERR_BYTES,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_AS: limits.memory_bytes,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # A hard CPU limit above the soft one: SIGXCPU ends the process, and says why.
        resource.setrlimit(kind, (value, min(value + 1, hard) if hard >= 0 else value + 1))


def inspect(path: Path, name: str, override: dict[str, Any], limits: Limits) -> Message:
    """The layout, names and first rows of the table, each part found unless `override` gives it."""
    kind = find_kind(path, limits)
    named = _KIND_OF_ENDING.get(Path(name).suffix.lower(), kind)
    if kind == CSV:
        found = _inspect_text(path, override, limits, is_named_workbook=named != CSV)
    else:
        found = _inspect_workbook(path, override, limits)
    found["layout"] = {"kind": kind, "columns": len(found["headers"]), **found["layout"]}
    if named != kind:
        found["notes"].append(MISNAMED.format(named.upper(), kind.upper()))
    if len(found["headers"]) == 1:
        cells = [cells[0] for _number, cells in found["sample"]]
        for delimiter in COMMON_DELIMITERS:
            if all(delimiter in cell for cell in cells):
                found["notes"].append(ONE_COLUMN.format(name_of(delimiter)))
    return {"inspection": found}


def _inspect_text(path: Path, override: dict[str, Any], limits: Limits, *, is_named_workbook: bool) -> Message:
    encoding = override.get("encoding") or find_encoding(path)
    if encoding not in ENCODINGS:
        raise UnreadableFile(f"The encoding “{encoding}” is not one of {', '.join(ENCODINGS)}.")
    damaged = encoding in ("utf-8", "utf-8-sig") and is_damaged(path)
    head = read_head(path, encoding, damaged)
    refuse_text_that_is_no_table(head)
    delimiter, wrapped = find_delimiter(head)
    if override.get("delimiter"):
        delimiter = override["delimiter"]
        wrapped = bool(inner := unwrapped(head)) and all(delimiter in line for line in inner)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise UnreadableFile("The delimiter must be one character, and not a quotation mark or a line end.")
    if is_named_workbook and delimiter not in head:
        raise UnreadableFile(TEXT_NAMED_WORKBOOK)
    rows = DelimitedRows(path, encoding, delimiter, limits, damaged=damaged, wrapped=wrapped)
    found = survey(rows, override.get("header_row"), limits)
    layout = {
        "header_row": found.header_row,
        "encoding": encoding,
        "delimiter": delimiter,
        "damaged": damaged,
        "wrapped": wrapped,
    }
    message = {"layout": layout, "sheets": [], **_columns(found), "notes": []}
    if damaged or encoding in ENCODINGS_GUESSED:
        message["letters"] = _rows_with_letters(rows, found, limits)
        if not damaged and encoding == find_encoding(path):
            message["notes"].append(GUESSED.format(ENCODINGS[encoding]))
    return message


def _rows_with_letters(rows: DelimitedRows, found: Survey, limits: Limits) -> list[NumberedRow]:
    """Some in which one sees whether the encoding is the right one."""
    width = len(found.headers)
    below = islice(((number, cells) for number, cells in rows if number > found.header_row), MOST_ROWS_LOOKED_AT)
    letters = ((number, fit(cells, width)) for number, cells in below if not "".join(cells).isascii())
    return [(number, cells) for number, cells in islice(letters, LETTER_ROWS) if checked_size(number, cells, limits)]


def _inspect_workbook(path: Path, override: dict[str, Any], limits: Limits) -> Message:
    from crm.distribution.imports.workbook import Workbook  # a text is read without loading it

    workbook = Workbook(path, limits)
    sheet = workbook.open_sheet(override["sheet"]) if override.get("sheet") else workbook.open_best_sheet()
    leave_hidden = bool(override.get("leave_hidden"))
    found = survey(sheet, override.get("header_row"), limits)
    if leave_hidden:  # the header is where it is, also if it is hidden
        header = found.header_row
        rows = (row for row in sheet if not sheet.row_is_hidden or row[0] == header)
        found = survey(rows, header, limits)
    layout = {"header_row": found.header_row, "sheet": sheet.name, "leave_hidden": leave_hidden}
    notes = [HIDDEN_SHEETS.format(", ".join(workbook.hidden_sheets))] if workbook.hidden_sheets else []
    hidden = sheet.count_hidden(found.header_row)
    if hidden:
        notes.append((HIDDEN_LEFT_OUT if leave_hidden else HIDDEN).format(hidden))
    return {"layout": layout, "sheets": workbook.sheets, **_columns(found), "notes": notes, "hidden": hidden}


def _columns(found: Survey) -> Message:
    return {"headers": found.headers, "sample": found.sample, "above": found.above, "letters": [], "hidden": 0}


def read_batches(
    path: Path, layout: Layout, phone_column: int | None, region: str, limits: Limits, id_column: int | None = None
) -> Iterator[Message]:
    """Every data row as [row number, cells, phone key], some hundred to a message."""
    naming = [column for column in (id_column, phone_column) if column is not None]
    source = _open_rows(path, layout, naming, limits)
    to_key = _phone_reader(phone_column, region)
    batch: list[tuple[int, list[str], str | None]] = []
    rows = blank = hidden = characters = 0
    width = layout.columns
    for number, cells in source:
        if number <= layout.header_row:
            continue
        if is_blank(cells):
            blank += 1
            continue
        hidden += source.row_is_hidden
        if source.row_is_hidden and layout.leave_hidden:
            continue
        cells = fit(cells, layout.columns)
        characters += checked_size(number, cells, limits)
        batch.append((number, cells, to_key(cells)))
        rows += 1
        width = max(width, len(cells))
        if rows > limits.max_rows:
            raise UnreadableFile(f"The file has more than {limits.max_rows:,} rows. Split it and upload the parts.")
        if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
            yield _message(batch, blank, hidden, width, source.fraction_read())
            batch, characters = [], 0
    if not rows:
        raise UnreadableFile(HEADER_ONLY)
    yield {**_message(batch, blank, hidden, width, 1.0), "notes": source.notes}


def _message(rows: list[Any], blank: int, hidden: int, width: int, fraction: float) -> Message:
    return {"rows": rows, "blank": blank, "hidden": hidden, "width": width, "fraction": fraction}


def _open_rows(path: Path, layout: Layout, naming: Sequence[int], limits: Limits) -> RowSource:
    if find_kind(path, limits) != layout.kind:
        raise UnreadableFile("The file is not the one that was looked at before. Upload it again.")
    if layout.kind == CSV:
        text = str(layout.encoding), str(layout.delimiter)
        return DelimitedRows(path, *text, limits, damaged=layout.damaged, wrapped=layout.wrapped)
    from crm.distribution.imports.workbook import Workbook

    sheet = Workbook(path, limits).open_sheet(str(layout.sheet))
    sheet.naming = naming
    return sheet


def _phone_reader(column: int | None, region: str) -> Callable[[list[str]], str | None]:
    if column is None:
        return lambda cells: None
    from crm.phones import phone_key  # its tables take as long to load as a small file to read

    return lambda cells: phone_key(cells[column], region) if column < len(cells) else None


if __name__ == "__main__":
    main()
