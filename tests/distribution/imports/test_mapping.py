import time

import pytest

from crm.distribution.imports.mapping import Mapping, suggest_mapping
from crm.distribution.imports.reading import Row

PHONES = ["081244129545", "+6281311112222", "https://wa.me/6285311112223", "6285311112224"]
NAMES = ["Budi", "Ani", "Siti", "Joko"]
IDS = ["budi_1", "ani.2", "siti3", "joko4"]
BANKS = ["BCA", "BRI", "BCA", "BNI"]
AMOUNTS = ["1544383", "812345678", "2589556", "155000000"]


def suggested(**columns):
    return suggested_of(list(columns.items()))


def suggested_of(columns):
    headers = [header for header, _ in columns]
    rows = [
        Row(number, list(cells), None) for number, cells in enumerate(zip(*(c for _, c in columns), strict=True), 2)
    ]
    return suggest_mapping(headers, rows, "ID").as_headers(headers)


@pytest.mark.parametrize(
    "header", ["Username", "USER ID", "user", "UserID", "customer_id", "ID Member", "member", "Akun", "id"]
)
def test_customer_id_headers(header):
    found = suggested_of([("No", ["1", "2", "3", "4"]), ("Nama", NAMES), (header, IDS), ("Bank", BANKS)])

    assert found == {"customer_id": header, "name": "Nama"}


@pytest.mark.parametrize(
    "header", ["nama", "Nama Lengkap", "NAMA_LENGKAP", "name", "Customer Name", "customer_name", "Full name"]
)
def test_name_headers(header):
    found = suggested_of([("Nama Bank", BANKS), ("Alamat", NAMES), (header, NAMES), ("Username", IDS)])

    assert found == {"customer_id": "Username", "name": header}


@pytest.mark.parametrize(
    "header",
    [
        "No HP",
        "hp",
        "NoHP",
        "No. Telp",
        "Telpon",
        "telepon",
        "WA",
        "Nomor WhatsApp",
        "phone",
        "Mobile",
        "No HP Aktif",
        "teleponrumah",
    ],
)
def test_phone_headers(header):
    found = suggested_of([("Username", IDS), ("Saldo", AMOUNTS), (header, PHONES), ("Nama", NAMES)])

    assert found == {"customer_id": "Username", "name": "Nama", "phone": header}


def test_an_exact_name_beats_a_word_and_a_word_beats_a_part():
    found = suggested_of([("Usernames lama", IDS), ("User lama", IDS), ("User", IDS)])

    assert found == {"customer_id": "User"}
    assert suggested_of([("Superuser", IDS), ("User lama", IDS)]) == {"customer_id": "User lama"}


def test_a_username_beats_a_running_number():
    assert suggested(ID=["1", "2", "3", "4"], Username=["budi", "budi", "ani", "ani"]) == {"customer_id": "Username"}


def test_a_link_that_shows_no_number_is_not_the_phone():
    assert suggested_of([("Link WA", ["chat"] * 4), ("Telpon", PHONES)]) == {"phone": "Telpon"}
    assert suggested_of([("Link WA", ["chat"] * 4)]) == {}


def test_of_two_phone_columns_the_one_with_phones_is_meant():
    assert suggested_of([("No HP", ["-"] * 4), ("WhatsApp", PHONES)]) == {"phone": "WhatsApp"}
    assert suggested_of([("No HP", PHONES), ("WhatsApp", PHONES)]) == {"phone": "No HP"}


def test_phones_are_found_by_content_but_customer_ids_are_not():
    assert suggested_of([("Column 1", IDS), ("Column 2", PHONES)]) == {"phone": "Column 2"}
    assert suggested_of([("Kolom", AMOUNTS), ("Saldo", ["081244129545"] * 4)]) == {}


def test_bank_address_and_staff_columns_never_match():
    columns = ["Bank", "Nama Bank", "Alamat", "Nama CS", "Nama Staff", "Level Member", "Tgl Member", "No Rekening"]

    assert suggested_of([(header, NAMES) for header in columns]) == {}


def test_a_member_column_that_repeats_is_no_customer_id_unless_named_exactly():
    assert suggested_of([("Jenis Member", ["Emas"] * 4)]) == {}
    assert suggested_of([("Username", ["sama"] * 4)]) == {"customer_id": "Username"}


def test_one_column_has_one_role():
    assert suggested_of([("Customer Name", NAMES), ("Customer Phone", PHONES)]) == {
        "name": "Customer Name",
        "phone": "Customer Phone",
    }


def test_without_rows_the_headers_decide():
    assert suggest_mapping(["Username", "Nama Customer", "No HP"], [], "ID") == Mapping(0, 1, 2)


def test_a_mapping_survives_storage_and_may_be_empty():
    mapping = Mapping(customer_id=None, name=0, phone=1)

    assert Mapping.from_dict(mapping.to_dict()) == mapping
    assert mapping.as_headers(["Nama", "HP"]) == {"name": "Nama", "phone": "HP"}
    assert suggest_mapping([], [], "ID") == Mapping()


def test_thousands_of_columns_are_mapped_quickly():
    headers = [f"Kolom data {number}" for number in range(16_384)]
    rows = [Row(number, ["0215551234"] * 16_384, None) for number in range(20)]
    started = time.monotonic()

    suggest_mapping(headers, rows, "ID")

    assert time.monotonic() - started < 10
