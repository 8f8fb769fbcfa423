"""Files as people have them: each has a kind of trouble in it, and nothing is wrong without a word."""

import csv
import random
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse

from crm.distribution.formulas import neutral
from crm.distribution.reserving.pasted import entries_of_file, entries_of_text
from crm.registry import get_module
from crm.reservations.entries import add_reservations
from tests.distribution.importing import PRODUCT, import_by_command
from tests.factories.products import ProductFactory

FAULTS = Path(settings.BASE_DIR) / "tests" / "data" / "faults"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def product(db):
    return ProductFactory(name=PRODUCT)


@pytest.fixture
def imported():
    """The database that a file becomes."""

    def imported(name: str, module: str = "memberwd"):
        result = import_by_command(FAULTS / name, module)
        return get_module(module).Database.objects.get(pk=result["database"])

    return imported


def as_pasted(content: bytes):
    return entries_of_text(content.decode())


def as_a_file(content: bytes):
    return entries_of_file([content], "phones.txt")


@pytest.mark.parametrize(("name", "people"), [("05_placeholder_ids.csv", 15), ("06_scientific_ids.csv", 3)])
def test_who_has_no_id_is_known_by_the_phone(imported, name, people):
    database = imported(name)
    assert database.records.count() == people
    assert set(database.records.values_list("customer_id", flat=True)) == set(
        database.records.values_list("phone_key", flat=True)
    )


def test_of_phones_that_are_typed_oddly_each_has_the_right_key(imported):
    keys = imported("13_phones_that_get_a_wrong_key.csv").records.order_by("row_number")
    assert list(keys.values_list("phone_key", flat=True)) == [
        "+628123456789",
        "+62812345678",
        "+6281234567830",
        "+6281234567890",
        "+628123456789",
        "+628123456789",
        "+6281234567890",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("01_known_word_deep_in_list.csv", {"file_rows": 36, "accepted": 36, "above_header": 0}),
        ("02_header_in_the_middle.csv", {"file_rows": 22, "accepted": 21, "rejected": 1, "above_header": 0}),
        ("17_bom_in_the_middle.csv", {"file_rows": 4, "accepted": 2, "rejected": 2}),
        ("19_two_header_rows.xlsx", {"file_rows": 2, "accepted": 2, "above_header": 1}),
    ],
)
def test_a_header_is_where_headers_are_and_no_customer(name, expected):
    result = import_by_command(FAULTS / name)
    assert {key: result[key] for key in expected} == expected
    left_out = get_module("memberwd").Database.objects.get().upload.left_out.values_list("reason", flat=True)
    assert list(left_out) == ["The header row once more."] * expected.get("rejected", 0)


def test_of_two_header_rows_the_real_one_names_the_columns():
    result = import_by_command(FAULTS / "19_two_header_rows.xlsx")
    assert result["mapping"] == {"customer_id": "Username", "name": "Nama", "phone": "No HP"}


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("04_zero_padded_format.xlsx", ["000123", "001234", "000045", "123456"]),
        ("04_zero_padded_format.xls", ["000123", "000124"]),
        ("04_zero_padded_format.ods", ["000123", "000124", "hid"]),
    ],
)
def test_an_id_is_what_the_sheet_shows(imported, name, ids):
    records = imported(name).records.order_by("row_number")
    assert list(records.values_list("customer_id", flat=True)) == ids
    assert records.first().phone_key == "+6281234567801"


def test_an_error_is_no_customer_and_stays_in_the_data():
    result = import_by_command(FAULTS / "07_error_cells.xlsx")
    assert (result["accepted"], result["rejected"]) == (4, 0)
    assert result["notes"] == ["Cells that hold an error, such as #N/A, are kept as that text: 5."]
    records = get_module("memberwd").Record.objects.order_by("row_number")
    assert list(records.values_list("customer_id", flat=True)) == [
        "+6281234567801",
        "+6281234567802",
        "+6281234567803",
        "ok4",
    ]
    assert records.last().data == ["ok4", "#VALUE!", "#REF!"]
    assert records.last().database.upload.report["bad_phones"] == 1


def test_formulas_without_a_result_are_counted():
    [note] = import_by_command(FAULTS / "08_formula_without_result.xlsx")["notes"]
    assert note.startswith("Formulas in column B whose result is not stored: 4.")


def test_hidden_rows_are_counted_and_said():
    result = import_by_command(FAULTS / "09_filtered_rows.xlsx")
    assert (result["accepted"], result["hidden"]) == (5, 2)
    assert "hidden in the sheet: 2." in result["notes"][0]


def test_a_stray_byte_garbles_its_line_alone(imported):
    database = imported("03_utf8_with_one_latin1_byte.csv")
    records = database.records
    assert records.get(customer_id="müller91").customer_name == "Zoë"
    assert records.get(customer_id="x9").customer_name == "Jos\ufffd"
    [note] = database.upload.report["notes"]
    assert "Lines: 29." in note


@pytest.mark.parametrize(
    ("name", "ids", "note"),
    [
        ("14_every_line_quoted.csv", ["u0", "u1", "u2", "u3", "u4"], "Each line is in quotation marks as a whole."),
        ("15_trailing_cells_left_off.csv", [f"t{n}" for n in (0, 1, 2, 3, 10, 11, 12, 20, 21, 22, 30, 31)], ""),
    ],
)
def test_a_table_that_was_written_oddly_has_its_columns(imported, name, ids, note):
    database = imported(name)
    assert list(database.records.order_by("row_number").values_list("customer_id", flat=True)) == ids
    assert database.records.exclude(phone_key=None).count() == len(ids)
    assert [each.startswith(note) for each in database.upload.report["notes"]] == [True] * bool(note)


def test_lines_that_a_stray_quotation_mark_swallows_are_named():
    with pytest.raises(CommandError, match=r"opens in line 2 closes only in line 4"):
        import_by_command(FAULTS / "18_two_stray_quotes.csv")


def test_what_was_exported_here_comes_back_as_the_same_customers(imported):
    ids = imported("16_own_csv_export.csv").records.order_by("row_number").values_list("customer_id", flat=True)
    assert list(ids) == ["00123", "@budi", "-abc"]


@pytest.mark.parametrize("read", [as_pasted, as_a_file])
def test_pasted_text_is_read_like_a_file(read):
    entries = read((FAULTS / "20_pasted_quoted.txt").read_bytes())
    assert [(each.customer_id, each.phone) for each in entries] == [
        ("Santoso, Budi", "081234567801"),
        ("Ani", "081234567802"),
    ]


def test_what_nobody_sees_makes_no_other_customer():
    result = import_by_command(FAULTS / "10_invisible_and_decomposed_ids.csv")
    assert (result["accepted"], result["duplicates"]) == (2, 6)
    keys = get_module("memberwd").Record.objects.order_by("pk").values_list("customer_key", flat=True)
    assert list(keys) == ["BUDI1", "JOSÉ"]


def test_a_customer_who_is_only_a_phone_is_the_same_in_a_second_list(imported):
    first = imported("11_phone_only_a.csv")
    imported("11_phone_only_b.csv", "bonanza")
    upload = get_module("bonanza").Database.objects.get().upload
    assert [(each["database"], each["rows"]) for each in upload.report["elsewhere"]] == [(first.pk, 3)]
    assert upload.report["elsewhere_rows"] == 3


@pytest.mark.parametrize("read", [as_pasted, as_a_file])
def test_phones_are_the_same_customers_pasted_or_in_a_file(imported, product, staff, admin, read):
    database = imported("11_phone_only_a.csv")
    entries = read((FAULTS / "12_pasted_phones.txt").read_bytes())
    entered = add_reservations(product=product, staff=staff, entries=entries, by=admin)
    assert entered.effect.reserved == 3
    assert database.records.filter(status="reserved").count() == 3


@pytest.mark.parametrize(
    "typed", ["081234567801", "+62 812-3456-7801", "81234567801", "(0812) 3456.7801", " 6281234567801"]
)
def test_a_phone_reserves_its_customer_however_it_is_typed(imported, staff, typed):
    database = imported("11_phone_only_a.csv")
    call_command("reserve", product=PRODUCT, customer=typed, staff=staff.username, stdout=StringIO())
    assert list(database.records.filter(status="reserved").values_list("row_number", flat=True)) == [2]


def odd_ids() -> list[str]:
    """Ids of customers as nobody should call them, each another customer."""
    chance = random.Random(16)
    odd = [
        "'00123",
        '="00123"',
        "'@x",
        "''1",
        "=1+1",
        "+1",
        "-5",
        "@budi",
        "-abc",
        "\t=1",
        "a;b",
        'a"b',
        '"a',
        "a,b",
        "|x",
    ]
    odd += [
        "#N/A1",
        "1e5",
        "1/2",
        "007",
        "7",
        "nan",
        "josé",
        "ｆｕｌｌ",
        "日本",
        "a\nb",
        "x;=1",
        "'tis",
        "O'Neil",
        "TRUE",
        "0x1F",
    ]
    letters = "ab1 '=+-@;|,\"\t#/.0"
    odd += [f"q{''.join(chance.choices(letters, k=chance.randint(1, 9)))}" for _ in range(150)]
    odd += [f"{''.join(chance.choices(letters, k=chance.randint(1, 4)))}z{number}" for number in range(150)]
    return odd


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_what_is_exported_comes_back_as_customers_that_are_already_there(sign_in, admin, tmp_path, format):
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(map(neutral, row) for row in [["Username"], *([each] for each in odd_ids())])
    first = import_by_command(path)
    assert first["accepted"] > 200
    exported = sign_in(admin).get(reverse("export_records", args=["memberwd", format]))
    again = tmp_path / f"again.{format}"
    again.write_bytes(b"".join(exported.streaming_content))
    second = import_by_command(again, "bonanza")
    assert [second[key] for key in ("file_rows", "accepted", "elsewhere")] == [first["accepted"]] * 3
