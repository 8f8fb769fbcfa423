"""What leaves as CSV is text to every spreadsheet, and comes back as it was."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.distribution.exports import csv_lines
from crm.distribution.formulas import neutral, original
from crm.distribution.imports.contract import Limits
from crm.distribution.imports.delimited import DelimitedRows

CELLS = st.text(alphabet="=+-@;|,\t\n\r'\" a1\uff1d\uff0b", max_size=12)
A_NUMBER = re.compile(r"[+-][\d ]*\d\"*(?:,\".*)?")


def is_formula(cell: str) -> bool:
    """Digits after one sign, up to a separator, are none: what follows is a part of its own. Nor with more after them
    that is in quotation marks.
    """
    text = cell.lstrip(' "\t\r\n').rstrip()
    first_part = re.split(r"[;|\t\r\n]", text)[0]
    return text[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and not A_NUMBER.fullmatch(first_part)


@pytest.mark.parametrize(
    "cell", ["x;=1+1", "\uff1d1+1", "a|@SUM(A1)", "a\t+1+1", 'a;"=1"', "; -1-1", "a\n=1", "\t=1", "=1;=2"]
)
def test_a_formula_is_text_wherever_a_reader_may_split(cell):
    assert any(is_formula(part) for part in re.split(r"[;|\t\r\n]", cell))
    assert not any(is_formula(part) for part in re.split(r"[;|\t\r\n]", neutral(cell)))


@pytest.mark.parametrize("cell", ["+62 812 3456", "-5", "call, -5 days", "it's", "a - b", "Budi; +62 811", "1-2", ""])
def test_what_computes_nothing_keeps_its_look(cell):
    assert neutral(cell) == cell


@example(["-1", "1+cmd|' /C calc'!A0"])
@example(["+62", ""])
@given(st.lists(CELLS, min_size=2, max_size=4))
def test_no_reader_finds_a_formula_in_a_line(cells):
    [_header, *lines] = csv_lines(["a"] * len(cells), [cells])
    for separator in ";\t|,":
        for row in csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator):
            # Where a reader splits inside quotation marks that it does not know, they stay in the cell.
            assert not any(is_formula(cell) for cell in row), (separator, row)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [('="00123"', "00123"), ('=""', ""), ("'00123", "00123"), ("'+62 812", "+62 812"), ("'0812-345", "0812-345")],
)
def test_what_other_programs_mark_as_text_is_what_they_mean(cell, meant):
    assert original(cell) == meant
    assert original(neutral(cell)) == cell, "and where it was exported here, it comes back"


@pytest.mark.parametrize("cell", ["'tis", "O'Neil", "'", "''", '=A1&"x"', "it's 5", "'5 apples"])
def test_what_marks_nothing_stays(cell):
    assert original(neutral(cell)) == cell


@example("'1")
@example('=""')
@example("''+1")
@given(CELLS)
def test_what_was_guarded_comes_back(cell):
    assert original(neutral(cell)) == cell


def test_an_export_is_read_back_as_it_was(tmp_path):
    cells = ["=1+1", "x;=1+1", "'=1", "\uff1d1", "it's", "+62 812", "a,b"]
    path = tmp_path / "list.csv"
    path.write_text("".join(csv_lines(["a"] * len(cells), [cells])), encoding="utf-8", newline="")
    rows = list(DelimitedRows(path, "utf-8-sig", ",", Limits()))
    assert rows[1] == (2, cells)
