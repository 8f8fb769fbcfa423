from datetime import date, datetime, time, timedelta

import pytest

from crm.distribution.imports.reading import Limits, UnreadableFile, inspect_file
from crm.distribution.imports.workbook import cell_text

from .building import ods, ods_number, ods_row, ods_text, write, xls, xlsx
from .reading_helpers import cells_of, inspect, rows_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (81244129545.0, "81244129545"),
        (0.0, "0"),
        (-0.0, "0"),
        (-12.0, "-12"),
        (1e16, "10000000000000000"),
        (1e23, "100000000000000000000000"),
        (8.12e10, "81200000000"),
        (0.1, "0.1"),
        (1234.5, "1234.5"),
        (1e-7, "0.0000001"),
        (-1.5e-10, "-0.00000000015"),
        (7, "7"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2025, 3, 1), "2025-03-01"),
        (datetime.fromisoformat("2025-03-01"), "2025-03-01"),
        (datetime.fromisoformat("2025-03-01 13:05"), "2025-03-01 13:05:00"),
        (time(13, 5), "13:05:00"),
        (timedelta(hours=26, minutes=30), "26:30:00"),
        (-timedelta(minutes=90), "-1:30:00"),
        ("00123", "00123"),
        ("a\0b", "ab"),
    ],
)
def test_a_cell_reads_as_a_person_sees_it(value, text):
    assert cell_text(value) == text


def test_xlsx_texts_numbers_dates_and_formulas(tmp_path):
    header = ["Username", "No HP", "Kode", "Rasio", "Rumus", "Aktif", "Tgl"]
    row = ["budi", 81244129545, "00123", 0.25, "'=1+1", True, datetime.fromisoformat("2025-03-01 08:30")]
    path = write(tmp_path, "a.xlsx", xlsx({"Data": [header, row]}, default_date_format="yyyy-mm-dd hh:mm"))

    inspection = inspect(path)

    assert inspection.headers == tuple(header)
    assert cells_of(path) == [["budi", "81244129545", "00123", "0.25", "'=1+1", "TRUE", "2025-03-01 08:30:00"]]
    assert rows_of(path, phone_column=1)[0].phone_key == "+6281244129545"


def test_formula_text_stays_text(tmp_path):
    rows = [["Username", "Nama"], ["budi", "=HYPERLINK(1)"]]
    path = write(tmp_path, "a.xlsx", xlsx({"Data": rows}, strings_to_formulas=False))

    assert cells_of(path) == [["budi", "=HYPERLINK(1)"]]


def test_xls_is_read(tmp_path):
    rows = [
        ["Daftar", "", ""],
        ["Username", "Nama", "HP"],
        ["u1", "Budi", 81244129545.0],
        ["", "", ""],
        ["u2", "Ani", 1.5],
    ]
    path = write(tmp_path, "a.xls", xls("Maret", rows))

    layout = inspect(path).layout

    assert (layout.kind, layout.sheet, layout.header_row) == ("xls", "Maret", 2)
    assert [row[:2] for row in rows_of(path)] == [(3, ["u1", "Budi", "81244129545"]), (5, ["u2", "Ani", "1.5"])]


def test_ods_is_read_with_the_empty_rest_of_its_grid(tmp_path):
    rest = ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_048_000)
    rows = ods_row(ods_text("Username"), ods_text("HP")) + ods_row(ods_text("u1"), ods_number(81244129545))
    path = write(tmp_path, "a.ods", ods(ods_row("<table:table-cell/>", repeated=2) + rows + rest))

    layout = inspect(path).layout

    assert (layout.kind, layout.sheet, layout.header_row, layout.columns) == ("ods", "Lembar 1", 3, 2)
    assert [row[:2] for row in rows_of(path)] == [(4, ["u1", "81244129545"])]


def test_rows_are_numbered_from_the_top_of_the_sheet(tmp_path):
    rows = [[]] * 5 + [[None, "Username", "Nama"], [None, "budi", "Budi"]]
    path = write(tmp_path, "a.xlsx", xlsx({"Data": rows}))

    inspection = inspect(path)

    assert (inspection.layout.header_row, inspection.headers) == (6, ("Username", "Nama"))
    assert inspection.sample_rows[0].row_number == 7


LIST = [["Username", "Nama"], *([f"u{number}", "Budi"] for number in range(60))]


def test_the_list_is_chosen_and_not_its_cover_page(tmp_path):
    cover = [["Petunjuk"], ["Dibuat", "Budi"], ["Tanggal", "1 Maret"]]
    path = write(tmp_path, "a.xlsx", xlsx({"Sampul": cover, "Data Maret": LIST, "Kosong": []}))

    inspection = inspect(path)

    assert inspection.layout.sheet == "Data Maret"
    assert inspection.sheets == ("Sampul", "Data Maret", "Kosong")


def test_of_two_lists_the_first_visible_one_is_chosen(tmp_path):
    sheets = {"Kosong": [], "Lama": LIST, "Januari": LIST, "Februari": LIST * 2}
    path = write(tmp_path, "a.xlsx", xlsx(sheets, hidden=["Lama"]))

    assert inspect(path).layout.sheet == "Januari"


def test_the_sheet_can_be_overridden(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx({"Januari": LIST, "Februari": [["Akun", "Nama"], ["x", "y"]]}))

    assert inspect(path, sheet="Februari").headers == ("Akun", "Nama")
    with pytest.raises(UnreadableFile, match="no sheet “Maret”"):
        inspect(path, sheet="Maret")
    with pytest.raises(UnreadableFile, match="no row of data"):
        inspect(path, sheet="Februari", header_row=2)


def test_the_content_decides_and_a_misleading_name_is_noted(tmp_path):
    workbook = write(tmp_path, "a.csv", xlsx({"Data": LIST}))
    text = write(tmp_path, "b.xls", "Username\tNama\nbudi\tBudi\n")

    assert inspect(workbook).notes == ("The file is named like CSV but its content is XLSX; it was read as that.",)
    assert inspect(text).layout.delimiter == "\t"
    assert inspect(text).notes == ("The file is named like XLS but its content is CSV; it was read as that.",)
    assert inspect_file(workbook, name="a.xlsx").notes == ()


def test_a_sheet_with_more_cells_than_allowed_is_refused(tmp_path):
    path = write(tmp_path, "a.xlsx", xlsx({"Data": LIST}))

    with pytest.raises(UnreadableFile, match=r"“Data” spans 61 rows × 2 columns"):
        inspect_file(path, name="a.xlsx", limits=Limits(max_cells=100))
