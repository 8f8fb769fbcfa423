"""What a person sees in a sheet is what is read: leading zeros, errors, hidden rows, formulas without a result."""

import io
import time
from datetime import date

import pytest
import xlsxwriter

from crm.distribution.imports.reading import read_rows
from crm.distribution.imports.shown import letters_of, seen_in, shown_number

from .building import ods, ods_row, ods_text, with_replaced_part, write, xlsx
from .reading_helpers import cells_of, inspect

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("000000", 123, "000123"),
        ("000000", 1234567, "1234567"),
        ("000000", 0, "000000"),
        ("0000-0000-0000", 81234567801, "0812-3456-7801"),
        ('"ID-"0000', 7, "ID-0007"),
        ("\\I\\D0000", 7, "ID0007"),
        ("(000) 000-0000", 2125551234, "(212) 555-1234"),
        ("00 00 00;[Red]-00", 123, "00 01 23"),
        ("[$-421]00000", 12, "00012"),
        ('"a;b"000', 5, "a;b005"),
        ("+00", 628, "+628"),
        ("00_)", 1, "01"),
        ("###000", 12, "012"),
        ("0", 12, "12"),
        ("#", 0, ""),
        ("General", 12, None),
        ("0.00", 12, None),
        ("#,##0", 1234, None),
        ("0%", 12, None),
        ("dd/mm/yyyy", 12, None),
        ("0.0E+0", 12, None),
        ("# ?/?", 12, None),
        ("@", 12, None),
        ("", 12, None),
    ],
)
def test_a_number_looks_as_its_format_says(code, value, shown):
    assert shown_number(code, value) == shown


def workbook(fill) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    sheet = book.add_worksheet("Data")
    fill(book, sheet)
    book.close()
    return content.getvalue()


def read(path, id_column=None, phone_column=None, **override):
    inspection = inspect(path, **override)
    reader = read_rows(path, inspection.layout, id_column=id_column, phone_column=phone_column)
    return [row.cells for row in reader], [*inspection.notes, *reader.notes], reader.hidden


def test_numbers_have_the_zeros_that_the_sheet_shows(tmp_path):
    def fill(book, sheet):
        padded, plain = book.add_format({"num_format": "000000"}), book.add_format({"num_format": "#,##0"})
        sheet.write_row(0, 0, ["Username", "Nama", "Saldo"])
        for row, value in enumerate([123, 0, 1234567, 12.5, -5], 1):
            sheet.write_number(row, 0, value, padded)
            sheet.write_string(row, 1, "0007")
            sheet.write_number(row, 2, 1234, plain)
        sheet.write_string(6, 0, "77", padded)
        sheet.write_formula(7, 0, "=A2", padded, 123)

    cells, notes, _hidden = read(write(tmp_path, "a.xlsx", workbook(fill)))
    assert [row[0] for row in cells] == ["000123", "000000", "1234567", "12.5", "-5", "77", "000123"]
    assert cells[0] == ["000123", "0007", "1234"]
    assert notes == []


def test_a_table_that_begins_far_from_the_corner_is_the_same(tmp_path):
    def fill(book, sheet):
        padded = book.add_format({"num_format": "00000"})
        sheet.write_row(5, 3, ["Username", "Nama"])
        sheet.write_number(8, 3, 42, padded)
        sheet.write_number(9, 3, 43, padded)
        sheet.set_row(9, options={"hidden": True})

    cells, _notes, hidden = read(write(tmp_path, "a.xlsx", workbook(fill)))
    assert [[cell for cell in row if cell] for row in cells] == [["00042"], ["00043"]]
    assert hidden == 1


def test_hidden_rows_are_said_and_left_out_where_one_chooses_to(tmp_path):
    def fill(book, sheet):
        sheet.write_row(0, 0, ["Username", "Nama"])
        for row in range(1, 8):
            sheet.write_row(row, 0, [f"u{row}", "x"])
        for row in (2, 3, 6, 9):  # the last one is blank
            sheet.set_row(row, options={"hidden": True})

    path = write(tmp_path, "a.xlsx", workbook(fill))
    cells, notes, hidden = read(path)
    assert (len(cells), hidden) == (7, 3)
    assert "hidden in the sheet: 3. They are imported too" in notes[0]
    cells, notes, hidden = read(path, leave_hidden=True)
    assert ([row[0] for row in cells], hidden) == (["u1", "u4", "u5", "u7"], 3)
    assert "They are left out" in notes[0]
    assert inspect(path).hidden == 3


@pytest.mark.parametrize("header_row", [None, 1])
def test_a_header_that_is_hidden_is_the_header_also_where_hidden_rows_are_left_out(tmp_path, header_row):
    def fill(book, sheet):
        for row, cells in enumerate([["Username", "Nama"], ["u1", "x"], ["u2", "x"], ["u3", "x"]]):
            sheet.write_row(row, 0, cells)
        for row in (0, 2):
            sheet.set_row(row, options={"hidden": True})

    path = write(tmp_path, "a.xlsx", workbook(fill))
    cells, _notes, hidden = read(path, leave_hidden=True, header_row=header_row)
    assert ([row[0] for row in cells], hidden) == (["u1", "u3"], 1)
    assert inspect(path, leave_hidden=True, header_row=header_row).headers == ("Username", "Nama")


def test_dates_percentages_and_truths_by_which_customers_are_known_are_said(tmp_path):
    def fill(book, sheet):
        day, percent = book.add_format({"num_format": "dd/mm/yy"}), book.add_format({"num_format": "0%"})
        sheet.write_row(2, 1, ["Since", "Username", "Phone"])
        sheet.write_row(3, 1, ["x", "u1", 81244129545])
        sheet.write_datetime(4, 1, date(2026, 11, 30), day)
        sheet.write_datetime(4, 2, date(2026, 11, 30), day)
        sheet.write_boolean(5, 2, True)
        sheet.write_number(6, 2, 0.5, percent)
        sheet.write_number(6, 3, 812.5)
        sheet.write_number(7, 2, 12)

    path = write(tmp_path, "a.xlsx", workbook(fill))
    cells, notes, _hidden = read(path, id_column=1, phone_column=2)
    assert [row[1] for row in cells] == ["u1", "2026-11-30", "TRUE", "0.5", "12"]
    assert [note[: note.index(":") + 4] for note in notes] == [
        "Cells in column C that are dates, percentages, fractions or TRUE and FALSE: 3.",
        "Cells in column D that are dates, percentages, fractions or TRUE and FALSE: 1.",
    ]
    assert read(path)[1] == [], "and of other columns nothing"


@pytest.mark.parametrize(("column", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_a_column_has_the_letters_of_the_sheet(column, letters):
    assert letters_of(column) == letters


def test_formulas_without_a_result_of_an_ods_are_counted(tmp_path):
    no_result = '<table:table-cell table:formula="of:=[.B2]"/>'
    of_text = '<table:table-cell table:formula="of:=[.B2]" office:value-type="string"/>'
    rows = [
        ods_row(ods_text("Username"), ods_text("Nama")),
        ods_row(ods_text("u1"), no_result),
        ods_row(ods_text("u2"), of_text),
        ods_row(ods_text("u3"), no_result),
    ]
    _cells, notes, _hidden = read(write(tmp_path, "a.ods", ods("".join(rows))))
    assert [note[: note.index(":") + 4] for note in notes] == ["Formulas in column B whose result is not stored: 2."]


def test_a_workbook_that_quotes_otherwise_reads_the_same(tmp_path):
    rows = (
        "<row r='1'><c r='A1' t='inlineStr'><is><t>Username</t></is></c></row>"
        "<row r='2' hidden='1'><c r='A2' t='inlineStr'><is><t>u1</t></is></c></row>"
        "<row r='3'><c r='A3' t='e'><v>#N/A</v></c></row>"
    )
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()
    path = write(tmp_path, "a.xlsx", with_replaced_part(xlsx({"A": [["x"]]}), "xl/worksheets/sheet1.xml", sheet))
    cells, notes, hidden = read(path)
    assert (cells, hidden, len(notes)) == ([["u1"], ["#N/A"]], 1, 2)


def test_hidden_sheets_are_named(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx({"A": [["id"], ["1"]], "Old": [["id"], ["2"]]}, hidden=["Old"]))
    assert inspect(path).notes == ("The workbook has hidden sheets: Old. They are not read, unless you choose one.",)


def test_errors_keep_their_text_and_formulas_without_a_result_are_counted(tmp_path):
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>u{row}</t></is></c>{cells}</row>'
        for row, cells in enumerate(
            [
                '<c r="B1" t="inlineStr"><is><t>Nama</t></is></c><c r="C1" t="inlineStr"><is><t>HP</t></is></c>',
                '<c r="B2" t="e"><v>#N/A</v></c><c r="C2"><f>"0"&amp;D2</f></c>',
                '<c r="B3" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="C3"><f t="shared" si="0"/></c>',
                '<c r="B4" t="str"><f>D4</f><v></v></c><c r="C4"><f>D4</f><v>5</v></c>',
                '<c t="e"><v>#REF!</v></c><c><v>7</v></c>',
                '<c r="B6"><f>D4</f><v/></c><c r="C6"><f>D4</f><v></v></c>',
            ],
            1,
        )
    )
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()
    path = write(tmp_path, "a.xlsx", with_replaced_part(xlsx({"A": [["x"]]}), "xl/worksheets/sheet1.xml", sheet))
    cells, notes, _hidden = read(path, header_row=1)
    assert [row[1:] for row in cells] == [["#N/A", ""], ["#DIV/0!", ""], ["", "5"], ["#REF!", "7"], ["", ""]]
    assert notes[0] == "Cells that hold an error, such as #N/A, are kept as that text: 3."
    assert notes[1].startswith("Formulas in column B whose result is not stored: 1.")
    assert notes[2].startswith("Formulas in column C whose result is not stored: 3.")


def test_of_another_prefix_for_its_elements_a_workbook_reads_the_same(tmp_path):
    rows = (
        '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>Username</x:t></x:is></x:c></x:row>'
        '<x:row r="2" hidden="1"><x:c r="A2" t="inlineStr"><x:is><x:t>u1</x:t></x:is></x:c></x:row>'
        '<x:row r="3"><x:c r="A3" t="e"><x:v>#N/A</x:v></x:c></x:row>'
    )
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'.encode()
    path = write(tmp_path, "a.xlsx", with_replaced_part(xlsx({"A": [["x"]]}), "xl/worksheets/sheet1.xml", sheet))
    assert (read(path)[0], read(path)[2]) == ([["u1"], ["#N/A"]], 1)


def test_numbers_that_a_spreadsheet_has_cut_are_said(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx({"A": [["Username"], [1234567890123450.0], [123456789012345.0]]}))
    cells, notes, _hidden = read(path)
    assert cells == [["1234567890123450"], ["123456789012345"]]
    assert notes[0].startswith("Numbers of more than 15 digits: 1.")


def test_many_rows_are_matched_one_by_one(tmp_path):
    def fill(book, sheet):
        padded = book.add_format({"num_format": "00000000"})
        sheet.write_row(0, 0, ["Username", "Nama"])
        for row in range(1, 30_001):
            sheet.write_number(row, 0, row, padded if row % 3 else None)
            sheet.write_string(row, 1, "Budi Santoso dari Bandung")

    cells = cells_of(write(tmp_path, "a.xlsx", workbook(fill)))
    assert [row[0] for row in cells] == [f"{row:08}" if row % 3 else str(row) for row in range(1, 30_001)]


def test_an_ods_shows_its_numbers_too(tmp_path):
    def number(value, text, more=""):
        cell = f'<table:table-cell office:value-type="float" office:value="{value}" {more}>'
        return f"{cell}<text:p>{text}</text:p></table:table-cell>"

    style = '<number:number number:min-integer-digits="6"/>'
    rows = ods_row(ods_text("Username"), ods_text("HP"), ods_text("Saldo"))
    rows += ods_row(number(123, "000123"), number(81234567801, "0812-3456-7801"), number(1234, "1,234"))
    rows += ods_row(number(7, "000007", 'table:number-columns-repeated="2"'), number(0.5, "50%"), repeated=2)
    rows += ods_row(ods_text("u9")).replace("<table:table-row ", '<table:table-row table:visibility="filter" ')
    content = ods(rows + f"<!--{style}-->")
    cells, _notes, hidden = read(write(tmp_path, "a.ods", content))
    assert cells == [
        ["000123", "0812-3456-7801", "1234"],
        ["000007", "000007", "0.5"],
        ["000007", "000007", "0.5"],
        ["u9", "", ""],
    ]
    assert hidden == 1


def test_an_ods_with_groups_of_rows_and_comments_keeps_its_place(tmp_path):
    def number(value, text, more=""):
        cell = f'<table:table-cell office:value-type="float" office:value="{value}">'
        return f"{cell}{more}<text:p>{text}</text:p></table:table-cell>"

    comment = "<office:annotation><text:p>ask him 0007</text:p></office:annotation>"
    grouped = ods_row(number(1, "0001"), repeated=3)
    grouped = grouped.replace("<table:table-row ", '<table:table-row table:visibility="collapse" ')
    rows = ods_row(ods_text("Username"))
    rows += f"<table:table-row-group>{grouped}{ods_row(number(2, '0002'))}</table:table-row-group>"
    rows += ods_row(number(3, "0003", comment))
    content = ods(f'<table:shapes number:min-integer-digits="4"/>{rows}')
    cells, _notes, hidden = read(write(tmp_path, "a.ods", content))
    assert [row[0] for row in cells] == ["0001", "0001", "0001", "0002", "0003"]
    assert hidden == 3


@pytest.mark.parametrize("end", [b"<row r='2'>" * 40_000, b"<hyperlink ref='A1'/>" * 400_000], ids=["rows", "links"])
def test_a_sheet_without_ends_is_looked_at_in_time(tmp_path, end):
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = b'<row r="1" hidden="1"><c r="A1"><v>1</v></c></row>'
    sheet = b'<worksheet xmlns="' + main + b'"><sheetData>' + cells + b"</sheetData>" + end + b"</worksheet>"
    path = write(tmp_path, "a.xlsx", with_replaced_part(xlsx({"A": [["x"]]}), "xl/worksheets/sheet1.xml", sheet))
    began = time.process_time()
    assert [row.number for row in seen_in(path, "A")] == [1]
    assert time.process_time() - began < 5
