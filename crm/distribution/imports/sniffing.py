"""What a file is, told by its content: a workbook, a text in some encoding, or something to refuse."""

import codecs
import re
import zipfile
import zlib
from pathlib import Path

from crm.distribution.imports.contract import CSV, ODS, XLS, XLSX, Limits, UnreadableFile

HEAD_BYTES = 256 * 1024
BIG_PART_BYTES = 10 * 1024**2
MAX_PARTS = 10_000

EMPTY = "The file is empty. Choose a file with a header row and at least one row of data."
DAMAGED = (
    "The file is not a complete workbook: it is damaged, or it is another kind of file with a workbook's name. "
    "Open it in Excel or LibreOffice, save it as XLSX and upload that."
)
PROTECTED = "The workbook is protected by a password. Remove the password and upload it again."
BOMB = (
    "The workbook unpacks to an unusual size and was not opened. Copy the data into a new workbook, or save it as CSV."
)
NOT_A_TABLE = "The file is {}, not a table. Upload a CSV, XLSX, XLS or ODS file."

REPLACEMENT = "\ufffd"
"""What stands for a byte that is no character."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_BINARY = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"RIFF": "a picture, a sound or a video",
    b"\x1f\x8b": "a compressed archive",
    b"7z\xbc\xaf": "a compressed archive",
    b"Rar!": "a compressed archive",
    b"{\\rtf": "a text document (RTF)",
    b"SQLite format 3": "a database",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}
_MARKUP = re.compile(
    r"\s*(?:(?P<page><!doctype\s+html|<html|<head|<body|<table|<meta|<style|MIME-Version:)|(?P<xml><\?xml|<workbook)"
    r"|(?P<json>[\[{]\s*[\[{\"]))",
    re.IGNORECASE,
)
_MARKUP_NAMES = {"page": "a web page (HTML)", "xml": "an XML document", "json": "a JSON document"}
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1b\x7f-\x9f\ufffd]")
_MAX_CONTROL_SHARE = 0.05
_MAX_STRAY_CONTROLS = 8


def find_kind(path: Path, limits: Limits) -> str:
    """One of the kinds of `Layout`. Raises UnreadableFile for what is no table, is locked or is a zip bomb."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise UnreadableFile(EMPTY)
    if head.startswith(_ZIP):
        return _kind_of_zip(path, limits)
    if head.startswith(_OLE):
        return _kind_of_ole(path)
    for magic, what in _BINARY.items():
        if head.startswith(magic):
            raise UnreadableFile(NOT_A_TABLE.format(what))
    return CSV


def _kind_of_zip(path: Path, limits: Limits) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            _refuse_bomb(parts, limits)
            if any(part.flag_bits & 1 for part in parts):
                raise UnreadableFile(PROTECTED)
            names = {part.filename for part in parts}
            mimetype = _start_of_part(archive, "mimetype") if "mimetype" in names else b""
    # Nothing is left undone: zipfile raises NotImplementedError for a compression that it does not know.
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError) as error:
        raise UnreadableFile(DAMAGED, repr(error)) from error
    if b"opendocument.spreadsheet" in mimetype:
        return ODS
    if any(name.endswith("workbook.xml") for name in names):
        return XLSX
    raise UnreadableFile(_name_of_zip(names))


_HOLDS_CELLS = re.compile(r"^content\.xml$|(?:^|/)worksheets/|(?:^|/)sharedStrings\.xml$", re.IGNORECASE)


def unpacked_bytes(path: Path) -> int:
    """Of the parts of a workbook that hold cells and their texts."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(part.file_size for part in archive.infolist() if _HOLDS_CELLS.search(part.filename))


def _start_of_part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(100)


def _refuse_bomb(parts: list[zipfile.ZipInfo], limits: Limits) -> None:
    """The sizes are what the archive claims; one that lies meets the limits of the process instead."""
    big = [part for part in parts if part.file_size > BIG_PART_BYTES]
    is_dense = any(part.file_size > limits.max_compression_ratio * max(part.compress_size, 1) for part in big)
    total = sum(part.file_size for part in parts)
    if is_dense or total > limits.max_uncompressed_bytes or len(parts) > MAX_PARTS:
        raise UnreadableFile(BOMB, f"{len(parts)} parts, {total} bytes unpacked")


def _name_of_zip(names: set[str]) -> str:
    if any(name.endswith("workbook.bin") for name in names):
        return "Workbooks of the kind XLSB cannot be read. Save it as XLSX and upload that."
    if any(name.startswith(("word/", "ppt/")) for name in names):
        return NOT_A_TABLE.format("a text document or a presentation")
    if "content.xml" in names or "[Content_Types].xml" in names:
        return DAMAGED
    return "The file is a ZIP archive. Unpack it and upload the table inside."


def _kind_of_ole(path: Path) -> str:
    """XLS shares its container with encrypted XLSX, whose container names its one stream."""
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableFile(PROTECTED)
    if any(name.encode("utf-16-le") in content for name in ("Workbook", "Book", "WORKBOOK", "BOOK")):
        return XLS
    raise UnreadableFile(NOT_A_TABLE.format("an old Office document"))


def find_encoding(path: Path) -> str:
    """BOM, then the NUL pattern of UTF-16, then UTF-8 over the whole file, then Windows-1252.

    The NUL pattern comes before UTF-8 because plain ASCII in UTF-16 is valid UTF-8 too. A text in UTF-8 may have a few
    other bytes in it: see `is_damaged`.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = len(head) // 2
    even, odd = head[0 : 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    good, bad = _letters(path)
    return "utf-8" if good > bad or not bad else "cp1252"


def is_damaged(path: Path) -> bool:
    """Whether a text has bytes that are no UTF-8, fewer than it has letters that are: somebody pasted a line of another
    file, and the rest of it is as it was.
    """
    good, bad = _letters(path)
    return 0 < bad < good


def _letters(path: Path) -> tuple[int, int]:
    """How many characters beyond ASCII the file has as UTF-8, and how many wrong bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    letters = bad = 0
    with path.open("rb") as file:
        while chunk := file.read(1024**2):
            text = decoder.decode(chunk)
            if not text.isascii():
                letters += len(text) - len(text.encode("ascii", "ignore"))
                bad += text.count(REPLACEMENT) - chunk.count(REPLACEMENT.encode())
    cut = len(decoder.decode(b"", final=True))
    return letters - bad, bad + cut


def refuse_text_that_is_no_table(head: str) -> None:
    """`head` is the start of the decoded text. Raises UnreadableFile for markup and for binary data."""
    if not head.strip("\0\ufeff \t\r\n,;|"):
        raise UnreadableFile(EMPTY)
    markup = _MARKUP.match(head)
    if markup:
        what = _MARKUP_NAMES[str(markup.lastgroup)]
        raise UnreadableFile(
            f"The file is {what}, not a table, whatever its name says. "
            "Open it in Excel or LibreOffice, save it as XLSX and upload that."
        )
    if len(_CONTROLS.findall(head)) > max(_MAX_CONTROL_SHARE * len(head), _MAX_STRAY_CONTROLS):
        raise UnreadableFile(NOT_A_TABLE.format("binary data"))
