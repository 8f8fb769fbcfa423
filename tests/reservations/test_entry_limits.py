"""A file of many reservations is read by a process with little memory."""

import pytest

from crm.distribution.reserving.pasted import entries_of_file
from crm.errors import Refused
from tests.distribution.imports.building import xlsx, xlsx_with_cells


def test_a_file_as_large_as_can_be_entered_is_read():
    people = [["customer id", "phone", "note"], *[[f"user{n}", f"0812{n:08}", "x" * 200] for n in range(10_000)]]
    assert len(entries_of_file([xlsx({"Data": people})], "list.xlsx")) == 10_000


@pytest.mark.parametrize("corner", [(20_000, 200), (1_000_000, 16_000)], ids=["many cells", "too much memory"])
def test_what_an_upload_could_hold_is_too_much_here(corner):
    with pytest.raises(Refused, match="stray cell lies far away"):
        entries_of_file([xlsx_with_cells({(0, 0): "customer id", corner: "x"})], "list.xlsx")
