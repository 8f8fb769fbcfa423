"""Files to read in tests: honest workbooks of each kind, and hostile ones, made by hand."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

Cells = Sequence[Sequence[Any]]

_SECTOR = 512
_ODS_NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "number", "calcext")
)


def xlsx(sheets: Mapping[str, Cells], hidden: Sequence[str] = (), **options: Any) -> bytes:
    content = io.BytesIO()
    workbook = xlsxwriter.Workbook(content, {"in_memory": True, **options})
    for name, rows in sheets.items():
        sheet = workbook.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    sheet.write(number, column, value)
        if name in hidden:
            sheet.hide()
    workbook.close()
    return content.getvalue()


def xlsx_with_cells(cells: Mapping[tuple[int, int], Any]) -> bytes:
    content = io.BytesIO()
    workbook = xlsxwriter.Workbook(content, {"in_memory": True})
    sheet = workbook.add_worksheet()
    for (row, column), value in cells.items():
        sheet.write(row, column, value)
    workbook.close()
    return content.getvalue()


def with_part(workbook: bytes, name: str, content: bytes) -> bytes:
    """The zip with one more part."""
    result = io.BytesIO(workbook)
    with zipfile.ZipFile(result, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return result.getvalue()


def with_replaced_part(workbook: bytes, name: str, content: bytes) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, content if part.filename == name else old.read(part))
    return result.getvalue()


def ods(rows_xml: str) -> bytes:
    content = io.BytesIO()
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {_ODS_NAMESPACES}><office:body><office:spreadsheet>'
            f'<table:table table:name="Lembar 1">{rows_xml}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{manifest}">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        )
    return content.getvalue()


def ods_text(text: str, repeated: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def ods_number(value: float) -> str:
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def ods_row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def ole(streams: Mapping[str, bytes]) -> bytes:
    """A compound file: what XLS and encrypted XLSX come in. Its streams start after header, FAT and directory."""
    padded = {name: body.ljust(max(4096, -(-len(body) // _SECTOR) * _SECTOR), b"\0") for name, body in streams.items()}
    free, end, fat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    fat = [fat_mark, end]
    entries = [_ole_entry("Root Entry", 5, end, 0, child=1)]
    for name, body in padded.items():
        first, count = len(fat), len(body) // _SECTOR
        fat += [*range(first + 1, first + count), end]
        entries.append(_ole_entry(name, 2, first, len(body)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<I", 0) + struct.pack("<I", free) * 108
    directory = b"".join(entries).ljust(_SECTOR, b"\0")
    return header + struct.pack("<128I", *fat, *[free] * (128 - len(fat))) + directory + b"".join(padded.values())


def _ole_entry(name: str, kind: int, start: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    none = 0xFFFFFFFF
    return encoded.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", len(encoded), kind, 1, none, none, child, start, size)


def xls(name: str, rows: Cells) -> bytes:
    """A BIFF8 workbook of one sheet, with texts and numbers."""
    encoded = name.encode("latin-1")
    bound = struct.pack("<BBBB", 0, 0, len(encoded), 0) + encoded
    start_of_sheet = len(_bof(5)) + len(_record(0x85, b"1234" + bound)) + len(_record(0x0A))
    book = [_bof(5), _record(0x85, struct.pack("<I", start_of_sheet) + bound), _record(0x0A)]
    dimension = struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0)
    cells = [
        _cell(row, column, value)
        for row, values in enumerate(rows)
        for column, value in enumerate(values)
        if value != ""
    ]
    return ole({"Workbook": b"".join([*book, _bof(0x10), _record(0x200, dimension), *cells, _record(0x0A)])})


def _bof(kind: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))


def _cell(row: int, column: int, value: Any) -> bytes:
    if isinstance(value, str):
        return _record(0x204, struct.pack("<HHHHB", row, column, 0, len(value), 0) + value.encode("latin-1"))
    return _record(0x203, struct.pack("<HHHd", row, column, 0, value))


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
