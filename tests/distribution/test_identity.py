"""Who has an id, and who has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.identity import is_blank, is_empty, keys_of, named

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


SAME = {
    "zero width space": ("budi1", "bu\u200bdi1"),
    "joiners": ("budi1", "\u200dbu\u200cdi\u20601"),
    "direction marks": ("budi1", "\u202abudi1\u202c\u200e\u2067"),
    "soft hyphen": ("budi1", "bu\u00addi1"),
    "byte-order mark": ("budi1", "\ufeffbudi1"),
    "controls": ("budi1", "\x01budi\x1f1\x7f"),
    "variation selector": ("budi\u2764", "budi\u2764\ufe0f"),
    "fillers": ("budi1", "\u3164budi1\u2800\uffa0"),
    "tags": ("budi1", "budi1\U000e0041\U000e007f"),
    "no-break space": ("budi 1", "budi\u00a01"),
    "decomposed": ("josé", "jose\u0301"),
    "decomposed, with a joiner in it": ("josé", "jose\u200d\u0301"),
    "full width": ("budi1", "ｂｕｄｉ１"),
    "ligature": ("fi1", "\ufb011"),
    "wide space": ("budi 1", "budi\u3000 1"),
    "case": ("josé", "JOSÉ"),
    "an accent that only the upper case has": ("i\u0307", "\u0130"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_looks_the_same_is_the_same_customer(one, other):
    first, second = keys_of([one, other])
    assert first == second


@pytest.mark.django_db
def test_what_looks_different_is_another_customer():
    ids = ["jose", "josé", "budi1", "budi 1", "budi-1", "budi2", "б", "b", "日本", "日", "user_1", "user1", "0a", "oa"]
    assert len(set(keys_of(ids))) == len(ids)


@pytest.mark.django_db
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=30))
def test_a_key_is_its_own_key_and_what_is_empty_has_none(texts):
    keys = keys_of(texts)
    assert [key == "" for key in keys] == [is_empty(text) for text in texts]
    assert keys_of(keys) == keys


NO_PHONES = [
    "budi88",
    "12345678",
    "1234567890",
    "0012345678",
    "123-456-789",
    "2024-01-15 10",
    "8.12E+10",
    "+1",
    "00123",
]
NO_PHONES += [
    "+1",
    "00123",
    "081234567801 budi",
    "user081234567801",
    "0812/0813",
    "62",
    "0123456789",
    "3201010101010001",
    "812-345",
]


@pytest.mark.parametrize("text", NO_PHONES)
def test_an_id_that_is_no_phone_stays_as_it_is(text):
    assert named(text, "", None) == (text if not is_blank(text) else "", "", None)


PHONES = ["0062 81234567801", "081234567801", "81234567801", "6281234567801", "+62 812 3456 7801", "0812.3456.7801"]
PHONES += [
    "０８１２３４５６７８０１",
    "\u200e+62 812‑3456‑7801",
    "https://wa.me/6281234567801",
    "0062 81234567801",
    "081234567801 ",
]


@pytest.mark.parametrize("text", PHONES)
def test_an_id_that_reads_as_a_phone_is_that_phone(text):
    assert named(text, "", None) == ("+6281234567801", text.strip(), "+6281234567801")
    other = named(text, "0813 1111 2222", "+6281311112222")
    assert other == ("+6281234567801", "0813 1111 2222", "+6281311112222")
