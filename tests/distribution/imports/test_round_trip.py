"""Any table that is written as delimited text comes back cell by cell."""

import csv
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.distribution.formulas import neutral
from crm.distribution.imports.contract import Limits
from crm.distribution.imports.reader_process import inspect, read_batches
from crm.distribution.imports.reading import Layout, inspect_file, read_rows

# Many control characters make a file binary; these few are the ones that other programs take for line ends.
LINE_ENDS = "\n\r\t\x0b\x0c\x1c\x1d\x1e"
WINDOWS_1252 = bytes(byte for byte in range(32, 256) if byte not in (0x7F, 0x81, 0x8D, 0x8F, 0x90, 0x9D)).decode(
    "cp1252"
)
ANY = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffd")
CELLS = {"cp1252": st.text(st.sampled_from(WINDOWS_1252 + LINE_ENDS), max_size=20)}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


@st.composite
def tables(draw):
    """(encoding, delimiter, rows): rows of equal width, the first cell of each never blank.

    No cell has a line in it that looks like one of the table: such a file is refused.
    """
    encoding = draw(st.sampled_from(ENCODINGS))
    delimiter = draw(st.sampled_from(",;\t|^~:\x1f"))
    width = draw(st.integers(1, 6))
    cells = CELLS.get(encoding, st.text(ANY | st.sampled_from(LINE_ENDS + '"\u2028\u2029'), max_size=20))
    first = st.integers(0, 10**6).map(lambda number: f"u{number}")
    cells = cells.filter(lambda cell: delimiter not in cell or len(cell.splitlines()) < 3)
    row = st.tuples(first, *[cells] * (width - 1)).map(list)
    return encoding, delimiter, draw(st.lists(row, min_size=1, max_size=30))


def written(encoding, delimiter, rows, line_end):
    text = io.StringIO(newline="")
    # Python quotes a lone \r only where it is part of the line end.
    quoting = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(
        [neutral(cell) for cell in row] for row in rows
    )
    return text.getvalue().encode(encoding)


def table_of(rows):
    return [[f"header {column}" for column in range(len(rows[0]))], *rows]


@given(table=tables(), line_end=st.sampled_from(["\r\n", "\n"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_come_back_as_they_were_written(tmp_path, table, line_end):
    encoding, delimiter, rows = table
    path = tmp_path / "table.csv"
    path.write_bytes(written(encoding, delimiter, table_of(rows), line_end))
    override = {"encoding": encoding, "delimiter": delimiter, "header_row": 1}

    found = inspect(path, "table.csv", override, Limits())["inspection"]
    layout = Layout.from_dict(found["layout"])
    read = [row for message in read_batches(path, layout, None, "ID", Limits()) for row in message["rows"]]

    assert found["headers"] == [f"header {column}" for column in range(len(rows[0]))]
    assert read == [(number, cells, None) for number, cells in enumerate(rows, 2)]
    assert found["sample"] == [(number, cells) for number, cells in enumerate(rows, 2)][:20]


@given(table=tables())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_come_back_through_the_child_process(tmp_path, table):
    encoding, delimiter, rows = table
    path = tmp_path / "table.csv"
    path.write_bytes(written(encoding, delimiter, table_of(rows), "\r\n"))
    override = {"encoding": encoding, "delimiter": delimiter, "header_row": 1}

    inspection = inspect_file(path, name="table.csv", layout_override=override)
    read = [tuple(row) for row in read_rows(path, inspection.layout)]

    assert read == [(number, cells, None) for number, cells in enumerate(rows, 2)]
