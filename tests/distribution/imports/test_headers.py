import pytest

from crm.distribution.imports.headers import HeaderAgain, find_header_row, fit, name_columns


def numbered(*rows):
    return [(number, list(row)) for number, row in enumerate(rows, 1) if any(row)]


@pytest.mark.parametrize(
    ("rows", "header_row"),
    [
        ([("Username", "Nama"), ("u1", "Budi")], 1),
        ([("DAFTAR", "", ""), ("dicetak 03/03", "", ""), (), ("Kode", "Orang", "Kota"), ("a", "b", "c")], 4),
        ([("Laporan", "Maret", "", "", ""), ("No", "User ID", "Nama", "HP", "Kota"), ("1", "u", "B", "0812", "x")], 2),
        ([("Username", "Nama", "", "", ""), ("u1", "Budi", "x", "y", "z"), ("u2", "Ani", "x", "y", "z")], 1),
        ([("Nama", "Toko Budi", ""), ("User ID", "Nama", "HP"), ("u1", "Budi", "0812")], 2),
        ([("Data Member", "", "Kontak", ""), ("Kode", "Orang", "Satu", "Dua"), ("a", "b", "c", "d")], 2),
        ([("Username",), ("u1",)], 1),
        ([("u1", "Budi", "081244129545"), ("u2", "Ani", "081311112222")], 0),
        ([("081244129545",), ("081311112222",)], 0),
        ([("https://wa.me/6281244129545",), ("https://wa.me/6281311112222",)], 0),
        ([("Username", "2024", "2025"), ("u1", "5", "6")], 1),
        ([("عميل", "اسم"), ("a", "b")], 1),
        ([("Member", "", "Kontak", ""), ("Username", "Nama", "No HP", "Email"), ("u1", "B", "0812", "")], 2),
        ([("Member", "", "Kontak", ""), (), ("Username", "Nama", "No HP", "Email"), ("u1", "B", "0812", "")], 3),
        ([("Username", "Status", "Level"), ("u1", "member", "user"), ("u2", "member", "user")], 1),
        ([("Daftar ID VIP",), *[(f"budi{n}",) for n in range(30)], ("member",), ("sari",)], 1),
        ([("Daftar ID VIP",), ("member",), ("sari",)], 2),
        ([("Daftar ID VIP",), (), ("Member aktif saja",), ("member",), ("sari",)], 4),
        ([("budi01",), ("member",), ("sari",)], 1),
        ([*[("budi santoso",)] * 40, ("member",), ("sari",)], 1),
        ([*[(f"08123456780{n}", f"Budi {n}") for n in range(9)], ("hp", "nama"), ("081234567999", "X")], 0),
        ([("081234567801", "Budi"), ("hp", "nama"), ("081234567999", "X")], 0),
        ([("Kode", "Orang", "Kota"), *[("a", "b", "c")] * 4, ("user", "nama", "hp"), ("x", "y", "z")], 1),
        ([("Total", "500", "", "", ""), ("Aktif", "300", "", "", ""), ("No", "User ID", "Nama", "HP", "Kota")], 3),
    ],
)
def test_the_header_row_is_found(rows, header_row):
    assert find_header_row(numbered(*rows)) == header_row


@pytest.mark.parametrize(
    ("headers", "width", "names"),
    [
        (["Nama", "Nama", "Nama"], 3, ["Nama", "Nama (2)", "Nama (3)"]),
        (["Nama", "Nama (2)", "Nama"], 3, ["Nama", "Nama (2)", "Nama (3)"]),
        (["  User \n ID ", "", "x"], 4, ["User ID", "Column 2", "x", "Column 4"]),
        (["Column 2", ""], 2, ["Column 2", "Column 2 (2)"]),
        ([], 2, ["Column 1", "Column 2"]),
    ],
)
def test_every_column_has_a_name_of_its_own(headers, width, names):
    assert name_columns(headers, width) == names


def test_thousands_of_equal_headers_are_named_quickly():
    assert name_columns(["x"] * 16_384, 16_384)[-1] == "x (16384)"


def test_fitting_pads_and_never_drops_a_value():
    assert fit(["a"], 3) == ["a", "", ""]
    assert fit(["a", "b", "", ""], 1) == ["a", "b"]
    assert fit(["a", " ", ""], 1) == ["a"]
    assert fit(["", "", ""], 2) == ["", ""]


HEADERS = name_columns(["Username", "Nama", "Nama", "No. HP"], 4)


@pytest.mark.parametrize(
    "cells",
    [
        ["Username", " Nama", "Nama", "No. HP"],
        ["USERNAME", "nama", "NAMA", "no_hp"],
        ["\ufeffUsername", "Nama", "Nama", "No. HP"],
        ["User ID", "Nama Lengkap", "", "Telepon"],
        ["id", "", "", "hp"],
    ],
)
def test_a_header_that_comes_again_among_the_rows_is_recognised(cells):
    assert HeaderAgain(HEADERS, 0)(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["Username", "Nama", "Budi", ""],
        ["member", "", "", ""],
        ["budi", "nama", "nama", "hp"],
        ["user", "Budi", "", ""],
    ],
)
def test_a_customer_whose_name_is_a_word_of_headers_is_a_customer(cells):
    assert not HeaderAgain(HEADERS, 0)(cells)
