"""Delimited text: which character separates the cells, and the rows."""

import codecs
import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from crm.distribution.formulas import original
from crm.distribution.imports.contract import Limits, UnreadableFile
from crm.distribution.imports.sniffing import HEAD_BYTES
from crm.distribution.imports.vocabulary import count_known

# Tab and semicolon first: commas are common inside names and amounts, so they lose a tie.
COMMON_DELIMITERS = ("\t", ";", ",", "|")
RARE_DELIMITERS = ("^", "~", "\x1f", "\xa6", "\xa7")
SAMPLE_RECORDS = 100
_MIN_REGULAR_SHARE = 0.5


def _keep_undefined_byte(error: UnicodeError) -> tuple[str, int]:
    """Five bytes have no character in Windows-1252; as browsers do, they become the control of that number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("fifty.keep_undefined_byte", _keep_undefined_byte)


def _error_handler(encoding: str) -> str:
    return "fifty.keep_undefined_byte" if encoding == "cp1252" else "strict"


def open_text(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors=_error_handler(encoding), newline="")


def read_head(path: Path, encoding: str) -> str:
    """The whole lines in the first 256 KB. Raises UnreadableFile where they are not in that encoding."""
    with path.open("rb") as file:
        content = file.read(HEAD_BYTES)
    decoder = codecs.getincrementaldecoder(encoding)(_error_handler(encoding))
    try:
        text = decoder.decode(content).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _wrong_encoding(encoding, 1 + content[: error.start].count(b"\n")) from error
    is_cut = len(content) == HEAD_BYTES and "\n" in text
    return text[: text.rindex("\n") + 1] if is_cut else text


def find_delimiter(head: str) -> str:
    """The delimiter that makes the best table of the start of a text.

    A text of one column gets a delimiter that does not occur in it, so that its cells stay whole.
    """
    first_line = head.partition("\n")[0].strip()
    if first_line.lower().startswith("sep=") and len(first_line) == len("sep=") + 1:
        return first_line[-1]
    csv.field_size_limit(max(csv.field_size_limit(), len(head)))
    for delimiters in (COMMON_DELIMITERS, RARE_DELIMITERS):
        scores = {one: score for one in delimiters if one in head and (score := _score(head, one))}
        if scores:
            return max(scores, key=lambda one: scores[one])
    return next((one for one in (",", ";", "\t", "|") if one not in head), ",")


def _score(head: str, delimiter: str) -> tuple[int, int, float] | None:
    """How good a table `delimiter` makes, more is better: known header names, nearness to the top, regularity.

    The table starts at the first row of the commonest width. None when it has one column, or is ragged.
    """
    records = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), SAMPLE_RECORDS))
    records = [record for record in records if any(cell.strip() for cell in record)]
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
    """The rows of a delimited text, as (row number from 1, cells), blank ones included."""

    def __init__(self, path: Path, encoding: str, delimiter: str, limits: Limits) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._limits = limits
        self._size = max(path.stat().st_size, 1)
        self._ended = False
        self._bytes_read = lambda: 0

    def fraction_read(self) -> float:
        return min(self._bytes_read() / self._size, 1.0)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Raises UnreadableFile at a wrong byte, an endless cell or a quotation mark that is never closed."""
        csv.field_size_limit(self._limits.max_cell_characters)
        with open_text(self._path, self._encoding) as stream:
            self._bytes_read = stream.buffer.tell
            reader = csv.reader(self._lines(stream), delimiter=self._delimiter)
            first_line = 1
            try:
                for number, record in enumerate(reader, 1):
                    if self._ended:
                        raise _unclosed_quote(first_line)
                    # A list that was exported here, or by another with care, is again what it was.
                    yield number, [original(cell) for cell in record] if "'" in "".join(record) else record
                    first_line = reader.line_num + 1
            except csv.Error as error:
                raise _endless_cell(first_line, self._limits.max_cell_characters) from error
            except UnicodeDecodeError as error:
                raise _wrong_encoding(self._encoding, reader.line_num + 1) from error

    def _lines(self, stream: TextIO) -> Iterator[str]:
        first = stream.readline().removeprefix("\ufeff")
        yield first.replace("\0", "")
        for line in stream:
            yield line.replace("\0", "")
        # csv asks for a line after the last one either between two records, where it then stops,
        # or inside quotation marks, where it then gives what it has.
        self._ended = True


def _unclosed_quote(line: int) -> UnreadableFile:
    return UnreadableFile(
        f'The quotation mark (") that opens in the row on line {line} is never closed. '
        "Close or delete it in that line and upload the file again."
    )


def _endless_cell(line: int, limit: int) -> UnreadableFile:
    return UnreadableFile(
        f"A cell in the row on line {line} is longer than {limit:,} characters. "
        'Usually a quotation mark (") in that line is never closed: close or delete it and upload the file again.'
    )


def _wrong_encoding(encoding: str, line: int) -> UnreadableFile:
    return UnreadableFile(
        f"The text is not valid {encoding.upper().removesuffix('-SIG')} (near line {line}). "
        "Choose another encoding, or save the file as CSV UTF-8 and upload that."
    )
