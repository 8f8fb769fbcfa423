"""The exports: as many rows as the list says, the same cells, and nothing that a spreadsheet would run."""

import csv
import io
import re
from datetime import datetime
from html import unescape
from zipfile import ZipFile

import pytest
import python_calamine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.distribution.assignment import assign_random
from crm.distribution.exports import csv_lines, xlsx_file
from crm.distribution.formulas import neutral
from crm.distribution.work import note_outcome
from crm.figures import get_figure
from tests.distribution.sql import ask
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db

FORMATS = ["csv", "xlsx"]
HOSTILE = [
    '=HYPERLINK("http://x.example","Click")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\n=1",
    "+62-812-3456",
    "http://x.example/a",
    "mailto:a@x.example",
    "00812",
    "8.12E+10",
    "مرحبا",
    "😀",
    'a,b;"c"\nd',
    "x" * 10_000,
    "\x01\x0b\x1f",
    "_x0041_",
    "\ufffe",
]


@pytest.fixture
def database(make, module, admin, staff):
    """60 records, of which Sari has 7, and one of those said yes."""
    database = make.database(columns=["User", "City"])
    fill(database, 60, data=["a", "Jakarta"], customer_name="Budi")
    assign_random(module=module, database=database, staff=staff, count=7, by=admin)
    one = module.Record.objects.held_by(staff).order_by("pk")[:1]
    note_outcome(records=module.Record.objects.with_ids([one[0].pk]), by=staff, response="yes", note="=1+1")
    database.refresh_from_db()
    return database


def content_of(answer) -> bytes:
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content)


def table_of(answer, format: str) -> list[list]:
    """The cells of the file, the header first."""
    content = content_of(answer)
    if format == "csv":
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


def export(client: Client, name: str, module, format: str, query: str = "") -> list[list]:
    return table_of(client.get(f"{reverse(name, args=[module, format])}?{query}"), format)


# --- As it is listed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "query", ["", "status=assigned", "state=said_yes", "q=budi&status=available", "q=nobody", "status=x"]
)
def test_an_export_has_as_many_rows_as_the_list_and_the_figure_says(desk, database, module, format, query):
    page = desk.get(f"{database.get_absolute_url()}?{query}")
    rows = export(desk, "export_records", module, format, f"database={database.pk}&{query}")[1:]
    assert len(rows) == page.context["list"].total
    if query in ("", "status=assigned"):
        name = "database.assigned" if query else "database.records"
        assert len(rows) == get_figure(name).value(database)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_has_the_order_and_the_columns_of_the_list(desk, database, module, format):
    query = "status=assigned&sort=-customer&cols=name&cols=file2&cols=staff"
    table = export(desk, "export_records", module, format, f"database={database.pk}&{query}")
    assert table[0] == ["Customer", "Name", "Staff member", "City"]
    listed = desk.get(f"{database.get_absolute_url()}?{query}").context["list"].page.object_list
    assert [row[0] for row in table[1:]] == [record.customer_id for record in listed]
    assert {tuple(row[1:]) for row in table[1:]} == {("Budi", "Sari Staff", "Jakarta")}


@pytest.mark.parametrize("format", FORMATS)
def test_every_column_of_the_export_says_what_the_record_has(desk, database, module, staff, format):
    columns = desk.get(database.get_absolute_url()).context["list"].available_columns
    query = "&".join(f"cols={column.key}" for column in columns)
    header, row = export(desk, "export_records", module, format, f"database={database.pk}&state=said_yes&{query}")
    shown = dict(zip(header, row, strict=True))
    record = module.Record.objects.in_state("said_yes").get()
    assert shown["Customer"] == record.customer_id
    assert shown["Status"] == "Assigned"
    assert shown["Response"] == "Yes"
    assert shown["Batch"] == str(record.batch)
    assert shown["Row"] == (str(record.row_number) if format == "csv" else record.row_number)
    received = timezone.localtime(record.assigned_at).replace(second=0, microsecond=0, tzinfo=None)
    shown_at = datetime.strptime(shown["Received"], "%Y-%m-%d %H:%M") if format == "csv" else shown["Received"]  # noqa: DTZ007
    assert shown_at.replace(second=0, microsecond=0) == received
    assert shown["Note"] == ("'=1+1" if format == "csv" else "=1+1")


@pytest.mark.parametrize("format", FORMATS)
def test_the_whole_module_is_exported_newest_database_first_as_it_is_listed(desk, database, make, module, format):
    fill(make.database(), 3)
    rows = export(desk, "export_records", module, format)[1:]
    assert len(rows) == 63 == get_figure("module.records").value(module)
    page = desk.get(reverse("records", args=[module])).context["list"].page.object_list
    assert [row[0] for row in rows[:50]] == [record.customer_id for record in page]


@pytest.mark.parametrize("format", FORMATS)
def test_databases_and_batches_are_exported_with_their_counts(desk, database, make, module, format):
    make.database(name="Other")
    table = export(desk, "export_databases", module, format, "q=" + database.name)
    shown = dict(zip(*table, strict=True))
    numbers = {"Records": 60, "Assigned": 7, "Available": 53}
    assert {name: int(shown[name]) for name in numbers} == numbers
    assert shown["Database"] == database.name
    header, row = export(desk, "export_batches", module, format, "state=holding")
    shown = dict(zip(header, row, strict=True))
    assert (int(shown["Received"]), int(shown["With them now"]), shown["Staff member"]) == (7, 7, "Sari Staff")


# --- One's own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_staff_export_what_is_with_them_and_nothing_else(phone, database, module, admin, staff, other_staff, format):
    assign_random(module=module, database=database, staff=other_staff, count=5, by=admin)
    own = set(module.Record.objects.held_by(staff).values_list("customer_id", flat=True))
    assert {row[0] for row in export(phone, "export_my_records", module, format)[1:]} == own
    assert len(export(phone, "export_my_records", module, format, "state=said_yes")[1:]) == 1
    batch = module.Batch.objects.get(staff=staff)
    page = phone.get(f"{batch.get_absolute_url()}?state=said_yes").content.decode()
    [link] = re.findall(rf'href="([^"]+export\.{format}[^"]*)"', page)
    assert len(table_of(phone.get(unescape(link)), format)[1:]) == 1
    foreign = module.Batch.objects.get(staff=other_staff)
    assert phone.get(reverse("export_batch", args=[module, foreign.pk, format])).status_code == 404


# --- Nothing that a spreadsheet runs -----------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_hostile_cells_arrive_as_text(desk, make, module, format):
    database = make.database(columns=HOSTILE)
    make.record(database=database, customer_id="a", customer_name="=1+1", data=HOSTILE)
    query = "&".join(f"cols=file{number}" for number in range(1, len(HOSTILE) + 1))
    url = f"{reverse('export_records', args=[module, format])}?database={database.pk}&{query}"
    content = content_of(desk.get(url))
    if format == "csv":
        _header, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        assert row[1:] == [neutral(cell) for cell in HOSTILE]
        assert not [cell for cell in row if cell[:1] in ("=", "@", "\t") or cell.startswith("-2+3")]
    else:
        [sheet] = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names
        archive = ZipFile(io.BytesIO(content))
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in xml
        assert "hyperlink" not in xml.lower().replace("hyperlink(", "")
        assert sheet
    table = table_of(desk.get(url), format)
    assert len(table) == 2
    assert len(table[1]) == len(HOSTILE) + 1


def test_a_workbook_keeps_text_as_it_is_and_numbers_as_numbers():
    rows = [["00812", "8.12E+10", "=1", "http://x.example", "123", 5, None, "x" * 40_000]]
    table = python_calamine.CalamineWorkbook.from_filelike(xlsx_file(["a"] * 8, rows)).get_sheet_by_index(0).to_python()
    assert table[1][:6] == ["00812", "8.12E+10", "=1", "http://x.example", "123", 5]
    assert len(table[1][7]) == 32_767


def test_a_csv_line_is_one_record_whatever_is_in_it():
    text = "".join(csv_lines(["a"], [['x,"y"\nz'], [None]]))
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))) == [["a"], ['x,"y"\nz'], [""]]


# --- Limits and traces -------------------------------------------------------------------------------------


def test_a_list_that_is_too_long_for_excel_is_not_exported_cut_short(desk, database, module, monkeypatch):
    monkeypatch.setattr("crm.distribution.views.exports.MOST_XLSX_ROWS", 59)
    monkeypatch.setattr("crm.distribution.listing.MOST_XLSX_ROWS", 59)
    url = f"{reverse('export_records', args=[module, 'xlsx'])}?database={database.pk}"
    back = f"{database.get_absolute_url()}?sort=name"
    answer = desk.get(url, headers={"Referer": f"http://testserver{back}"}, follow=True)
    assert answer.redirect_chain == [(back, 303)]
    assert "Take the CSV file" in answer.content.decode()
    assert "too long for an Excel file" in answer.content.decode()
    assert len(export(desk, "export_records", module, "csv", f"database={database.pk}")) == 61


@pytest.mark.parametrize("format", ["pdf", "CSV", "csv2", "0"])
def test_there_is_no_other_format(desk, module, format):
    assert desk.get(reverse("export_records", args=[module, format])).status_code == 404


@pytest.mark.parametrize("key", ["x", "0", "999999999", "99999999999999999999999"])
def test_a_database_that_is_not_there_is_not_exported_as_the_whole_module(desk, database, module, key):
    assert desk.get(f"{reverse('export_records', args=[module, 'csv'])}?database={key}").status_code == 404


def test_the_log_says_who_exported_what_and_how_much(desk, database, module, admin, caplog):
    caplog.set_level("INFO")
    export(desk, "export_records", module, "csv", "status=assigned&q=Budi")
    [entry] = [
        record.msg for record in caplog.records if isinstance(record.msg, dict) and record.msg["event"] == "export"
    ]
    assert (entry["rows"], entry["user"], entry["filters"]) == (7, admin.pk, ["q", "status"])


def test_the_number_of_queries_does_not_grow_with_the_rows(desk, database, module, django_assert_max_num_queries):
    for format in FORMATS:
        with django_assert_max_num_queries(20):
            export(desk, "export_records", module, format)
    assert ask(f"SELECT count(*) FROM {module.key}_record") == [(60,)]
