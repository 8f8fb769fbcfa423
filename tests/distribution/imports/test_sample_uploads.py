"""The sample files, against what their manifest says of them."""

import json
import re

import pytest

from crm.distribution.imports.mapping import suggest_mapping
from crm.distribution.imports.reading import UnreadableFile, inspect_file, read_rows

from .reading_helpers import UPLOADS

MANIFEST = json.loads((UPLOADS / "manifest.json").read_text())
READABLE = {name: facts for name, facts in MANIFEST.items() if not facts.get("refused")}
REFUSED = sorted(MANIFEST.keys() - READABLE.keys())
LAYOUT_FACTS = ("header_row", "encoding", "delimiter", "sheet")


@pytest.mark.parametrize("name", READABLE)
def test_a_sample_is_read_as_its_manifest_says(name):
    facts = READABLE[name]
    inspection = inspect_file(UPLOADS / name, name=name)
    mapping = suggest_mapping(inspection.headers, inspection.sample_rows, "ID")
    reader = read_rows(UPLOADS / name, inspection.layout, phone_column=mapping.phone)
    rows = list(reader)

    found = inspection.layout.to_dict()
    assert {fact: found[fact] for fact in LAYOUT_FACTS if fact in facts} == {
        fact: facts[fact] for fact in LAYOUT_FACTS if fact in facts
    }
    assert mapping.as_headers(inspection.headers) == facts["mapping"]
    assert len(rows) == reader.rows == facts["file_rows"]
    assert reader.blank == facts["blank"]
    assert reader.fraction == 1.0
    assert [row[:2] for row in rows[:20]] == [row[:2] for row in inspection.sample_rows]


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_a_table_is_refused_with_a_reason(name):
    with pytest.raises(UnreadableFile, match=r"^The file .*\.$"):
        inspect_file(UPLOADS / name, name=name)


@pytest.mark.parametrize("name", READABLE)
def test_phones_of_the_samples_have_keys(name):
    inspection = inspect_file(UPLOADS / name, name=name)
    column = suggest_mapping(inspection.headers, inspection.sample_rows, "ID").phone
    keys = [row.phone_key for row in read_rows(UPLOADS / name, inspection.layout, phone_column=column)]

    assert sum(key is None for key in keys) <= 1  # the TOTAL row has no phone
    assert all(re.fullmatch(r"\+62[0-9]{7,13}", key) for key in keys if key)


def test_customers_that_look_alike_stay_apart_and_formulas_stay_text():
    inspection = inspect_file(UPLOADS / "odd_names_bom.csv", name="odd_names_bom.csv")
    cells = {row.cells[0]: row.cells[1] for row in inspection.sample_rows}

    assert {"007", "7", "nan"} <= cells.keys()
    assert cells["odd7-0"] == '=HYPERLINK("http://x.invalid","klik")'


def test_a_phone_stored_as_a_number_and_a_date_are_read_as_a_person_sees_them():
    inspection = inspect_file(UPLOADS / "normal_messy.xlsx", name="normal_messy.xlsx")

    assert inspection.sheets == ("Data Maret", "Catatan")
    assert inspection.sample_rows[0].row_number == 5
    assert inspection.sample_rows[0].cells[3:6] == ["82138227294", "1571297", "2025-04-25"]


def test_a_line_break_inside_quotation_marks_stays_in_its_cell():
    inspection = inspect_file(UPLOADS / "bonanza_cp1252.csv", name="bonanza_cp1252.csv")
    row = inspection.sample_rows[1]

    assert row.row_number == 3
    assert row.cells == [
        "R. Kayun Puspasari é",
        "marsito.2611",
        "+6281389243088",
        "Jalan Moch. Ramdan No. 90\nRT 03; RW 05",
    ]
