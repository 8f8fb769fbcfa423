"""Where the header row is, what the columns are called, and how wide a row is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from crm.distribution.imports.contract import SAMPLE_ROWS, Limits, UnreadableFile
from crm.distribution.imports.vocabulary import LONGEST_NAME, count_known, is_known, joined

NumberedRow = tuple[int, list[str]]

HEAD_ROWS = 100
_MIN_FILLED_SHARE = 0.6
_MOST_ROWS_ABOVE = 3
"""Above a header that is known by its words: rows as full as data, such as the names of groups of columns. Titles,
which fill few columns, are counted apart."""
_MOST_TITLES = 10

_DATA = re.compile(r"[+(]?\d[\d\s.,:/()-]{4,}|\S*://\S+|[^\s@]+@[^\s@]+\.\w+|wa\.me/\S+", re.IGNORECASE)

NO_ROWS = "The file has no rows. Choose a file with a header row and at least one row of data."
HEADER_ONLY = "The file has a header row but no row of data under it."
NO_HEADER_ROW = "Row {} is empty or is not in the file. Choose another header row."


@dataclass(frozen=True)
class Survey:
    """The top of a table: where its header is, its columns' names, its first data rows, and what stands above it."""

    header_row: int
    headers: list[str]
    sample: list[NumberedRow]
    above: list[NumberedRow]


def survey(rows: Iterable[NumberedRow], header_row: int | None, limits: Limits) -> Survey:
    """Reads only as far as the first data rows. Raises UnreadableFile for a table without any."""
    filled = ((number, cells) for number, cells in rows if not is_blank(cells))
    head = list(islice(filled, HEAD_ROWS))
    if not head:
        raise UnreadableFile(NO_ROWS)
    if header_row is None:
        header_row = find_header_row(head)
    headers, sample = _split(chain(head, filled), header_row, limits)
    width = max(used_width(cells) for cells in [headers, *(cells for _, cells in sample)])
    above = [(number, cells) for number, cells in head if number < header_row][:SAMPLE_ROWS]
    return Survey(
        header_row,
        name_columns(headers, width),
        [(number, fit(cells, width)) for number, cells in sample],
        [(number, fit(cells, width)[:width]) for number, cells in above],
    )


def _split(rows: Iterator[NumberedRow], header_row: int, limits: Limits) -> tuple[list[str], list[NumberedRow]]:
    headers: list[str] = []
    sample: list[NumberedRow] = []
    characters = 0
    for number, cells in rows:
        if number < header_row:
            continue
        characters += checked_size(number, cells, limits)
        if number == header_row:
            headers = cells
        else:
            sample.append((number, cells))
        if len(sample) == SAMPLE_ROWS or characters > limits.max_row_characters:
            break
    if header_row and not headers:
        raise UnreadableFile(NO_HEADER_ROW.format(header_row))
    if not sample:
        raise UnreadableFile(HEADER_ONLY)
    return headers, sample


def find_header_row(head: Sequence[NumberedRow]) -> int:
    """The row number of the header among the first non-blank rows, or 0 when the table starts with data.

    A header names columns that we know, or fills most of them, where titles above a table fill few. It stands where
    headers are: under a row of data there is none.
    """
    widest = max(_filled(cells) for _, cells in head)
    above = titles = 0
    most_titles = _MOST_TITLES if widest > 1 else _MOST_ROWS_ABOVE
    for place, (_number, cells) in enumerate(head):
        if count_known(cells) >= min(2, widest):
            return _lowest_of(head[place:])
        if _is_title(cells, widest) and titles < most_titles:
            titles += 1
            continue
        above += 1
        if widest == 1 or above > _MOST_ROWS_ABOVE or _has_data(cells):
            break
    for number, cells in head:
        if _filled(cells) >= _MIN_FILLED_SHARE * widest:
            return 0 if _has_data(cells) else number
    return 0


def _lowest_of(rows: Sequence[NumberedRow]) -> int:
    """The first of the rows is a header. Under the names of groups of columns there is another, which names more."""
    (number, header), *below = rows
    for next_number, cells in below:
        if count_known(cells) <= count_known(header) or _has_data(cells):
            break
        number, header = next_number, cells
    return number


def _is_title(cells: Sequence[str], widest: int) -> bool:
    """Words that fill few columns; over a list of one column, several words."""
    if widest == 1:
        return len("".join(cells).split()) > 1
    return _filled(cells) < _MIN_FILLED_SHARE * widest


def _has_data(cells: Sequence[str]) -> bool:
    return any(_DATA.fullmatch(cell.strip()) for cell in cells)


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def name_columns(headers: Sequence[str], width: int) -> list[str]:
    """A name for each of `width` columns: its header, "Column 5" where it has none, "Nama (2)" if taken."""
    names: list[str] = []
    taken: set[str] = set()
    repeats: dict[str, int] = {}
    for position in range(1, width + 1):
        header = " ".join(headers[position - 1].split()) if position <= len(headers) else ""
        wanted = name = header or f"Column {position}"
        while name in taken:
            repeats[wanted] = repeats.get(wanted, 1) + 1
            name = f"{wanted} ({repeats[wanted]})"
        taken.add(name)
        names.append(name)
    return names


class HeaderAgain:
    """Whether a data row is a header once more, as in lists that were pasted together: the same names in any letters,
    or other names, all of which we know.
    """

    def __init__(self, headers: Sequence[str], column: int) -> None:
        """`column` is the one that is looked at first."""
        self._headers = [joined(header) for header in headers]
        self._column = column

    def __call__(self, cells: Sequence[str]) -> bool:
        first = cells[self._column]
        if len(first) >= LONGEST_NAME or not ((name := joined(first)) == self._headers[self._column] or is_known(name)):
            return False
        if [joined(name) for name in name_columns(cells, len(self._headers))] == self._headers:
            return True
        filled = _filled(cells)
        return filled > 1 and count_known(cells) == filled


def is_blank(cells: Sequence[str]) -> bool:
    return not "".join(cells).strip()


def used_width(cells: Sequence[str]) -> int:
    """The number of columns up to the last one with a value."""
    width = len(cells)
    while width and not cells[width - 1].strip():
        width -= 1
    return width


def fit(cells: list[str], columns: int) -> list[str]:
    """The row padded to `columns`; longer only where a further cell has a value, so that nothing is lost."""
    if len(cells) <= columns:
        return cells + [""] * (columns - len(cells))
    return cells[: max(columns, used_width(cells))]


def checked_size(number: int, cells: Sequence[str], limits: Limits) -> int:
    """The characters in a row. Raises UnreadableFile for a row beyond the limits."""
    if len(cells) > limits.max_columns and used_width(cells) > limits.max_columns:
        raise UnreadableFile(f"Row {number} has more than {limits.max_columns:,} columns, the most that can be read.")
    size = len("".join(cells))
    if size > limits.max_row_characters:
        raise UnreadableFile(f"Row {number} is longer than {limits.max_row_characters:,} characters.")
    if size > limits.max_cell_characters and max(map(len, cells)) > limits.max_cell_characters:
        raise UnreadableFile(f"A cell in row {number} is longer than {limits.max_cell_characters:,} characters.")
    return size
