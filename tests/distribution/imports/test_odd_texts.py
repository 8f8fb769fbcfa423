"""Texts that were written oddly: stray bytes, encodings of other places, stray quotation marks, lines in quotes."""

import pytest

from crm.distribution.imports.reading import UnreadableFile, read_rows

from .building import write
from .reading_helpers import cells_of, inspect, read_in_this_process

HEADER = "Username,Nama,No HP\n"


def notes_of(path):
    """All notes: those of the inspection, and those of reading the rows."""
    inspection = inspect(path)
    reader = read_rows(path, inspection.layout)
    list(reader)
    return [*inspection.notes, *reader.notes]


@pytest.mark.parametrize(
    ("lines", "damaged"),
    [
        ([b"u1,Jos\xe9,0812", "u2,Müller,0812".encode(), "u3,Zoë,0812".encode()], "2"),
        (["u1,Müller,0812".encode(), b"u2,\xff\xfe,0812", "u3,Ñoño,0812".encode(), "u4,日本,1".encode()], "3"),
        (["u1,Müller,0812".encode(), "u2,Zoë,0812".encode(), b"u3,Zo" + b"\xc3"], "4"),
        (["u1,Ñoño Müller,0812".encode(), b"u\xe92,x,0812", b"u3,\xe9,0812"], "3, 4"),
        ([*["u,Müller,0812".encode()] * 9, *[b"x,\xe9,0812"] * 7], "11, 12, 13, 14, 15 and 2 more"),
        ([b'u1,"Jos\xe9\nB",0812', "u2,Müller Zoë,0812".encode()], "2"),
    ],
)
def test_a_text_in_utf_8_with_stray_bytes_is_utf_8(tmp_path, lines, damaged):
    path = write(tmp_path, "list.csv", HEADER.encode() + b"\n".join(lines))
    text = "\n".join(map(",".join, cells_of(path)))
    assert "\ufffd" in text
    assert "Ã" not in text
    assert any(f"Lines: {damaged}." in note for note in notes_of(path))


def test_a_byte_order_mark_does_not_make_a_stray_byte_an_error(tmp_path):
    path = write(tmp_path, "list.csv", b"\xef\xbb\xbf" + HEADER.encode() + "u1,Müller,\nu2,".encode() + b"\xe9,\n")
    assert cells_of(path) == [["u1", "Müller", ""], ["u2", "\ufffd", ""]]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "José Müller"),
        ("cp1251", "Иван Петров"),
        ("gb18030", "张伟"),
        ("mac_roman", "Zoë Ñoño"),
        ("cp1256", "محمد"),
        ("cp874", "สมชาย"),
        ("cp1258", "Đặng"[:1]),
        ("big5", "陳大文"),
    ],
)
def test_a_text_of_another_place_is_read_when_its_encoding_is_chosen(tmp_path, encoding, name):
    plain = "".join(f"u{number},Budi,0812\n" for number in range(50))
    path = write(tmp_path, "list.csv", (HEADER + plain + f"u99,{name},0812\n").encode(encoding))
    guessed = inspect(path)
    assert guessed.layout.encoding == "cp1252"
    assert "Windows-1252" in guessed.notes[0]
    assert [row.row_number for row in guessed.letters] == [52], "the row in which one sees it"
    chosen = inspect(path, encoding=encoding)
    assert chosen.letters[0].cells[1] == name
    assert bool(chosen.notes) == (encoding == "cp1252"), "it says so as long as it may be a guess"


QUOTED = {
    "semicolons": '"Username;Nama;No HP"\n"u0;Budi 0;0812"\n"u1;Budi 1;0813"\n',
    "quotes in quotes": '"Username;Nama;No HP"\n"u0;""Budi; 0"";0812"\n"u1;Budi 1;0813"\n',
    "commas": '"Username,Nama,No HP"\n"u0,Budi 0,0812"\n"u1,Budi 1,0813"\n',
    "tabs": '"Username\tNama\tNo HP"\n"u0\tBudi 0\t0812"\n"u1\tBudi 1\t0813"\n',
    "no header": '"u0;Budi;081234567800"\n"u1;Ani;081234567801"\n',
    "blank lines": '"Username;Nama;No HP"\n\n"u0;Budi 0;0812"\n\n"u1;Budi 1;0813"\n',
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_lines_in_quotation_marks_are_split(tmp_path, text):
    path = write(tmp_path, "list.csv", text)
    rows = [cells for cells in cells_of(path) if any(cells)]
    assert [(len(cells), cells[0]) for cells in rows] == [(3, "u0"), (3, "u1")]
    assert any("quotation marks as a whole" in note for note in notes_of(path))


@pytest.mark.parametrize(
    "text",
    [
        'Nama\n"Santoso, Budi"\n"Wijaya, Ani"\n',
        '"Santoso, Budi"\n"Wijaya, Ani"\n',
        '"Nama"\n"Jl. A; Bandung"\n"Jl. B; Solo"\n',
    ],
)
def test_a_list_of_names_with_a_comma_in_each_stays_one_and_is_asked_about(tmp_path, text):
    inspection = inspect(write(tmp_path, "list.csv", text))
    assert len(inspection.headers) == 1
    assert any("has a “" in note for note in inspection.notes)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Username;Nama;No HP;Kota\nu1;Ani, S.E.\nu2;Budi, M.M.;0812\nu3;Cici, S.E.;0813\n", 4),
        ("Data, Maret\nUsername;Nama;No HP;Kota\nu1;Ani, S.E.\nu2;Budi, M.M.;0812\n", 4),
        ("Username|Nama|Alamat\nu1|Ani|Jl. A, Solo, ID\nu2|Budi\nu3|Cici|Jl. B, Solo, ID\n", 3),
        ("Username\tNama\tCatatan\nu1\tAni; a; b\nu2\tBudi; a; b\n", 3),
        ("Kode Member;Nama Lengkap;Telepon;Email\nu1\nu2;Budi, A;1;b@c.id\nu3;C, D;2\n", 4),
        ("No;User ID;Nama;HP\n1;u1;Ani, S.E.\n2;u2;B, C;0812\n3;u3;D, E\n", 4),
    ],
)
def test_the_names_of_the_header_say_more_than_the_commas_in_names(tmp_path, text, columns):
    assert len(inspect(write(tmp_path, "list.csv", text)).headers) == columns


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ('u1,"Ani,0812\nu2,Beni,0813\nu3,"Cici,0814\n', "line 2 closes only in line 4"),
        ('u1,"Ani,0812\nu2,"Beni,0813\n', "line 2 closes only in line 3"),
        ('u1,"Ani",0812\nu2,"Beni,0813\nu3,Cici" ,0814\n', "line 3 closes only in line 4"),
        ('u0,Z,1\n"u1,Ani,0812\nu2",Beni "B",0813\nu3,"Cici\n"x,0814\n', "line 5 closes only in line 6"),
        ('u1,Ani "A",0812\nu2,"B,08\nu3,C" X,09\n', "line 3 closes only in line 4"),
        (
            'u1,"Ani,0812\nu2,B,0813\n' + "".join(f"v{n},C,08\n" for n in range(50)) + 'u3,"D,1\n',
            "line 2 closes only in line 54",
        ),
    ],
)
def test_a_stray_quotation_mark_that_swallows_lines_is_refused_with_them(tmp_path, rows, lines):
    path = write(tmp_path, "list.csv", HEADER + rows)
    with pytest.raises(UnreadableFile, match=lines):
        cells_of(path)


def test_line_ends_in_a_cell_are_kept_and_said_where_they_may_be_a_mistake(tmp_path):
    path = write(tmp_path, "list.csv", HEADER + 'u1,"Ani\nSolo",0812\nu2,"Jl. A,\nSolo",0813\nu3,C,0814\n')
    assert [cells[1] for cells in cells_of(path)] == ["Ani\nSolo", "Jl. A,\nSolo", "C"]
    [note] = notes_of(path)
    assert "Lines: 4–5." in note


@pytest.mark.parametrize(
    "rows",
    [
        'u1,"Ani,0812\nu2,Beni,0813\nu3,Cici",0814\n',
        'u1,Budi,"Jl. A\nRT 1, RW 2, Kel. X\nJakarta"\n',
    ],
)
def test_a_cell_that_may_hold_lines_of_the_table_is_said_and_not_refused(tmp_path, rows):
    path = write(tmp_path, "list.csv", HEADER + rows + "u9,Z,0815\n")
    assert len(cells_of(path)) == 2
    [note] = notes_of(path)
    assert "Lines: 2–4." in note


def test_a_wrapped_file_with_a_line_that_is_none_is_read(tmp_path):
    lines = "".join(f'"u{number};Budi;081"\n' for number in range(150))
    path = write(tmp_path, "list.csv", '"Username;Nama;HP"\n' + lines + '"x; ""y\nz;"\n')
    assert len(cells_of(path)) == 151


def test_an_encoding_that_does_not_fit_is_refused_with_a_word(tmp_path):
    path = write(tmp_path, "list.csv", HEADER + "u1,Müller,0812\n")
    with pytest.raises(UnreadableFile, match="not valid UTF-16"):
        inspect(path, encoding="utf-16")


def test_a_file_of_no_trouble_has_no_notes(tmp_path):
    path = write(tmp_path, "list.csv", HEADER + "u1,Müller,0812\nu2,日本,0813\n")
    assert notes_of(path) == []
    assert read_in_this_process(path)[0].encoding == "utf-8"
