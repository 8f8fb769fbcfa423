"""Who has an id, and who has none."""

import pytest

from crm.identity import is_blank

NOBODY = ["", " ", "\u00a0", "-", "--", "—", "-  -", "_", ".", "***", "???", "0", "000", "0.0", "N/A", "n/a", "#N/A"]
NOBODY += [
    "Ｎ／Ａ",
    "NULL",
    "none",
    "(blank)",
    "Kosong",
    "tidak  ada",
    "#REF!",
    "#VALUE!",
    "8.12E+10",
    "8,12e+10",
    "1.5E5",
]
SOMEBODY = ["00123", "-abc", "@budi", "x", "0a", "1e5", "e10", "none1", "NAN", "日本", "12", "1.2.3", "a/n", "#1"]


@pytest.mark.parametrize("text", NOBODY)
def test_what_stands_where_nothing_is_names_nobody(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", SOMEBODY)
def test_what_may_be_a_name_is_one(text):
    assert not is_blank(text)
