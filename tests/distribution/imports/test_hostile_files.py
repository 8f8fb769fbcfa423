"""Files made to hurt: each is refused with a message, within seconds, or read correctly."""

import io
import time
import zipfile

import pytest

from crm.distribution.imports.reading import UnreadableFile, inspect_file, read_rows

from .building import (
    ods,
    ods_row,
    ods_text,
    ole,
    with_part,
    with_replaced_part,
    write,
    xlsx,
    xlsx_with_cells,
)
from .reading_helpers import cells_of, inspect, rows_of

QUICKLY = 10  # seconds, on a busy machine; unguarded, each of these runs for a minute or takes all memory

BOOK = xlsx({"Data": [["Username", "Nama"], ["budi", "Budi"]]})
SHEET = "xl/worksheets/sheet1.xml"
SHEET_XML = (
    b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b"<sheetData>%s</sheetData></worksheet>"
)


def zip_of(**parts: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


def marked_encrypted(archive: bytes) -> bytes:
    """Sets the flag of an encrypted part in the directory of the archive."""
    position = archive.index(b"PK\x01\x02") + 8
    return archive[:position] + b"\x01" + archive[position + 1 :]


def test_a_zip_bomb_is_refused_unopened(tmp_path):
    bomb = with_replaced_part(BOOK, SHEET, SHEET_XML % (b"<row><c><v>1</v></c></row>" * 2_000_000))
    assert len(bomb) < 200_000
    path = write(tmp_path, "bomb.xlsx", bomb)
    started = time.monotonic()

    with pytest.raises(UnreadableFile, match="unpacks to an unusual size"):
        inspect(path)
    assert time.monotonic() - started < QUICKLY


def test_a_dense_part_beside_an_honest_sheet_is_a_bomb_too(tmp_path):
    path = write(tmp_path, "bomb.xlsx", with_part(BOOK, "xl/media/image1.bin", bytes(30 * 1024**2)))

    with pytest.raises(UnreadableFile, match="unpacks to an unusual size"):
        inspect(path)


def test_a_bomb_that_was_swapped_in_after_the_inspection_is_refused_by_the_rows(tmp_path):
    path = write(tmp_path, "a.xlsx", BOOK)
    layout = inspect(path).layout
    write(tmp_path, "a.xlsx", with_part(BOOK, "xl/media/image1.bin", bytes(30 * 1024**2)))

    with pytest.raises(UnreadableFile, match="unpacks to an unusual size"):
        list(read_rows(path, layout))


def test_two_cells_in_opposite_corners_cost_only_the_child(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx_with_cells({(0, 0): "Username", (1_048_575, 16_383): "x"}))
    started = time.monotonic()

    with pytest.raises(UnreadableFile, match="stray cell lies far away") as caught:
        inspect(path)
    assert "memory allocation" in caught.value.detail
    assert time.monotonic() - started < QUICKLY


@pytest.mark.parametrize(
    "rows",
    [
        ods_row(ods_text("x", 1_000_000_000)),
        ods_row(ods_text("x", 16_384), repeated=1_048_576),
        ods_row(ods_text("x", 1_000_000_000), repeated=1_000_000_000),
        ods_row('<table:table-cell table:number-columns-repeated="1000000000"/>', repeated=1_000_000_000),
    ],
)
def test_a_sheet_of_a_billion_cells_is_refused_quickly(tmp_path, rows):
    path = write(tmp_path, "a.ods", ods(rows))
    started = time.monotonic()

    with pytest.raises(UnreadableFile):
        inspect(path)
    assert time.monotonic() - started < QUICKLY


def test_a_row_that_is_said_once_and_meant_a_million_times_is_refused(tmp_path):
    content = ods(ods_row(ods_text("Username", 1)) + ods_row(ods_text("x", 1), repeated=900_000))
    assert len(content) < 1000
    path = write(tmp_path, "a.ods", content)
    started = time.monotonic()
    with pytest.raises(UnreadableFile, match="says the same over and over"):
        list(read_rows(path, inspect(path).layout))
    assert time.monotonic() - started < QUICKLY


def test_padding_does_not_make_room_for_it(tmp_path):
    content = ods(ods_row(ods_text("Username", 1)) + ods_row(ods_text("x", 1), repeated=900_000))
    path = write(tmp_path, "a.ods", with_part(content, "pad", bytes(4_000_000)))
    with pytest.raises(UnreadableFile, match="says the same over and over"):
        list(read_rows(path, inspect(path).layout))


def test_a_long_text_that_stands_in_every_cell_is_refused(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx({"Data": [["Username", "Nama"], *[["budi", "x" * 30_000]] * 5000]}))
    with pytest.raises(UnreadableFile, match="says the same over and over"):
        list(read_rows(path, inspect(path).layout))


def test_a_list_in_which_much_is_the_same_is_read(tmp_path):
    people = [[f"user{number}", "From the fair in March, to be called in the evening", 1] for number in range(5000)]
    path = write(tmp_path, "a.xlsx", xlsx({"Data": [["Username", "Note", "Team"], *people]}))
    assert len(list(read_rows(path, inspect(path).layout))) == 5000
    rows = "".join(ods_row(ods_text(f"user{number}", 1), ods_text("Jakarta", 3)) for number in range(5000))
    path = write(tmp_path, "a.ods", ods(ods_row(ods_text("Username", 1), ods_text("Kota", 3)) + rows))
    assert len(list(read_rows(path, inspect(path).layout))) == 5000


REFUSED = {
    "empty.csv": (b"", "The file is empty"),
    "blank.csv": (b" \r\n\t\r\n", "The file is empty"),
    "mark.csv": (b"\xef\xbb\xbf", "The file is empty"),
    "delimiters.csv": (b",,,\n,,,\n", "The file is empty"),
    "header.csv": (b"Username,Nama\n\n,\n", "no row of data"),
    "header.xlsx": (xlsx({"Data": [["Username", "Nama"]]}), "no row of data"),
    "nothing.xlsx": (xlsx({"Data": [], "Lagi": []}), "No sheet of the workbook has data"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, r"a picture \(PNG\)"),
    "photo.csv": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20, r"a picture \(JPEG\)"),
    "paper.xlsx": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a PDF document"),
    "list.csv": (b"\x1f\x8b\x08\x00" + bytes(30), "a compressed archive"),
    "noise.csv": (bytes((n * 197 + n // 7) % 256 for n in range(1, 5000)), "binary data"),
    "prose.xlsx": (b"Dear team\nplease find attached\nthe list\n", "plain text without columns"),
    "web.xls": (b"\n<html><body><table><tr><td>u1</td></tr></table></body></html>", r"a web page \(HTML\)"),
    "web16.xls": ("<table><tr><td>u1</td></tr></table>".encode("utf-16"), r"a web page \(HTML\)"),
    "xml.xls": (b'<?xml version="1.0"?><Workbook></Workbook>', "an XML document"),
    "data.csv": (b'[{"username": "budi"}]', "a JSON document"),
    "locked.xlsx": (ole({"EncryptionInfo": b"\4\0", "EncryptedPackage": bytes(5000)}), "protected by a password"),
    "locked2.xlsx": (marked_encrypted(BOOK), "protected by a password"),
    "letter.xls": (ole({"WordDocument": bytes(5000)}), "an old Office document"),
    "broken.xls": (ole({"Workbook": b"\x09\x08garbage" * 999}), "not a complete workbook"),
    "letter.xlsx": (zip_of(word__document="x"), "a text document or a presentation"),
    "archive.xlsx": (zip_of(list="a,b\nc,d\n"), "a ZIP archive"),
    "fake.xlsx": (b"PK\x03\x04this is not a workbook", "not a complete workbook"),
    "cut.xlsx": (BOOK[: len(BOOK) // 2], "not a complete workbook"),
    "binary.xlsb": (zip_of(**{"xl__workbook.bin": "x"}), "XLSB"),
    "bad.xlsx": (with_replaced_part(BOOK, SHEET, b"<worksheet><sheetData><row><c r='??'"), "not a complete workbook"),
    "wide.csv": (b"Username,Nama\nbudi," + b"x," * 20_000, "more than 16,384 columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_and_says_why(tmp_path, name):
    content, reason = REFUSED[name]

    with pytest.raises(UnreadableFile, match=reason):
        inspect(write(tmp_path, name, content))


def test_two_thousand_columns_are_read(tmp_path):
    header = [f"Kolom_{number}" for number in range(2000)]
    rows = [[f"r{row}c{column}" for column in range(2000)] for row in range(30)]
    text = "\n".join(",".join(row) for row in [header, *rows])
    book = xlsx({"Data": [header, *rows]})

    assert cells_of(write(tmp_path, "a.csv", text)) == rows
    assert cells_of(write(tmp_path, "a.xlsx", book)) == rows


def test_a_cell_of_ten_thousand_characters_is_read_whole(tmp_path):
    long = "panjang " * 1250
    path = write(tmp_path, "a.csv", f"Username,Catatan\nbudi,{long}\nani,pendek\n")
    book = write(tmp_path, "a.xlsx", xlsx({"Data": [["Username", "Catatan"], ["budi", long]]}))

    assert cells_of(path) == [["budi", long], ["ani", "pendek"]]
    assert cells_of(book) == [["budi", long]]


def test_a_long_cell_in_the_phone_column_has_no_key_and_takes_no_time(tmp_path):
    path = write(tmp_path, "a.csv", "Username;HP\n" + f"budi;{' (' * 100_000}\n" * 20)
    started = time.monotonic()

    assert {row.phone_key for row in rows_of(path, phone_column=1)} == {None}
    assert time.monotonic() - started < QUICKLY


def test_file_names_cannot_do_anything(tmp_path):
    name = "-rf 'x' \"y\" $(id) ; é.csv"
    path = write(tmp_path, name, "Username,Nama\nbudi,Budi\n")

    assert inspect_file(path, name="../../\0\udc80.csv").headers == ("Username", "Nama")
    assert cells_of(path) == [["budi", "Budi"]]


def test_a_file_that_changed_its_kind_since_the_inspection_is_refused(tmp_path):
    path = write(tmp_path, "a.csv", "Username,Nama\nbudi,Budi\n")
    layout = inspect(path).layout
    write(tmp_path, "a.csv", BOOK)

    with pytest.raises(UnreadableFile, match="not the one that was looked at before"):
        list(read_rows(path, layout))


def test_a_missing_file_is_not_the_users_mistake(tmp_path):
    with pytest.raises(FileNotFoundError):
        inspect_file(tmp_path / "none.csv", name="none.csv")
