"""What a person sees in a sheet, and the reader of workbooks does not say: hidden rows, the text of an error, a number
with the zeros that its format puts before it, formulas of which nobody has stored the result.

Read from the parts of the workbook themselves, and only where one of these occurs: most workbooks have none of them.
"""

import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import xlrd

from crm.distribution.imports.contract import UnreadableFile
from crm.distribution.imports.sniffing import DAMAGED

CHUNK_BYTES = 1024**2
MOST_ROW_BYTES = 16 * 1024**2
"""What is longer and has no end is no row: links, or what is drawn on the sheet."""
OVERLAP_BYTES = 200


class SeenRow(NamedTuple):
    """A row, counted from 1, that looks different from what is stored: whether it is hidden, and the texts of cells by
    their column, counted from 0.
    """

    number: int
    is_hidden: bool
    texts: dict[int, str]


@dataclass
class Counts:
    """What was met in the rows so far."""

    errors: int = 0
    unfinished: Counter[str] = field(default_factory=Counter)
    """Formulas without a result, by the letters of their column."""
    formats_are_unknown: bool = False


class Seen:
    """The rows of a sheet that look different, in their order. The counts are complete after the last."""

    def __init__(self, rows: Iterable[SeenRow] = (), counts: Counts | None = None) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self.counts = counts or Counts()

    def __iter__(self) -> Iterator[SeenRow]:
        while self._next:
            yield self._next
            self._next = next(self._rows, None)

    def of(self, number: int) -> SeenRow | None:
        """The row of that number, asked for in their order."""
        while self._next and self._next.number < number:
            self._next = next(self._rows, None)
        return self._next if self._next and self._next.number == number else None


def seen_in(path: Path, sheet: str) -> Seen:
    """Of a sheet of an XLSX, ODS or XLS workbook; nothing where that is built otherwise than usual."""
    if not zipfile.is_zipfile(path):
        return _of_xls(path, sheet)
    archive = zipfile.ZipFile(path)
    if "content.xml" in archive.namelist():
        return _of_ods(archive, sheet)
    return _of_xlsx(archive, sheet)


def may_hide_rows(path: Path, sheet: str) -> bool:
    """Quicker than to look at each row."""
    if not zipfile.is_zipfile(path):
        return any(row.is_hidden for row in _of_xls(path, sheet))
    archive = zipfile.ZipFile(path)
    if "content.xml" in archive.namelist():
        return _occurs(archive, "content.xml", [b'table:visibility="'])
    part = _part_of(archive, sheet)
    return part is not None and _occurs(archive, part, _in_either_quotes(b" hidden=%s"))


# --- XLSX --------------------------------------------------------------------------------------------------

_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?row>)", re.DOTALL)
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>(.*?)</(?:\w+:)?v>", re.DOTALL)
_HAS_VALUE = re.compile(rb"<(?:\w+:)?(?:v\b[^>]*>[^<]|is\b)")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_UNFINISHED = re.compile(
    rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\b[^>]*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*"
    rb"</(?:\w+:)?c>"
)
_HIDDEN = re.compile(rb"\bhidden=[\"'](?:1|true)[\"']")
_ATTRIBUTE = re.compile(rb"\b([rst])=([\"'])(.*?)\2")


def _of_xlsx(archive: zipfile.ZipFile, sheet: str) -> Seen:
    part = _part_of(archive, sheet)
    if part is None:
        return Seen(counts=Counts(formats_are_unknown=True))
    formats = _number_formats(archive)
    marks = [
        b"<f",
        b":f>",
        b":f ",
        *_in_either_quotes(b" hidden=%s", b"t=%se%s", *(b"s=%s" + style + b"%s" for style in formats)),
    ]
    if not _occurs(archive, part, marks):
        return Seen()
    counts = Counts()
    return Seen(_rows_of_xlsx(archive, part, formats, counts), counts)


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Where the sheet of that name is in the archive."""
    try:
        workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 (expat stops what grows)
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 (expat stops what grows)
    except (KeyError, ElementTree.ParseError):
        return None
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in workbook.iter():
        if each.tag.rpartition("}")[2] == "sheet" and each.get("name") == sheet:
            key = next((value for name, value in each.attrib.items() if name.endswith("}id")), None)
            target = targets.get(key, "")
            name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return name if name in archive.namelist() else None
    return None


def _number_formats(archive: zipfile.ZipFile) -> dict[bytes, str]:
    """The styles of cells, by their number, whose format shows more than the digits of a whole number."""
    try:
        root = ElementTree.fromstring(archive.read("xl/styles.xml"))  # noqa: S314 (expat stops what grows)
    except (KeyError, ElementTree.ParseError):
        return {}
    codes: dict[str, str] = {}
    styles: list[str] = []
    for each in root.iter():
        kind = each.tag.rpartition("}")[2]
        if kind == "numFmt":
            codes[each.get("numFmtId", "")] = each.get("formatCode", "")
        elif kind == "cellXfs":
            styles = [xf.get("numFmtId", "") for xf in each]
    shown = {number: code for number, code in codes.items() if shown_number(code, 1) not in (None, "1")}
    return {b"%d" % style: shown[number] for style, number in enumerate(styles) if number in shown}


def _rows_of_xlsx(archive: zipfile.ZipFile, part: str, formats: dict[bytes, str], counts: Counts) -> Iterator[SeenRow]:
    marks = _in_either_quotes(b"t=%se%s", *(b"s=%s" + style + b"%s" for style in formats))
    number = 0
    for attributes, body in _matches(archive, part, _ROW, (b"</row>", b":row>")):
        own = _attributes(attributes)
        place = own.get(b"r", b"")
        number = int(place) if place.isdigit() and len(place) < 8 else number + 1
        texts: dict[int, str] = {}
        column = -1
        if body and (any(mark in body for mark in marks) or _UNFINISHED.search(body)):
            for cell, content in _CELL.findall(body):
                has = _attributes(cell)
                letters = has.get(b"r", b"").rstrip(b"0123456789").decode()
                column = _column(letters) if letters else column + 1
                value = _VALUE.search(content)
                if has.get(b"t") == b"e" and value:
                    texts[column] = unescape(value[1].decode())
                    counts.errors += 1
                elif has.get(b"t", b"n") == b"n" and has.get(b"s") in formats and value:
                    text = _shown_value(formats[has[b"s"]], value[1])
                    if text is not None:
                        texts[column] = text
                elif _FORMULA.search(content) and not _HAS_VALUE.search(content) and has.get(b"t") != b"str":
                    counts.unfinished[letters or "?"] += 1
        is_hidden = _HIDDEN.search(attributes) is not None
        if is_hidden or texts:
            yield SeenRow(number, is_hidden, texts)


def _attributes(text: bytes) -> dict[bytes, bytes]:
    return {name: value for name, _quote, value in _ATTRIBUTE.findall(text)}


def _in_either_quotes(*marks: bytes) -> list[bytes]:
    return [mark.replace(b"%s", quote) for mark in marks for quote in (b'"', b"'")]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def letters_of(column: int) -> str:
    """What a sheet calls its column of that index: A, Z, AA."""
    letters, number = "", column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _shown_value(code: str, stored: bytes | float) -> str | None:
    try:
        value = float(stored)
    except ValueError:
        return None
    return shown_number(code, int(value)) if value.is_integer() and 0 <= value < 1e15 else None


_TOKEN = re.compile(r'"([^"]*)"|\\(.)|\[[^\]]*\]|[_*].|([0#?])|([-+() :.!^&\'~{}<>=$]|\u00a0)|(.)', re.DOTALL)


def shown_number(code: str, value: int) -> str | None:
    """How a whole number that is not negative looks in that number format, where it is made of digits and of text
    around them: 000000, "ID-"0000, 0000-0000-0000. None for other formats: decimals, thousands, dates, percentages.
    """
    sections = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code)
    if re.search(r"\[[<>=]", code):
        return None
    section = sections[2] if value == 0 and len(sections) > 2 else sections[0]
    parts: list[tuple[str, str]] = []
    for quoted, escaped, digit, literal, other in _TOKEN.findall(section):
        if other or (literal and literal in ".:"):
            return None
        if digit:
            parts.append((digit, ""))
        else:
            parts.append(("", quoted or escaped or literal))
    places = [index for index, (digit, _text) in enumerate(parts) if digit]
    if not places:
        return None
    digits = list(str(value)) if value or parts[places[-1]][0] == "0" else []
    shown: list[str] = []
    for index in range(len(parts) - 1, -1, -1):
        digit, text = parts[index]
        if not digit:
            shown.append(text)
        elif index == places[0]:
            shown.append("".join(digits) or ("0" if digit == "0" else ""))
        else:
            shown.append(digits.pop() if digits else "0" if digit == "0" else " " if digit == "?" else "")
    return "".join(reversed(shown)).strip()


# --- ODS ---------------------------------------------------------------------------------------------------

_ODS = re.compile(
    rb"<table:table\s([^>]*)>|<table:table-row(?=[\s/>])([^>]*?)(?:/>|>(.*?)</table:table-row>)", re.DOTALL
)
_ODS_NAME = re.compile(rb"\btable:name=\"([^\"]*)\"")
_ODS_CELL = re.compile(
    rb"<table:(?:covered-)?table-cell(?=[\s/>])([^>]*?)(?:/>|>(.*?)</table:(?:covered-)?table-cell>)", re.DOTALL
)
_ODS_TEXT = re.compile(rb"<text:p\b[^>]*>(.*?)</text:p>", re.DOTALL)
_ODS_REPEATED = re.compile(rb"number-(?:rows|columns)-repeated=\"(\d+)\"")
_ODS_VALUE = re.compile(rb"office:value=\"([^\"]*)\"")
_ODS_HIDDEN = re.compile(rb"table:visibility=\"(?:filter|collapse)\"")
_ODS_FORMULA, _ODS_RESULT = b'table:formula="', b"office:value-type="
_ODS_ERROR = b'calcext:value-type="error"'
_ODS_COMMENT = re.compile(rb"<office:annotation\b.*?</office:annotation>", re.DOTALL)
_TAG = re.compile(rb"<[^>]*>")
MOST_REPEATED = 200
"""Cells in a row that are the same and are looked at."""


def _of_ods(archive: zipfile.ZipFile, sheet: str) -> Seen:
    marks = [b'table:visibility="', b"number:min-integer-digits=", b"<number:text", _ODS_ERROR, _ODS_FORMULA]
    if not _occurs(archive, "content.xml", marks):
        return Seen()
    counts = Counts()
    return Seen(_rows_of_ods(archive, sheet, counts), counts)


def _rows_of_ods(archive: zipfile.ZipFile, sheet: str, counts: Counts) -> Iterator[SeenRow]:
    here, number = False, 0
    for table, attributes, body in _matches(archive, "content.xml", _ODS, (b"</table:table-row>",)):
        if table:
            name = _ODS_NAME.search(table)
            here, number = bool(name and unescape(name[1].decode()) == sheet), 0
            continue
        if not here:
            continue
        repeated = _ODS_REPEATED.search(attributes)
        times = int(repeated[1]) if repeated else 1
        texts = dict(_texts_of_ods(body, counts)) if body else {}
        is_hidden = _ODS_HIDDEN.search(attributes) is not None
        if texts or (is_hidden and body):
            for each in range(number + 1, number + 1 + times):
                yield SeenRow(each, is_hidden, texts)
        number += times


def _texts_of_ods(body: bytes, counts: Counts) -> Iterator[tuple[int, str]]:
    column = 0
    for attributes, content in _ODS_CELL.findall(body):
        repeated = _ODS_REPEATED.search(attributes)
        times = int(repeated[1]) if repeated else 1
        found = _ODS_TEXT.search(_ODS_COMMENT.sub(b"", content) if b"<office:annotation" in content else content)
        if found and times < MOST_REPEATED:
            text = unescape(_TAG.sub(b"", found[1]).decode())
            is_error = _ODS_ERROR in attributes
            if is_error:
                counts.errors += times
            value = _ODS_VALUE.search(attributes)
            if is_error or (value and _is_whole_number_as(text, value[1].decode())):
                for each in range(column, column + times):
                    yield each, text
        elif _ODS_FORMULA in attributes and _ODS_RESULT not in attributes:
            counts.unfinished[letters_of(column)] += times
        column += times


def _is_whole_number_as(text: str, value: str) -> bool:
    """Whether the text is that number with zeros before it, or with words and signs between its digits: no decimals, no
    thousands, no percentage.
    """
    digits = "".join(char for char in text if char.isdigit())
    return text != value and not {".", ",", "%"}.intersection(text) and digits.lstrip("0") == value.lstrip("0")


# --- XLS ---------------------------------------------------------------------------------------------------


def _of_xls(path: Path, sheet: str) -> Seen:
    rows, counts = _look_at_xls(path, sheet)
    return Seen(rows, replace(counts))


@lru_cache(maxsize=1)
def _look_at_xls(path: Path, sheet: str) -> tuple[list[SeenRow], Counts]:
    """One file a process is looked at, and several times."""
    try:
        book = xlrd.open_workbook(file_contents=path.read_bytes(), formatting_info=True, logfile=sys.stderr)
        rows = list(_rows_of_xls(book, book.sheet_by_name(sheet), counts := Counts()))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is: another reader understands the workbook)
        print(repr(error), file=sys.stderr)
        return [], Counts(formats_are_unknown=True)
    return rows, counts


def _rows_of_xls(book: Any, sheet: Any, counts: Counts) -> Iterator[SeenRow]:
    codes = {key: each.format_str or "" for key, each in book.format_map.items()}
    shown = {key: code for key, code in codes.items() if shown_number(code, 1) not in (None, "1")}
    for row in range(sheet.nrows):
        texts = {}
        for column, kind in enumerate(sheet.row_types(row)):
            value = sheet.cell_value(row, column)
            if kind == xlrd.XL_CELL_ERROR:
                texts[column] = xlrd.error_text_from_code.get(value, "#N/A")
                counts.errors += 1
            elif kind == xlrd.XL_CELL_NUMBER and shown:
                code = shown.get(book.xf_list[sheet.cell_xf_index(row, column)].format_key)
                if code is not None and (text := _shown_value(code, value)) is not None:
                    texts[column] = text
        info = sheet.rowinfo_map.get(row)
        is_hidden = bool(info and info.hidden)
        if is_hidden or texts:
            yield SeenRow(row + 1, is_hidden, texts)


# --- XLSX, ODS --------------------------------------------------------------------------------------------------


def _occurs(archive: zipfile.ZipFile, part: str, marks: list[bytes]) -> bool:
    before = b""
    for chunk in _chunks(archive, part):
        text = before + chunk
        if any(mark in text for mark in marks):
            return True
        before = chunk[-OVERLAP_BYTES:]
    return False


def _matches(
    archive: zipfile.ZipFile, part: str, pattern: re.Pattern[bytes], ends: tuple[bytes, ...]
) -> Iterator[tuple[bytes, ...]]:
    """What the pattern finds in the part, which is not held as a whole. Only what has its end is looked at: to look for
    ends that are not there would take for ever.
    """
    rest = b""
    for chunk in _chunks(archive, part):
        rest += chunk
        end = max(rest.rfind(each) + len(each) if each in rest else 0 for each in ends)
        for match in pattern.finditer(rest, 0, end):
            yield tuple(group or b"" for group in match.groups())
        rest = rest[end:] if len(rest) - end < MOST_ROW_BYTES else rest[-OVERLAP_BYTES:]


def _chunks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    try:
        with archive.open(part) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UnreadableFile(DAMAGED, repr(error)) from error
