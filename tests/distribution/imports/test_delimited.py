import pytest

from crm.distribution.imports.reading import (
    HeaderAgain,
    Limits,
    UnreadableFile,
    inspect_file,
    name_columns,
    read_rows,
)

from .building import write
from .reading_helpers import cells_of, inspect, read_in_this_process, rows_of

LIST = [
    ["Username", "Nama Lengkap", "No HP", "Saldo"],
    ["budi_1", "Budi Santoso, S.Kom", "0812-4412-9545", "1,5"],
    ["ani.2", "Ani", "+6281311112222", "20,0"],
    ["siti3", "Siti", "", "0"],
]


def text_of(rows, delimiter=",", quote=False):
    def cell(value):
        return f'"{value}"' if quote or delimiter in value else value

    return "".join(delimiter.join(map(cell, row)) + "\r\n" for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    rows = [*LIST, ["rené", "René “Bos”", "081311112223", "3"]]
    path = write(tmp_path, "list.csv", text_of(rows, delimiter).encode(encoding))

    layout, cells = read_in_this_process(path)

    assert (layout.encoding, layout.delimiter, layout.header_row) == (encoding, delimiter, 1)
    assert cells == rows[1:]


def test_sep_line_of_excel_names_the_delimiter_and_is_no_header(tmp_path):
    path = write(tmp_path, "list.csv", "sep=;\n" + text_of(LIST, ";"))

    layout = inspect(path).layout

    assert (layout.delimiter, layout.header_row) == (";", 2)
    assert cells_of(path) == LIST[1:]


def test_title_lines_with_commas_do_not_hide_a_semicolon(tmp_path):
    path = write(tmp_path, "list.csv", "Data member, Maret\nrahasia, internal\n\n" + text_of(LIST, ";"))

    layout = inspect(path).layout

    assert (layout.delimiter, layout.header_row) == (";", 4)


def test_a_list_inside_a_cell_does_not_pass_for_the_columns(tmp_path):
    rows = [["Username", "Nama", "Tag"], *([f"u{n}", "Budi", "a|b|c|d|e"] for n in range(9))]
    path = write(tmp_path, "list.csv", text_of(rows))

    assert inspect(path).layout.delimiter == ","


def test_one_column_keeps_its_cells_whole(tmp_path):
    path = write(tmp_path, "list.csv", "Link\nhttps://wa.me/6281244129545\nhttps://wa.me/6281311112222\n")

    assert inspect(path).headers == ("Link",)
    assert [row.phone_key for row in rows_of(path, phone_column=0)] == ["+6281244129545", "+6281311112222"]


def test_one_column_with_a_comma_in_a_few_names_stays_one_column(tmp_path):
    names = ["Budi", "Ani", "Siti, S.E", "Joko", "Rina", "Dewi"]
    path = write(tmp_path, "list.csv", "\n".join(["Nama", *names]))

    assert cells_of(path) == [[name] for name in names]


def test_phones_without_a_header_are_all_data(tmp_path):
    path = write(tmp_path, "list.txt", "081244129545\n081311112222\n")

    inspection = inspect(path)

    assert (inspection.layout.header_row, inspection.headers) == (0, ("Column 1",))
    assert [row.row_number for row in rows_of(path)] == [1, 2]


def test_delimiter_encoding_and_header_row_can_be_overridden(tmp_path):
    path = write(tmp_path, "list.csv", "judul;x\nUsername;Nama,Alias\nrené;Budi,Bos\n".encode("cp1252"))

    inspection = inspect(path, delimiter=",", encoding="cp1252", header_row=2)

    assert inspection.headers == ("Username;Nama", "Alias")
    assert inspection.sample_rows[0].cells == ["rené;Budi", "Bos"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"encoding": "utf-8"}, "not valid UTF-8"),
        ({"encoding": "klingon"}, "is not one of"),
        ({"delimiter": ";;"}, "must be one character"),
        ({"delimiter": '"'}, "must be one character"),
        ({"header_row": 99}, "Row 99 is empty or is not in the file"),
        ({"header_row": -1}, "Row -1 is empty or is not in the file"),
        ({"header_row": 2}, "no row of data"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(tmp_path, override, message):
    path = write(tmp_path, "list.csv", "Username,Nama\nrené,Budi\n".encode("cp1252"))

    with pytest.raises(UnreadableFile, match=message):
        inspect(path, **override)


def test_an_unknown_override_is_a_mistake_of_the_programmer(tmp_path):
    with pytest.raises(TypeError, match="cannot override colour"):
        inspect_file(write(tmp_path, "a.csv", "a,b\nc,d\n"), name="a.csv", layout_override={"colour": "red"})


def test_strings_are_kept_as_they_are(tmp_path):
    cells = ["00123", "NaN", "NULL", "nan", "  spaced  ", "=1+1", "عبد الله", "😀", "8.12E+10", "123.0", 'say "hi"']
    header = [f"Kolom {number}x" for number in range(len(cells))]
    body = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    path = write(tmp_path, "list.csv", ",".join(header) + "\n" + body + "\n")

    assert cells_of(path) == [cells]


def test_nul_characters_are_removed(tmp_path):
    path = write(tmp_path, "list.csv", "User\0name,Nama\nbu\0di,B\0udi\nani,Ani\n")

    inspection = inspect(path)

    assert inspection.headers == ("Username", "Nama")
    assert cells_of(path) == [["budi", "Budi"], ["ani", "Ani"]]


def test_a_byte_without_a_character_in_windows_1252_is_no_reason_to_refuse(tmp_path):
    path = write(tmp_path, "list.csv", b"Username,Nama\nbudi,Ren\xe9 \x81 Descartes, lelaki\n")

    assert cells_of(path, delimiter=";") == [["budi,René \x81 Descartes, lelaki"]]


def test_blank_rows_are_counted_and_rows_keep_their_numbers(tmp_path):
    path = write(tmp_path, "list.csv", "\n\nUsername,Nama\n\nbudi,Budi\n , \n,\nani,Ani\n\n")
    inspection = inspect(path)
    reader = read_rows(path, inspection.layout)

    assert inspection.layout.header_row == 3
    assert [(row.row_number, row.cells) for row in reader] == [(5, ["budi", "Budi"]), (8, ["ani", "Ani"])]
    assert (reader.rows, reader.blank) == (2, 4)


def test_short_rows_are_padded_and_long_rows_lose_nothing(tmp_path):
    rows = ["Username,Nama,Kota", *(f"u{number},Budi,Bogor" for number in range(30)), "short", "long,a,b,,e,,"]
    path = write(tmp_path, "list.csv", "\n".join(rows))
    inspection = inspect(path)
    reader = read_rows(path, inspection.layout)
    cells = [row.cells for row in reader]

    assert cells[-2:] == [["short", "", ""], ["long", "a", "b", "", "e"]]
    assert reader.width == 5
    assert name_columns(inspection.headers, reader.width) == ["Username", "Nama", "Kota", "Column 4", "Column 5"]


def test_a_header_that_comes_twice_is_named_apart_and_a_repeated_header_row_is_a_row(tmp_path):
    path = write(tmp_path, "list.csv", "Nama,Nama,HP\nBudi,B.,1\nNama,Nama,HP\nAni,A.,2\n")

    inspection = inspect(path)
    rows = rows_of(path)

    assert inspection.headers == ("Nama", "Nama (2)", "HP")
    assert [row.row_number for row in rows if HeaderAgain(inspection.headers, 0)(row.cells)] == [3]
    assert len(rows) == 3


def test_a_phone_column_beyond_a_row_has_no_key(tmp_path):
    path = write(tmp_path, "list.csv", "Username,Nama\nbudi,081244129545\n")

    assert [row.phone_key for row in rows_of(path, phone_column=7)] == [None]


def test_old_and_mixed_line_ends_are_read(tmp_path):
    path = write(tmp_path, "list.csv", "Username,Nama\rbudi,Budi\r\nani,Ani\nsiti,Siti")

    assert cells_of(path) == [["budi", "Budi"], ["ani", "Ani"], ["siti", "Siti"]]


def test_a_quotation_mark_that_is_never_closed_is_named_with_its_line(tmp_path):
    path = write(tmp_path, "list.csv", 'Username,Nama\nbudi,"Budi\nSantoso"\nani,"Ani\nsiti,Siti\n')

    with pytest.raises(UnreadableFile, match=r"quotation mark .* on line 4 is never closed"):
        inspect(path)


def test_a_lone_quotation_mark_far_down_is_found_by_the_rows(tmp_path):
    rows = "".join(f"u{number},Budi\n" for number in range(2000))
    path = write(tmp_path, "list.csv", f'Username,Nama\n{rows}ani,"Ani\n{rows}')
    layout = inspect(path).layout

    with pytest.raises(UnreadableFile, match=r"on line 2002 is never closed"):
        list(read_rows(path, layout))


def test_a_quotation_mark_inside_a_cell_is_just_a_character(tmp_path):
    path = write(tmp_path, "list.csv", 'Username,Nama\nbudi,layar 5" baru\nani,"Ani"\n')

    assert cells_of(path) == [["budi", 'layar 5" baru'], ["ani", "Ani"]]


def test_an_endless_cell_is_refused_with_its_line(tmp_path):
    path = write(tmp_path, "list.csv", 'Username,Nama\nbudi,Budi\nani,"' + "x\n" * 600_000)

    with pytest.raises(UnreadableFile, match=r"row on line 3 is longer than 1,000,000 characters"):
        inspect(path)


def test_a_row_of_many_long_cells_is_refused(tmp_path):
    path = write(tmp_path, "list.csv", "Username,Nama\nbudi," + ",".join(["x" * 900_000] * 5))

    with pytest.raises(UnreadableFile, match=r"Row 2 is longer than 4,000,000 characters"):
        inspect(path)


def test_a_wrong_byte_after_a_utf8_mark_is_refused_with_its_line(tmp_path):
    rows = "".join(f"u{number},Budi\n" for number in range(50_000)).encode()
    path = write(tmp_path, "list.csv", b"\xef\xbb\xbfUsername,Nama\n" + rows + b"ren\xe9,x\n")
    layout = inspect(path).layout

    with pytest.raises(UnreadableFile, match="not valid UTF-8"):
        list(read_rows(path, layout))


def test_more_rows_than_allowed_are_refused(tmp_path):
    path = write(tmp_path, "list.csv", "Username\n" + "".join(f"u{number}\n" for number in range(1001)))
    layout = inspect(path).layout

    with pytest.raises(UnreadableFile, match=r"more than 1,000 rows"):
        list(read_rows(path, layout, limits=Limits(max_rows=1000)))
    assert sum(1 for _ in read_rows(path, layout, limits=Limits(max_rows=1001))) == 1001
