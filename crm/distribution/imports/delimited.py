"""Delimited text: which character separates the cells, and the rows."""

import codecs
import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from crm.distribution.formulas import original
from crm.distribution.imports.contract import ENCODINGS, Limits, UnreadableFile
from crm.distribution.imports.sniffing import HEAD_BYTES, REPLACEMENT
from crm.distribution.imports.vocabulary import count_known

# Tab and semicolon first: commas are common inside names and amounts, so they lose a tie.
COMMON_DELIMITERS = ("\t", ";", ",", "|")
RARE_DELIMITERS = ("^", "~", "\x1f", "\xa6", "\xa7")
SAMPLE_RECORDS = 100
_MIN_REGULAR_SHARE = 0.5
_HEADER_RECORDS = 10
_NO_DELIMITER = "\x1e"

WRAPPED = "Each line is in quotation marks as a whole. They were taken off, and the line was split at {}."
DAMAGED_LINES = (
    "Some bytes are no UTF-8, though the rest of the file is; they are shown as �. Lines: {}. "
    "Correct these lines in the file, or import them as they are."
)
LONG_ROWS = (
    "Some cells have line ends and {1} in them. If rows are missing, a quotation mark is not closed where it should "
    "be. Lines: {0}."
)


def _keep_undefined_byte(error: UnicodeError) -> tuple[str, int]:
    """Five bytes have no character in Windows-1252; as browsers do, they become the control of that number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("fifty.keep_undefined_byte", _keep_undefined_byte)


def _error_handler(encoding: str, damaged: bool) -> str:
    if damaged:
        return "replace"
    return "fifty.keep_undefined_byte" if encoding == "cp1252" else "strict"


def read_head(path: Path, encoding: str, damaged: bool) -> str:
    """The whole lines in the first 256 KB. Raises UnreadableFile where they are not in that encoding."""
    with path.open("rb") as file:
        content = file.read(HEAD_BYTES)
    decoder = codecs.getincrementaldecoder(encoding)(_error_handler(encoding, damaged))
    try:
        text = decoder.decode(content).removeprefix("\ufeff")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0  # without the mark that UTF-16 begins with
        raise _wrong_encoding(encoding, 1 + content[:start].count(b"\n")) from error
    is_cut = len(content) == HEAD_BYTES and "\n" in text
    return text[: text.rindex("\n") + 1] if is_cut else text


def find_delimiter(head: str) -> tuple[str, bool]:
    """The delimiter that makes the best table of the start of a text, and whether its lines are `wrapped` (see
    `unwrapped`).

    A text of one column gets a delimiter that does not occur in it, so that its cells stay whole.
    """
    first_line = head.partition("\n")[0].strip()
    if first_line.lower().startswith("sep=") and len(first_line) == len("sep=") + 1:
        return first_line[-1], False
    csv.field_size_limit(max(csv.field_size_limit(), len(head)))
    if inner := unwrapped(head):
        scores = _scores("\n".join(inner), COMMON_DELIMITERS)
        best = max(scores, key=lambda one: scores[one], default="")
        # Two names with a comma in each are names, and not a table.
        if best and (scores[best][0] > 1 or all(line.count(best) > 1 for line in inner)):
            return best, True
    for delimiters in (COMMON_DELIMITERS, RARE_DELIMITERS):
        if scores := _scores(head, delimiters):
            return max(scores, key=lambda one: scores[one]), False
    return next((one for one in (",", ";", "\t", "|") if one not in head), ","), False


def unwrapped(head: str) -> list[str]:
    """Its first lines without the quotation marks that each has around it as a whole; none where one has not."""
    lines = [line for line in head.splitlines() if line.strip()][:SAMPLE_RECORDS]
    if not all(line.startswith('"') for line in lines):
        return []
    try:
        inner = list(csv.reader(lines, delimiter=_NO_DELIMITER, strict=True))
    except csv.Error:
        return []
    return [line for (line,) in inner] if len(inner) == len(lines) else []


Score = tuple[int, int, float]


def _scores(head: str, delimiters: Iterable[str]) -> dict[str, Score]:
    return {one: score for one in delimiters if one in head and (score := _score(head, one))}


def _score(head: str, delimiter: str) -> Score | None:
    """How good a table `delimiter` makes, more is better: known header names, nearness to the top, regularity.

    The table starts at a header that names columns that we know, and then its rows may be shorter: some programs leave
    off the cells at the end that are empty. Else it starts at the first row of the commonest width. None when it has
    one column, or is ragged.
    """
    records = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), SAMPLE_RECORDS))
    records = [record for record in records if any(cell.strip() for cell in record)]
    for start, record in enumerate(records[:_HEADER_RECORDS]):
        known, below = count_known(record), records[start + 1 :]
        fitting = sum(1 < len(row) <= len(record) for row in below)
        if known > 1 and fitting >= _MIN_REGULAR_SHARE * len(below):
            return known, -start, (1 + fitting) / (1 + len(below)) * math.log2(len(record))
    widths = Counter(len(record) for record in records if len(record) > 1)
    if not widths:
        return None
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    start = next(index for index, record in enumerate(records) if len(record) == width)
    share = count / (len(records) - start)
    if share < _MIN_REGULAR_SHARE:
        return None
    return count_known(records[start]), -start, share * math.log2(width)


class DelimitedRows:
    """The rows of a delimited text, as (row number from 1, cells), blank ones included.

    `notes` are sentences about what was read, complete after the last row.
    """

    def __init__(
        self, path: Path, encoding: str, delimiter: str, limits: Limits, *, damaged: bool = False, wrapped: bool = False
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._limits = limits
        self._damaged = damaged
        self._wrapped = wrapped
        self._size = max(path.stat().st_size, 1)
        self._ended = False
        self._bytes_read = lambda: 0
        self._lines_of_row: list[str] = []
        self._damaged_lines = Places()
        self._long_rows = Places()
        self.row_is_hidden = False

    @property
    def notes(self) -> list[str]:
        notes = []
        if self._wrapped:
            notes.append(WRAPPED.format(name_of(self._delimiter)))
        if self._damaged_lines:
            notes.append(DAMAGED_LINES.format(self._damaged_lines))
        if self._long_rows:
            notes.append(LONG_ROWS.format(self._long_rows, name_of(self._delimiter)))
        return notes

    def fraction_read(self) -> float:
        return min(self._bytes_read() / self._size, 1.0)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Raises UnreadableFile at a wrong byte, an endless cell or a quotation mark that is never closed."""
        csv.field_size_limit(self._limits.max_cell_characters)
        self._ended, self._damaged_lines, self._long_rows = False, Places(), Places()
        errors = _error_handler(self._encoding, self._damaged)
        with self._path.open(encoding=self._encoding, errors=errors, newline="") as stream:
            self._bytes_read = stream.buffer.tell  # type: ignore[attr-defined]
            reader = csv.reader(self._lines(stream), delimiter=self._delimiter)
            first_line = 1
            try:
                for number, record in enumerate(reader, 1):
                    if self._ended:
                        raise _unclosed_quote(first_line)
                    if reader.line_num > first_line:
                        self._look_at_long_row(record, first_line, reader.line_num)
                    self._lines_of_row.clear()
                    if self._wrapped and len(record) == 1:
                        record = self._unwrapped(record)
                    text = "".join(record)
                    if REPLACEMENT in text and self._damaged:
                        self._damaged_lines.add(str(first_line))
                    # A list that was exported here, or by another with care, is again what it was.
                    yield number, [original(cell) for cell in record] if "'" in text or '="' in text else record
                    first_line = reader.line_num + 1
            except csv.Error as error:
                raise _endless_cell(first_line, self._limits.max_cell_characters) from error
            except UnicodeError as error:
                raise _wrong_encoding(self._encoding, reader.line_num + 1) from error

    def _unwrapped(self, record: list[str]) -> list[str]:
        """The cells of a wrapped line; one that is no such line stays as it is."""
        try:
            rows = list(csv.reader(record, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return record
        return rows[0] if len(rows) == 1 else record

    def _lines(self, stream: TextIO) -> Iterator[str]:
        for line in chain([stream.readline().removeprefix("\ufeff")], stream):
            whole = line.replace("\0", "")
            self._lines_of_row.append(whole)
            yield whole
        # csv asks for a line after the last one either between two records, where it then stops,
        # or inside quotation marks, where it then gives what it has.
        self._ended = True

    def _look_at_long_row(self, record: list[str], first: int, last: int) -> None:
        """A stray quotation mark makes one row of several lines. Raises UnreadableFile where that can be seen: another
        stands within a cell. Else a cell that may hold lines of the table is only said.
        """
        try:
            list(csv.reader(self._lines_of_row, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise _swallowed_lines(first, last) from error
        if any("\n" in cell and self._delimiter in cell for cell in record):
            self._long_rows.add(f"{first}–{last}")


class Places:
    """The first of many line numbers, for a sentence."""

    MOST = 5

    def __init__(self) -> None:
        self._first: list[str] = []
        self._count = 0

    def add(self, place: str) -> None:
        self._count += 1
        if len(self._first) < self.MOST:
            self._first.append(place)

    def __bool__(self) -> bool:
        return self._count > 0

    def __str__(self) -> str:
        more = self._count - len(self._first)
        return ", ".join(self._first) + (f" and {more:,} more" if more else "")


def name_of(delimiter: str) -> str:
    """For people."""
    return "tab" if delimiter == "\t" else f"“{delimiter}”"


def _unclosed_quote(line: int) -> UnreadableFile:
    return UnreadableFile(
        f'The quotation mark (") that opens in the row on line {line} is never closed. '
        "Close or delete it in that line and upload the file again."
    )


def _swallowed_lines(first: int, last: int) -> UnreadableFile:
    return UnreadableFile(
        f'A quotation mark (") that opens in line {first} closes only in line {last}: they would become one row. '
        "Delete the quotation marks there, or double those that belong to a name, and upload the file again."
    )


def _endless_cell(line: int, limit: int) -> UnreadableFile:
    return UnreadableFile(
        f"A cell in the row on line {line} is longer than {limit:,} characters. "
        'Usually a quotation mark (") in that line is never closed: close or delete it and upload the file again.'
    )


def _wrong_encoding(encoding: str, line: int) -> UnreadableFile:
    return UnreadableFile(
        f"The text is not valid {ENCODINGS[encoding]} (near line {line}). "
        "Choose another encoding, or save the file as CSV UTF-8 and upload that."
    )
