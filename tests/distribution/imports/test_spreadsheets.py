"""Whatever a spreadsheet holds, every row of it is accounted for, and it reads as the CSV of what it shows."""

import csv
import io
from pathlib import Path
from typing import Any

import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.distribution.imports.contract import Limits
from crm.distribution.imports.reader_process import inspect, read_batches
from crm.distribution.imports.reading import Layout

from .building import ods, ods_row, xls

HEADERS = ["Username", "No HP", "Nama", "Catatan"]
AGAIN = ["USERNAME", "no hp", "Nama ", "catatan"]
TITLES = ["DAFTAR MEMBER", "dicetak 03/03", "rahasia"]
PADDED, PHONE, CODE = "000000", "0000-0000-0000", '"ID-"000'
FORMATS = {
    PADDED: lambda number: f"{number:06}",
    PHONE: lambda number: f"{number:012}"[:-8] + "-" + f"{number:012}"[-8:-4] + "-" + f"{number:012}"[-4:],
    CODE: lambda number: f"ID-{number:03}",
    "": str,
}

letters = st.characters(categories=["L", "N", "P"], exclude_characters="\ufffd'=+-@\"|;,")
ascii_letters = st.sampled_from("abcXYZ019._ /()")
numbers = st.tuples(st.sampled_from([PADDED, CODE, ""]), st.integers(0, 10**9))
phones = st.tuples(st.sampled_from([PHONE, ""]), st.integers(81200000000, 81299999999))
errors = st.sampled_from(["#N/A", "#REF!", "#VALUE!"]).map(lambda text: ("error", text))


@st.composite
def sheets(draw: st.DrawFn, letters: st.SearchStrategy[str] = letters) -> dict[str, Any]:
    """Titles, a header, and rows of data, blank, hidden, and the header once more among them. The last one is data, and
    is seen.
    """
    words = st.text(letters, min_size=1, max_size=9)
    odd = st.sampled_from(["", "-", "0", "N/A", "=1+1", "081234567801", "+62 812"])
    texts = (words | odd).map(lambda text: ("text", text))
    ids = words.map(lambda text: ("text", f"u{text}"))
    width = draw(st.integers(2, 4))
    titles = [[("text", title)] for title in draw(st.lists(st.sampled_from(TITLES), max_size=2, unique=True))]
    titles += [[]] * draw(st.integers(0, 2)) if titles else []
    cells = st.tuples(ids | numbers, texts | phones, texts | errors, texts | numbers)
    row = cells.map(lambda cells: list(cells[:width]))
    other = st.sampled_from([[], [("text", name) for name in AGAIN[:width]]])
    rows = [draw(row), *draw(st.lists(row | row | other, max_size=20)), draw(row)]
    header = [("text", name) for name in HEADERS[:width]]
    hidden = draw(st.sets(st.integers(len(titles) + 1, len(titles) + len(rows) - 1), max_size=4))
    return {"rows": [*titles, header, *rows], "header_row": len(titles) + 1, "hidden": hidden}


def shown(cell: tuple[str, Any]) -> str:
    kind, value = cell
    return value if kind in ("text", "error") else FORMATS[kind](value)


def as_xlsx(sheet: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False})
    page = book.add_worksheet("Data")
    formats = {code: book.add_format({"num_format": code}) for code in FORMATS if code}
    for number, row in enumerate(sheet["rows"]):
        for column, (kind, value) in enumerate(row):
            if kind == "text":
                page.write_string(number, column, value)
            elif kind == "error":
                page.write_formula(number, column, "=A1", None, value)
            else:
                page.write_number(number, column, value, formats.get(kind))
        if number in sheet["hidden"]:
            page.set_row(number, options={"hidden": True})
    book.close()
    return content.getvalue()


def as_ods(sheet: dict[str, Any]) -> bytes:
    def cell(kind: str, value: Any) -> str:
        text = shown((kind, value)).replace("&", "&amp;").replace("<", "&lt;")
        stored = 'office:value-type="string"'
        if kind == "error":
            stored += ' calcext:value-type="error"'
        elif kind != "text":
            stored = f'office:value-type="float" office:value="{value}"'
        return f"<table:table-cell {stored}><text:p>{text}</text:p></table:table-cell>"

    rows = ""
    for number, row in enumerate(sheet["rows"]):
        written = ods_row(*(cell(*each) for each in row))
        if number in sheet["hidden"]:
            written = written.replace("<table:table-row ", '<table:table-row table:visibility="filter" ')
        rows += written
    return ods(f'<table:shapes number:min-integer-digits="6"/>{rows}')


def as_xls(sheet: dict[str, Any]) -> bytes:
    """Without formats and errors: the builder has none. Texts are Latin."""
    return xls("Data", [[shown(each) for each in row] or [""] for row in sheet["rows"]])


def as_csv(sheet: dict[str, Any], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([shown(each) for each in row] for row in sheet["rows"])
    return text.getvalue().encode(encoding)


def read(folder: Path, name: str, content: bytes, *, leave_hidden: bool = False):
    path = folder / name
    path.write_bytes(content)
    found = inspect(path, name, {"leave_hidden": leave_hidden}, Limits())["inspection"]
    layout = Layout.from_dict(found["layout"])
    messages = list(read_batches(path, layout, 1, "ID", Limits()))
    rows = [tuple(row) for message in messages for row in message["rows"]]
    return layout, rows, messages[-1]


def accounted_for(layout: Layout, rows: list[Any], last: dict[str, Any]) -> int:
    left_out = last["hidden"] if layout.leave_hidden else 0
    return layout.header_row + len(rows) + last["blank"] + left_out


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@settings(max_examples=60, **COMMON)
@given(sheet=sheets(), delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_workbook_reads_as_the_csv_of_what_it_shows(tmp_path, sheet, delimiter, encoding):
    layout, rows, last = read(tmp_path, "list.csv", as_csv(sheet, delimiter, encoding))
    assert (layout.header_row, layout.delimiter) == (sheet["header_row"], delimiter)
    assert accounted_for(layout, rows, last) == len(sheet["rows"])
    for name, content in (("list.xlsx", as_xlsx(sheet)), ("list.ods", as_ods(sheet))):
        of_book, its_rows, its_last = read(tmp_path, name, content)
        assert of_book.header_row == sheet["header_row"], name
        assert its_rows == rows, name
        assert accounted_for(of_book, its_rows, its_last) == len(sheet["rows"]), name
        filled = {number for number in sheet["hidden"] if any(shown(cell).strip() for cell in sheet["rows"][number])}
        assert its_last["hidden"] == len(filled), name


@settings(max_examples=30, **COMMON)
@given(sheet=sheets())
def test_what_is_hidden_is_left_out_and_accounted_for(tmp_path, sheet):
    layout, rows, last = read(tmp_path, "list.xlsx", as_xlsx(sheet), leave_hidden=True)
    assert accounted_for(layout, rows, last) == len(sheet["rows"])
    assert not {number - 1 for number, *_cells in rows} & sheet["hidden"]


@settings(max_examples=30, **COMMON)
@given(sheet=sheets(ascii_letters))
def test_an_old_workbook_reads_the_same(tmp_path, sheet):
    _layout, rows, _last = read(tmp_path, "list.csv", as_csv(sheet, ";", "utf-8"))
    layout, its_rows, last = read(tmp_path, "list.xls", as_xls(sheet))
    assert its_rows == rows
    assert accounted_for(layout, its_rows, last) == len(sheet["rows"])
