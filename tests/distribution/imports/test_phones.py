import re
from string import digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.phones import phone_key

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
KEY = "+6281244129545"


@pytest.mark.parametrize(
    "text",
    [
        "081244129545",
        "0812-4412-9545",
        "0812 4412 9545",
        "0812.4412.9545",
        "+62 812 4412 9545",
        "+62-812-4412-9545",
        "(+62) 812 4412 9545",
        "+62 0812 4412 9545",
        "+0812 4412 9545",
        "6281244129545",
        "006281244129545",
        "00812-4412-9545",
        "81244129545",
        "81244129545.0",
        "'081244129545",
        '="081244129545"',
        "WA 081244129545",
        "hp:081244129545",
        "No. HP: 0812 4412 9545",
        "0812 4412 9545 (istri)",
        "tel:+6281244129545",
        "https://wa.me/6281244129545",
        "wa.me/081244129545",
        "https://wa.me/6281244129545?text=Halo%201234567",
        "https://api.whatsapp.com/send?phone=6281244129545&text=Halo",
        "https://api.whatsapp.com/send/?phone=%2B6281244129545",
        "whatsapp://send?phone=6281244129545",
        "٠٨١٢٤٤١٢٩٥٤٥",
        "०८१२४४१२९५४५",
        "０８１２４４１２９５４５",
        "\u202a+62 812\u20114412\u20119545\u202c",
        "\u00a00812\u00a04412\u00a09545\ufeff",
        "0812–4412–9545",
        "06281244129545",
        "0 62 812 4412 9545",
        "626281244129545",
        "+6262 812 4412 9545",
        "+62 +62 812-4412-9545",
        "0062 62 812 4412 9545",
        "+62+81244129545",
        "62 + 812 4412 9545",
        "+62+081244129545",
        "+62(0)812 4412 9545",
        "+62 (0812) 4412-9545",
        "1. 081244129545",
        "12) 0812 4412 9545",
        "3.) +62 812 4412 9545",
        "(4) 081244129545",
        "7. 81244129545",
        "081244129545 (2)",
        "0812 4412 9545 [3]",
        "2) 081244129545 (1)",
        "No.1 081244129545",
        "1.081244129545",
        "2 0812 4412 9545",
        "#3 081244129545",
        "1- 081244129545",
        "5 (0812) 4412 9545",
        "081244129545 (2) 081311112222",
        "+6281244129545.0",
        "081244129545.00",
        "6281244129545,0",
    ],
)
def test_every_spelling_of_a_number_has_one_key(text):
    assert phone_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "0812-4412-9545 / 0813-1111-2222",
        "081244129545,081311112222",
        "081244129545;081311112222",
        "081244129545 081311112222",
        "081244129545-081311112222",
        "0812 4412 9545 0813 1111 2222",
        "0812 4412 9545\n0813 1111 2222",
        "0812 4412 9545 atau 0813 1111 2222",
        "+62 812 4412 9545 +62 813 1111 2222",
    ],
)
def test_of_two_numbers_the_first_counts(text):
    assert phone_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "-",
        "0",
        "12",
        "TOTAL",
        "chat",
        "#N/A",
        "0000000000",
        "11111111",
        "99999999999",
        "1234567",
        "5551234",
        "1544383",
        "Rp 1.544.383",
        "81244129545.5",
        "8.12E+10",
        "8.1244129545E+10",
        "2025-03-01",
        "05 03 2024",
        "2024 03 05",
        "5 3 2024 10:20",
        "1. 05 03 2024",
        "12) 5551234",
        "1. ",
        "(2)",
        "+62",
        "+62+62",
        "01/03/2025",
        "2025-03-01 10:20:00",
        "03/03",
        "3174012345670001",
        "08124412954512345",
        "kawaca70030123",
        "user_0812441295",
        "budi081244129545@mail.com",
        "https://docs.google.com/d/123456789012",
        "https://wa.me/6281?text=1234567890",
        "\x00",
        "+",
        "+++++++",
        "0" * 5000,
        "9 " * 5000,
        " (" * 400,
        "0812345678 2",
        "0812 3456 7801 2",
        "+62812345678 12",
        "0812-3456-789  3",
    ],
)
def test_what_is_no_usable_phone_has_no_key(text):
    assert phone_key(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("62812345678", "+62812345678"),
        ("0812345678", "+62812345678"),
        ("0812 345 678 90", "+6281234567890"),
        ("(021) 5551234", "+62215551234"),
        ("021/5551234", "+62215551234"),
        ("62215551234", "+62215551234"),
        ("622123456", "+62622123456"),
        ("084012345678", "+6284012345678"),
        ("+60 12-345 6789", "+60123456789"),
        ("wa.me/60123456789", "+60123456789"),
        ("+1 (650) 253-0000", "+16502530000"),
    ],
)
def test_country_and_area_codes_are_told_apart(text, key):
    assert phone_key(text) == key


@pytest.mark.parametrize(
    ("text", "region", "key"),
    [
        ("81234567", "SG", "+6581234567"),
        ("6581234567", "SG", "+6581234567"),
        ("012-345 6789", "MY", "+60123456789"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("07400 123456", "GB", "+447400123456"),
        ("+6281244129545", "GB", KEY),
        ("+6281244129545", "XX", KEY),
        ("081244129545", "XX", None),
    ],
)
def test_the_region_says_where_a_number_without_country_code_belongs(text, region, key):
    assert phone_key(text, region) == key


PHONE_LIKE = st.text(alphabet=digits * 4 + "+-() ./,;:ext\u0660\uff11\u2011\n%", max_size=40)


@given(st.one_of(PHONE_LIKE, st.text(max_size=60)))
def test_a_key_is_e164_and_is_its_own_key(text):
    key = phone_key(text)

    assert key is None or (E164.fullmatch(key) and phone_key(key) == key)


@given(st.from_regex(r"8(1[1-9]|5[2-9]|9[5-9])[2-9][0-9]{6,8}", fullmatch=True))
def test_the_usual_ways_to_write_a_mobile_number_agree(national):
    spellings = ["0" + national, national, "62" + national, "+62" + national, "https://wa.me/62" + national]
    spellings += [
        f"0{national[:3]}-{national[3:7]}-{national[7:]}",
        f"+62 {national[:3]} {national[3:]}",
        national + ".0",
    ]

    assert {phone_key(spelling) for spelling in spellings} == {"+62" + national}
