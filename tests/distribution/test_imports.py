"""From a file to records: on the command line and in the browser; all of it or nothing."""

import csv
import json
import re
import subprocess
import time
from io import BytesIO, StringIO
from pathlib import Path

import pytest
import xlsxwriter
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signals import post_execute_in_worker, pre_execute

from crm.distribution.assignment import assign_random, recall_records
from crm.distribution.forms import OnceForm
from crm.distribution.imports.models import State, Upload, UploadPart
from crm.distribution.imports.tasks import resume_interrupted, work_on_upload
from crm.distribution.imports.uploads import (
    can_undo_import,
    discard_upload,
    import_upload,
    receive_upload,
    reread_upload,
    start_import,
    undo_import,
)
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import get_module, modules
from records.requests import cancel_request, request_records
from tests.distribution.importing import PRODUCT, import_by_command
from tests.distribution.imports.building import with_replaced_part, xlsx, xlsx_with_cells
from tests.distribution.processes import manage
from tests.distribution.sql import Witness, ask, run
from tests.factories.products import ProductFactory

SAMPLES = Path(settings.BASE_DIR) / "tests" / "data" / "uploads"
MANIFEST = json.loads((SAMPLES / "manifest.json").read_text())
ACCEPTED = [name for name, facts in MANIFEST.items() if not facts.get("refused")]
REFUSED = [name for name, facts in MANIFEST.items() if facts.get("refused")]
REPORTED = ("file_rows", "accepted", "duplicates", "rejected", "blank", "mapping")


@pytest.fixture
def product(db):
    return ProductFactory(name=PRODUCT)


def rows_of_all_tables() -> dict[str, int]:
    tables = ask("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    return {table: ask(f'SELECT count(*) FROM "{table}"')[0][0] for (table,) in tables}


@pytest.fixture
def written(tmp_path):
    """Writes a CSV file of these rows, or of this text or bytes."""

    def write(content, name="list.csv") -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def receive(product, admin):
    """Uploads a file as an admin does; it waits to be read."""

    def receive(content: Path | bytes, *, module="memberwd", name="list.csv", **options) -> Upload:
        if isinstance(content, Path):
            name, content = content.name, content.read_bytes()
        return receive_upload(
            module=get_module(module),
            product=options.get("product", product),
            name=options.get("title", "List"),
            file_name=name,
            content=[content],
            by=admin,
        )

    return receive


def work(upload: Upload) -> Upload:
    """What a worker of the task cluster does with it."""
    task = {"ack_id": upload.pk}
    pre_execute.send(sender="django_q", func=work_on_upload, task=task)
    work_on_upload(upload.pk)
    post_execute_in_worker.send(sender="django_q", func=work_on_upload, task=task)
    upload.refresh_from_db()
    return upload


@pytest.fixture
def imported(receive, admin):
    """A database, imported from a file in all steps."""

    def imported(content, **options):
        upload = work(receive(content, **options))
        assert upload.state == State.READY, upload.error
        start_import(upload=upload, by=admin)
        assert work(upload).state == State.IMPORTED, upload.error
        return get_module(upload.module).Database.objects.get(upload=upload)

    return imported


# --- The samples -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_sample_is_imported_exactly_as_its_manifest_says(product, name):
    result = import_by_command(SAMPLES / name)
    facts = MANIFEST[name]

    assert {key: result[key] for key in REPORTED} == {key: facts[key] for key in REPORTED}
    database = get_module("memberwd").Database.objects.get()
    assert result["database"] == database.pk
    counts = (database.file_rows, database.imported_count, database.duplicate_count, database.rejected_count)
    assert counts == (facts["file_rows"], facts["accepted"], facts["duplicates"], facts["rejected"])
    assert database.blank_count == facts["blank"]
    assert database.records.count() == database.record_count == database.available_count == facts["accepted"]
    assert database.upload.left_out.count() == facts["duplicates"] + facts["rejected"]
    assert database.name == Path(name).stem


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_sample_says_why_and_leaves_no_row_in_any_table(product, name):
    before = rows_of_all_tables()
    with pytest.raises(CommandError) as error:
        import_by_command(SAMPLES / name)
    assert error.value.returncode == 1
    assert str(error.value).startswith("The file ")
    assert rows_of_all_tables() == before


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.key)
def test_every_module_takes_a_file(product, module):
    result = import_by_command(SAMPLES / "member_wd_60.csv", module=module.key, name="Sixty")
    database = module.Database.objects.get(pk=result["database"])
    assert (database.name, database.available_count, database.product) == ("Sixty", 60, product)
    others = [other for other in modules() if other != module]
    assert not any(other.Record.objects.exists() for other in others)


def run_command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(**manage(*arguments), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.django_db(transaction=True)
def test_the_command_line_prints_json_or_the_reason_and_exits_with_0_or_1():
    ProductFactory(name="Kopi Senja")
    options = ["--module", "memberwd", "--product", "Kopi Senja", "--json"]

    done = run_command("import_database", str(SAMPLES / "member_wd_60.csv"), *options)
    assert (done.returncode, done.stderr) == (0, "")
    facts = MANIFEST["member_wd_60.csv"]
    result = json.loads(done.stdout)
    assert {key: result[key] for key in REPORTED} == {key: facts[key] for key in REPORTED}
    assert get_module("memberwd").Record.objects.count() == 60

    before = rows_of_all_tables()
    refused = run_command("import_database", str(SAMPLES / "picture.csv"), *options)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "The file " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert rows_of_all_tables() == before


# --- The command -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"product": "Nothing"}, "There is no product 'Nothing'"),
        ({"file": "no/such/file.csv"}, "No such file"),
        ({"file": "."}, "directory"),
        ({"name": "x" * 121}, "at most 120"),
        ({"name": "  "}, "Give the database a name"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_arguments(product, arguments, reason):
    before = rows_of_all_tables()
    options = {"file": str(SAMPLES / "member_wd_60.csv"), "product": "Kopi Senja", **arguments}
    with pytest.raises(CommandError, match=reason):
        call_command("import_database", options.pop("file"), module="memberwd", json=True, **options)
    assert rows_of_all_tables() == before


def test_a_file_with_a_very_long_name_is_imported(product, written):
    path = written([["id"], ["a1"]], name="l" * 200 + ".csv")
    import_by_command(path)
    assert get_module("memberwd").Database.objects.get().name == "l" * 120


def test_the_command_notes_that_the_same_file_was_imported_before(product):
    import_by_command(SAMPLES / "member_wd_60.csv", name="First")
    errors = StringIO()
    import_by_command(SAMPLES / "member_wd_60.csv", name="Second", stderr=errors)
    assert "the same file was imported as 'First'" in errors.getvalue()


# --- Customers ---------------------------------------------------------------------------------------------


def test_ids_that_look_like_numbers_stay_as_they_were_typed(product):
    import_by_command(SAMPLES / "odd_names_bom.csv")
    database = get_module("memberwd").Database.objects.get()
    keys = set(database.records.values_list("customer_key", flat=True))
    assert {"007", "7", "NAN"} <= keys
    names = dict(database.records.values_list("customer_id", "customer_name"))
    assert (names["007"], names["7"], names["nan"]) == ("Bond", "Not Bond", "Is a name")
    assert {"1e5", "1/2", "TRUE", '=HYPERLINK("http://x.invalid","klik")'} <= set(names.values())
    assert len(names["odd7-9"]) > 1000


def test_phones_keep_their_leading_zeros_and_have_a_key(product, written):
    import_by_command(written([["id", "hp"], ["a", "0812-3456-7890"], ["b", "0021"], ["c", ""]]))
    rows = get_module("memberwd").Record.objects.values_list("customer_id", "phone", "phone_key").order_by("pk")
    assert list(rows) == [("a", "0812-3456-7890", "+6281234567890"), ("b", "0021", None), ("c", "", None)]


def test_all_columns_are_kept_in_their_order(product, written):
    import_by_command(written([["Kota", "id", "", "Kota"], ["Bandung", "a", "x", "y"], ["Medan", "b"]]))
    database = get_module("memberwd").Database.objects.get()
    assert database.columns[:2] == ["Kota", "id"]
    assert len(set(database.columns)) == len(database.columns) == 4
    assert list(database.records.values_list("data", flat=True)) == [
        ["Bandung", "a", "x", "y"],
        ["Medan", "b", "", ""],
    ]


def test_a_row_longer_than_the_header_has_named_columns(product, written):
    import_by_command(written([["id", "hp"], ["a", "081234567890", "extra", "more"]]))
    database = get_module("memberwd").Database.objects.get()
    assert len(database.columns) == 4
    assert database.records.get().data == ["a", "081234567890", "extra", "more"]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"id,nama\na,x\x00y\n\x00b,z\n", ["a", "b"]),
        ("id,nama\na,\u202eevil\nb,😀\n".encode(), ["a", "b"]),
        (b"id,nama\na," + b"x" * 10_000 + b"\n", ["a"]),
        (b"id," + b",".join(b"c%d" % n for n in range(2000)) + b"\na" + b",1" * 2000 + b"\n", ["a"]),
        (b"id,nama,id\na,x,y\n", ["a"]),
        (b"id,nama\r\na,\"=cmd|' /C calc'!A0\"\r\n", ["a"]),
    ],
    ids=["a NUL byte", "right to left and emoji", "a huge cell", "2,000 columns", "a header twice", "a formula"],
)
def test_an_unlucky_file_is_imported_whole(product, written, content, ids):
    import_by_command(written(content))
    found = get_module("memberwd").Record.objects.order_by("pk").values_list("customer_id", flat=True)
    assert list(found) == ids


def test_an_id_with_other_case_and_spaces_is_the_same_customer(product, written):
    rows = [["id"], ["Budi  Santoso"], ["budi santoso"], [" BUDI\u00a0SANTOSO "], ["budisantoso"]]
    result = import_by_command(written(rows))
    assert (result["accepted"], result["duplicates"]) == (2, 2)
    left_out = get_module("memberwd").Database.objects.get().upload.left_out
    assert list(left_out.values_list("row_number", "kind", "reason")) == [
        (3, "duplicate", "The same customer as in row 2."),
        (4, "duplicate", "The same customer as in row 2."),
    ]


def test_a_row_without_an_id_takes_its_phone_as_the_id(product, written):
    rows = [["id", "hp"], ["a", "081200000001"], ["", "081200000002"], ["\u200b", "081200000003"]]
    import_by_command(written(rows))
    ids = get_module("memberwd").Record.objects.order_by("pk").values_list("customer_id", flat=True)
    assert list(ids) == ["a", "+6281200000002", "+6281200000003"]


def test_a_row_with_neither_is_rejected_and_a_blank_one_only_counted(product, written):
    rows = [["id", "hp", "n"], ["a", "081200000001", "x"], ["", "12", "x"], ["", "", ""], ["", "", "TOTAL"]]
    result = import_by_command(written(rows))
    assert {key: result[key] for key in REPORTED[:5]} == {
        "file_rows": 3,
        "accepted": 1,
        "duplicates": 0,
        "rejected": 2,
        "blank": 1,
    }


def test_in_a_file_of_phones_the_same_phone_is_one_customer_however_it_is_written(product, written):
    rows = [["hp"], ["0812-3456-7890"], ["+62 812 3456 7890"], ["6281234567890"], ["081234567891"]]
    result = import_by_command(written(rows))
    assert (result["accepted"], result["duplicates"], result["mapping"]) == (2, 2, {"phone": "hp"})


def test_two_customers_may_have_one_phone(product, written):
    rows = [["id", "hp"], ["a", "081234567890"], ["b", "+6281234567890"]]
    assert import_by_command(written(rows))["accepted"] == 2


def test_an_id_that_is_too_long_is_rejected_with_the_reason(product, written):
    result = import_by_command(written([["id"], ["x" * 255], ["x" * 256]]))
    assert (result["accepted"], result["rejected"]) == (1, 1)
    reason = get_module("memberwd").Database.objects.get().upload.left_out.get().reason
    assert reason == "The customer id is longer than 255 characters."


def test_a_file_of_which_no_row_names_a_customer_is_refused(product, written):
    with pytest.raises(CommandError, match="No row of the file names a customer"):
        import_by_command(written([["id", "hp"], ["", "12"], ["", "x"]]))
    assert not Upload.objects.exists()


def test_stored_counts_are_true_after_imports(product):
    witness = Witness(get_module("memberwd"))
    import_by_command(SAMPLES / "normal_messy.xlsx")
    witness.look_and_check()
    import_by_command(SAMPLES / "bonanza_cp1252.csv")
    witness.look_and_check()


# --- The steps ---------------------------------------------------------------------------------------------


def test_nothing_is_imported_before_it_is_confirmed(receive):
    upload = work(receive(SAMPLES / "member_wd_60.csv"))
    assert (upload.state, upload.progress, upload.report["accepted"]) == (State.READY, 100, 60)
    assert not get_module("memberwd").Database.objects.exists()


def test_customers_that_another_database_of_the_product_has_are_reported_and_imported(
    receive, imported, product, admin, written
):
    rows = [["id"], *[[f"a{number}"] for number in range(10)]]
    first = imported(written(rows), module="records", title="First")
    imported(written(rows), product=ProductFactory(), title="Another product")

    upload = work(receive(written([["id"], ["A1"], [" a2 "], ["new"]]), module="bonanza"))
    assert upload.report["elsewhere"] == [{"module": "records", "database": first.pk, "name": "First", "rows": 2}]
    assert upload.report["accepted"] == 3


def test_a_file_can_be_read_in_another_way(receive, admin, written):
    upload = work(receive(written([["kode", "user"], ["1", "budi"], ["2", "budi"]])))
    as_suggested = upload.report
    headers = upload.inspection["headers"]
    mapping = {"customer_id": headers.index("kode"), "name": headers.index("user"), "phone": None}

    reread_upload(upload=upload, layout={}, mapping=mapping, by=admin)
    work(upload)

    assert upload.state == State.READY
    assert as_suggested["duplicates"] == 1
    assert (upload.report["accepted"], upload.report["duplicates"]) == (2, 0)
    start_import(upload=upload, by=admin)
    work(upload)
    records = get_module("memberwd").Record.objects.order_by("pk")
    assert list(records.values_list("customer_id", "customer_name")) == [("1", "budi"), ("2", "budi")]


def test_another_encoding_changes_the_letters(receive, admin):
    content = "user;nama\nbudi;José\n".encode("cp1252")
    upload = work(receive(content))
    assert upload.inspection["sample_rows"][0][1] == ["budi", "José"]
    reread_upload(upload=upload, layout={"encoding": "utf-8"}, mapping=None, by=admin)
    work(upload)
    assert upload.state in (State.FAILED, State.READY)
    reread_upload(upload=upload, layout={"encoding": "cp1252"}, mapping=None, by=admin)
    assert work(upload).inspection["sample_rows"][0][1] == ["budi", "José"]


def test_a_file_that_cannot_be_read_says_why_and_can_be_discarded(receive, admin):
    upload = work(receive(SAMPLES / "picture.csv"))
    assert upload.state == State.FAILED
    assert upload.error.startswith("The file ")
    assert [notice.text for notice in Notice.objects.filter(user=admin)] == ["“List” could not be imported."]
    discard_upload(upload=upload, by=admin)
    assert not Upload.objects.exists()
    assert not UploadPart.objects.exists()


@pytest.mark.parametrize("state", [State.RECEIVED, State.IMPORTING, State.IMPORTED, State.UNDONE])
def test_a_step_that_was_taken_cannot_be_taken_again(receive, admin, state):
    upload = work(receive(SAMPLES / "member_wd_60.csv"))
    Upload.objects.filter(pk=upload.pk).update(state=state)
    for step in (
        lambda: start_import(upload=upload, by=admin),
        lambda: reread_upload(upload=upload, layout={}, mapping=None, by=admin),
        lambda: discard_upload(upload=upload, by=admin),
    ):
        with pytest.raises(Refused, match="is being worked on, or imported already"):
            step()
    upload.refresh_from_db()
    assert upload.state == state


def test_an_empty_and_a_too_large_file_are_refused_and_not_kept(receive, settings):
    settings.UPLOAD_MAX_BYTES = 1_500_000
    with pytest.raises(Refused, match="The file is empty"):
        receive(b"")
    with pytest.raises(Refused, match="larger than 1 MB"):
        receive(b"x" * 2_000_000)
    assert not Upload.objects.exists()
    assert not UploadPart.objects.exists()


def test_a_large_file_is_kept_in_parts_and_read_whole(receive):
    content = b"id;note\n" + b"".join(b"user%d;%s\n" % (number, b"x" * 600) for number in range(4000))
    upload = work(receive(content))
    assert upload.parts.count() == 3
    assert upload.file_size == len(content)
    assert upload.report["accepted"] == 4000


def test_a_finished_import_tells_the_person_who_began_it(imported, admin):
    database = imported(SAMPLES / "member_wd_60.csv", title="Sixty")
    notice = Notice.objects.get(user=admin, kind=Kind.IMPORT_FINISHED)
    assert (notice.text, notice.url) == ("“Sixty” is imported.", database.get_absolute_url())
    assert database.created_by == admin


def test_an_upload_whose_page_was_left_is_found_again(desk, receive, admin):
    """By the notification that it is read, and on top of the databases."""
    upload = receive(SAMPLES / "member_wd_60.csv")
    page = reverse("databases", args=[upload.module])
    assert upload.get_absolute_url() in desk.get(page).content.decode()
    work_on_upload(upload.pk)
    assert Notice.objects.get(user=admin, kind=Kind.UPLOAD_READ).url == upload.get_absolute_url()
    assert upload.get_absolute_url() in desk.get(page).content.decode()
    import_upload(upload, admin)
    assert upload.get_absolute_url() not in desk.get(page).content.decode()


# --- Hostile files -----------------------------------------------------------------------------------------


def hostile_files() -> dict[str, bytes]:
    book = xlsx({"Data": [["Username", "Nama"], ["budi", "Budi"]]})
    rows = b"<row><c><v>1</v></c></row>" * 2_000_000
    sheet = (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<sheetData>%s</sheetData></worksheet>" % rows
    )
    return {
        "a zip that inflates 300:1": with_replaced_part(book, "xl/worksheets/sheet1.xml", sheet),
        "cells in opposite corners": xlsx_with_cells({(0, 0): "Username", (1_048_575, 16_383): "x"}),
    }


@pytest.mark.parametrize("name", ["a zip that inflates 300:1", "cells in opposite corners"])
def test_a_hostile_workbook_is_refused_within_seconds_and_the_work_goes_on(receive, name):
    upload = receive(hostile_files()[name], name="hostile.xlsx")
    started = time.monotonic()
    work(upload)
    assert time.monotonic() - started < 15
    assert upload.state == State.FAILED
    assert re.search("unpacks to an unusual size|stray cell", upload.error)
    assert work(receive(SAMPLES / "member_wd_60.csv")).state == State.READY


# --- Undo --------------------------------------------------------------------------------------------------


def test_an_import_can_be_undone_while_nobody_has_touched_its_records(imported, admin):
    database = imported(SAMPLES / "normal_messy.xlsx")
    upload = database.upload
    assert can_undo_import(database)

    undo_import(database=database, by=admin)

    module = get_module("memberwd")
    assert not module.Database.objects.exists()
    assert not module.Record.objects.exists()
    upload.refresh_from_db()
    assert upload.state == State.UNDONE
    assert not Upload.objects.imported_before(upload.content_hash).exists()


def test_an_import_whose_records_were_handed_out_cannot_be_undone_even_after_a_recall(imported, admin, staff):
    database = imported(SAMPLES / "member_wd_60.csv")
    module = get_module("memberwd")
    assign_random(module=module, database=database, staff=staff, count=1, by=admin)
    for _ in range(2):
        database.refresh_from_db()
        assert not can_undo_import(database)
        with pytest.raises(Refused, match="have been handed out"):
            undo_import(database=database, by=admin)
        recall_records(records=database.records.all(), by=admin)
    assert module.Record.objects.count() == 60


def test_an_import_of_which_a_record_was_purged_cannot_be_undone(imported, admin):
    database = imported(SAMPLES / "member_wd_60.csv")
    database.records.first().delete()
    with pytest.raises(Refused):
        undo_import(database=database, by=admin)
    assert database.records.count() == 59


def test_an_import_whose_records_somebody_asked_for_cannot_be_undone_even_when_they_are_back(imported, admin, staff):
    database = imported(SAMPLES / "member_wd_60.csv", module="records")
    request = request_records(database=database, quantity=2, by=staff)
    with pytest.raises(Refused, match="have been handed out"):
        undo_import(database=database, by=admin)
    cancel_request(request=request, by=staff)
    with pytest.raises(Refused, match="have been asked for"):
        undo_import(database=database, by=admin)
    assert database.records.in_pool().count() == 60


# --- Interruptions -----------------------------------------------------------------------------------------


@pytest.fixture
def ready(receive):
    return work(receive(SAMPLES / "member_wd_60.csv"))


def interrupted(upload: Upload, attempts: int) -> None:
    """As a worker that was killed leaves it."""
    Upload.objects.filter(pk=upload.pk).update(
        state=State.IMPORTING, attempts=attempts, state_at=timezone.now() - timezone.timedelta(minutes=2)
    )


@pytest.mark.parametrize("attempts", [1, 2])
def test_an_import_whose_worker_was_killed_is_taken_up_again(ready, attempts):
    OrmQ.objects.all().delete()
    interrupted(ready, attempts)
    resume_interrupted()
    assert [task.task["args"] for task in OrmQ.objects.all()] == [(ready.pk,)]
    assert work(ready).state == State.IMPORTED
    assert ready.attempts == attempts + 1
    assert get_module("memberwd").Record.objects.count() == 60


def test_a_task_that_is_delivered_twice_imports_once(ready, admin):
    start_import(upload=ready, by=admin)
    work(ready)
    work(ready)
    assert (ready.state, ready.attempts) == (State.IMPORTED, 1)
    assert get_module("memberwd").Database.objects.count() == 1


def test_a_file_that_kills_its_worker_is_given_up_after_three_attempts(ready, admin):
    interrupted(ready, attempts=3)
    work(ready)
    assert ready.state == State.FAILED
    assert ready.error == "Reading the file was interrupted several times. Nothing was imported."
    assert not get_module("memberwd").Database.objects.exists()
    assert Notice.objects.filter(user=admin, kind="import_failed").count() == 1


def test_only_what_nobody_has_worked_on_for_a_minute_is_taken_up(ready, receive):
    OrmQ.objects.all().delete()
    Upload.objects.filter(pk=ready.pk).update(state=State.IMPORTING)
    receive(SAMPLES / "member_wd_60.csv")
    resume_interrupted()
    assert not OrmQ.objects.exists()


def test_an_upload_that_is_gone_is_no_error(db):
    work_on_upload(2_000_000_000)


@pytest.fixture
def failing_at():
    """PostgreSQL refuses the record of this row of the file: a failure in the middle of an import."""

    def failing_at(row_number: int) -> None:
        run(
            f"""
            CREATE FUNCTION fail_here() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.row_number = {row_number} THEN RAISE EXCEPTION 'disk full'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER fail_here BEFORE INSERT ON memberwd_record FOR EACH ROW EXECUTE FUNCTION fail_here()
            """
        )

    yield failing_at
    if connection.connection and not connection.needs_rollback and not connection.in_atomic_block:
        run("DROP FUNCTION IF EXISTS fail_here CASCADE")


def test_an_import_that_fails_in_the_middle_leaves_nothing_and_says_so(ready, admin, failing_at):
    failing_at(row_number=40)
    before = rows_of_all_tables()
    start_import(upload=ready, by=admin)
    with pytest.raises(DatabaseError, match="disk full"):
        work_on_upload(ready.pk)
    ready.refresh_from_db()
    assert ready.state == State.FAILED
    assert ready.error == "An unexpected error occurred. Nothing was imported; the log says more."
    after = rows_of_all_tables()
    changed = {table: after[table] - before[table] for table in before if after[table] != before[table]}
    assert changed.keys() <= {"notices_notice", "django_q_ormq"}, "only the notice and the task that failed"

    run("DROP TRIGGER fail_here ON memberwd_record")
    reread_upload(upload=ready, layout={}, mapping=None, by=admin)
    work(ready)
    start_import(upload=ready, by=admin)
    assert work(ready).state == State.IMPORTED


def test_a_command_that_fails_in_the_middle_leaves_nothing(product, failing_at):
    failing_at(row_number=40)
    before = rows_of_all_tables()
    with pytest.raises((CommandError, DatabaseError), match="disk full"):
        import_by_command(SAMPLES / "member_wd_60.csv")
    assert rows_of_all_tables() == before


# --- In the browser ----------------------------------------------------------------------------------------


def posted_file(sold, content: bytes, name: str = "list.csv", **fields) -> dict:
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    return {"file": file, "product": sold.pk, "name": "My list", "token": OnceForm()["token"].value(), **fields}


def written_row(cells: list[str]) -> bytes:
    return ",".join(cells).encode() + b"\n"


def figures_on(page) -> dict[str, int]:
    found = re.findall(r'data-figure="([^"]+)" data-object="[^"]*" data-value="(\d+)"', page.content.decode())
    return {name: int(value) for name, value in found}


def test_of_a_wide_file_the_preview_shows_the_first_columns_and_those_that_are_chosen(receive, desk, module):
    wide = [*[f"c{number}" for number in range(1200)], "username"]
    upload = work(receive(written_row(wide) + written_row([f"v{number}" for number in range(1201)]), module=module.key))
    assert upload.mapping["customer_id"] == 1200
    page = desk.get(upload.get_absolute_url()).content.decode()
    assert ">v49<" in page
    assert ">v50<" not in page
    assert ">v1200<" in page
    assert "Only the first columns are shown here" in page
    assert page.count("<option") < 700
    assert len(page) < 200_000


def test_from_the_upload_to_the_result_in_the_browser(desk, product, module):
    content = b"Username,No HP,Nama\na,081200000001,Ani\nA,081200000002,Ani lagi\n,,nobody\nb,12,=1+1\n\n"
    answer = desk.post(reverse("new_upload", args=[module]), posted_file(product, content), follow=True)
    upload = Upload.objects.get()
    assert answer.redirect_chain == [(upload.get_absolute_url(), 303)]
    assert "Being read" in answer.content.decode()
    assert [task.task["args"] for task in OrmQ.objects.all()] == [(upload.pk,)]

    work_on_upload(upload.pk)
    preview = desk.get(upload.get_absolute_url())
    shown = figures_on(preview)
    assert shown["notices.unread"] == 1
    assert {name: value for name, value in shown.items() if name.startswith("upload.")} == {
        "upload.accepted": 2,
        "upload.rows": 5,
        "upload.duplicates": 1,
        "upload.rejected": 1,
        "upload.blank": 1,
        "upload.bad_phones": 1,
    }
    assert "Import 2 records" in preview.content.decode()
    assert not module.Database.objects.exists()

    desk.post(reverse("start_import", args=[module, upload.pk]))
    upload.refresh_from_db()
    assert upload.state == State.IMPORTING
    assert "Importing the rows" in desk.get(upload.get_absolute_url()).content.decode()
    work_on_upload(upload.pk)

    result = desk.get(upload.get_absolute_url())
    figures = figures_on(result)
    assert (figures[f"{module.key}.database.records"], figures["notices.unread"]) == (2, 2)
    assert reverse("left_out_rows", args=[module, upload.pk]) in result.content.decode()
    assert module.Database.objects.get().get_absolute_url() in result.content.decode()


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_sample_says_why_in_the_browser(desk, product, name):
    answer = desk.post(
        reverse("new_upload", args=["records"]), posted_file(product, (SAMPLES / name).read_bytes(), name=name)
    )
    if answer.status_code == 422:  # seen at once
        assert "The file is empty" in answer.content.decode()
        assert not Upload.objects.exists()
        return
    upload = Upload.objects.get()
    work_on_upload(upload.pk)
    page = desk.get(upload.get_absolute_url()).content.decode()
    assert "Nothing was imported." in page
    assert "The file " in page
    assert "Import " not in page.split("<main")[1].replace("Nothing was imported", "")


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"product": ""}, "required"), ({"product": 999_999}, "valid choice"), ({"file": ""}, "required")],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_an_upload_form_that_is_not_complete_comes_back_with_422(desk, product, fields, message, htmx):
    headers = {"HX-Request": "true", "HX-Target": "upload-form"} if htmx else {}
    answer = desk.post(
        reverse("new_upload", args=["records"]), posted_file(product, b"id\n1\n", **fields), headers=headers
    )
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert ("<html" in answer.content.decode()) != htmx
    assert not Upload.objects.exists()


def test_an_upload_that_is_sent_twice_is_kept_once(desk, product):
    token = OnceForm()["token"].value()
    for _ in range(2):
        answer = desk.post(
            reverse("new_upload", args=["records"]), posted_file(product, b"id\n1\n", token=token), follow=True
        )
    assert "took effect once" in answer.content.decode()
    assert Upload.objects.count() == OrmQ.objects.count() == 1


def test_a_product_that_is_not_sold_any_more_cannot_be_chosen(desk, product):
    product.is_active = False
    product.save()
    answer = desk.post(reverse("new_upload", args=["records"]), posted_file(product, b"id\n1\n"))
    assert answer.status_code == 422
    assert not Upload.objects.exists()


def test_the_page_asks_again_while_the_file_is_read_and_htmx_gets_only_the_progress(desk, receive):
    upload = receive(SAMPLES / "member_wd_60.csv")
    headers = {"HX-Request": "true", "HX-Target": "upload-progress"}
    fragment = desk.get(upload.get_absolute_url(), headers=headers).content.decode()
    assert "<html" not in fragment
    assert 'hx-trigger="every 1s"' in fragment
    work_on_upload(upload.pk)
    done = desk.get(upload.get_absolute_url(), headers=headers).content.decode()
    assert 'hx-target="body"' in done, "the page loads itself again when the work is done"


@pytest.mark.parametrize("htmx", [True, False])
def test_two_roles_for_one_column_come_back_with_422_and_nothing_is_read_again(desk, ready, htmx):
    url = reverse("reread_upload", args=["memberwd", ready.pk])
    headers = {"HX-Request": "true", "HX-Target": "reading-form"} if htmx else {}
    layout = ready.inspection["layout"]
    data = {key: layout[key] for key in ("encoding", "delimiter", "header_row")}
    answer = desk.post(url, {**data, "customer_id": 0, "phone": 0}, headers=headers)
    assert answer.status_code == 422
    assert "are the same column" in answer.content.decode()
    none = desk.post(url, {**data, "name": 1}, headers=headers)
    assert none.status_code == 422
    ready.refresh_from_db()
    assert ready.state == State.READY


def test_another_mapping_is_read_again_in_the_browser(desk, ready):
    layout = ready.inspection["layout"]
    data = {key: layout[key] for key in ("encoding", "delimiter", "header_row")}
    answer = desk.post(
        reverse("reread_upload", args=["memberwd", ready.pk]), {**data, "customer_id": 2, "name": 1, "phone": ""}
    )
    assert answer.status_code == 303
    work(ready)
    assert ready.mapping == {"customer_id": 2, "name": 1, "phone": None}
    assert ready.report["accepted"] == 60


def layout_of(upload: Upload, **changes) -> dict:
    layout = upload.inspection["layout"]
    return {key: layout[key] for key in ("encoding", "delimiter", "header_row")} | changes


def adds_up(page, whole: str, *parts: str) -> int:
    """The whole, which is what the page shows of its parts together."""
    shown = figures_on(page)
    assert shown[f"upload.{whole}"] == sum(shown[f"upload.{part}"] for part in parts)
    return shown[f"upload.{whole}"]


def test_hidden_rows_can_be_left_out_and_what_is_above_the_header_is_shown(desk, receive, admin, module):
    def fill(sheet):
        sheet.write_row(0, 0, ["DAFTAR MEMBER"])
        for row, cells in enumerate([["Username", "HP"], ["u1", ""], ["u2", ""], ["u3", ""]], 2):
            sheet.write_row(row, 0, cells)
        sheet.set_row(4, options={"hidden": True})

    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    fill(book.add_worksheet("Data"))
    book.close()
    upload = work(receive(content.getvalue(), name="list.xlsx", module=module.key))
    page = desk.get(upload.get_absolute_url())
    shown = figures_on(page)
    assert [shown[f"upload.{name}"] for name in ("accepted", "above_header", "hidden")] == [3, 2, 1]
    assert adds_up(page, "rows", "accepted", "duplicates", "rejected", "blank", "above_header") == 5
    text = page.content.decode()
    assert "DAFTAR MEMBER" in text
    assert "Leave out hidden rows" in text
    assert "hidden in the sheet: 1. They are imported too" in text

    form = {"sheet": "Data", "header_row": 3, "customer_id": 0, "phone": 1, "leave_hidden": "on"}
    desk.post(reverse("reread_upload", args=[module, upload.pk]), form)
    assert work(upload).report["accepted"] == 2
    start_import(upload=upload, by=admin)
    work(upload)
    page = desk.get(upload.get_absolute_url())
    assert (figures_on(page)["upload.hidden"], figures_on(page)[f"{module.key}.database.records"]) == (1, 2)
    assert adds_up(page, "rows", "accepted", "duplicates", "rejected", "blank", "above_header", "hidden") == 5
    assert "They are left out, as you have chosen" in page.content.decode()
    ids = module.Record.objects.order_by("row_number").values_list("row_number", "customer_id")
    assert list(ids) == [(4, "u1"), (6, "u3")]


def test_another_header_row_has_other_columns_and_they_are_suggested_anew(desk, receive, written):
    upload = work(receive(written([["nama", "wa"], ["user", "hp"], ["budi", "081234567890"]])))
    url = reverse("reread_upload", args=["memberwd", upload.pk])
    for row, headers, mapping in [
        (2, ["user", "hp"], {"customer_id": 0, "name": None, "phone": 1}),
        (1, ["nama", "wa"], {"customer_id": None, "name": 0, "phone": 1}),
    ]:
        assert desk.post(url, layout_of(upload, header_row=row, customer_id=1)).status_code == 303
        work(upload)
        assert (upload.inspection["headers"], upload.mapping) == (headers, mapping)


def test_a_file_whose_headers_say_nothing_can_be_mapped_by_hand(desk, receive, written):
    """The customer id is never guessed from the cells; the page asks for it."""
    upload = work(receive(written([["Kolom A", "Kolom B"], ["x1", "Ani"], ["x2", "Budi"]])))
    assert upload.state == State.FAILED
    page = desk.get(upload.get_absolute_url()).content.decode()
    assert "No row of the file names a customer" in page
    assert '<select name="customer_id"' in page
    assert "Kolom A" in page

    desk.post(reverse("reread_upload", args=["memberwd", upload.pk]), layout_of(upload, customer_id=0, name=1))
    assert work(upload).state == State.READY
    assert upload.report["accepted"] == 2


def test_the_same_file_is_noticed_on_the_page(desk, imported, receive):
    imported(SAMPLES / "member_wd_60.csv", title="First")
    page = desk.get(work(receive(SAMPLES / "member_wd_60.csv")).get_absolute_url())
    assert "The very same file was imported already: “First”" in page.content.decode()


def test_the_rows_that_are_left_out_can_be_downloaded_with_their_reasons_and_without_formulas(desk, imported, written):
    formulas = ['=HYPERLINK("http://x.invalid")', "@SUM(A1)", "+1+1", "-2+3", "=5", "=5-3", "\t=1", "+62-812-3456"]
    rows = [
        ["id", "hp", "=evil()"],
        *[["a", "", formula] for formula in ["ok", *formulas, "+62 812 3456"]],
        ["", "", "x"],
    ]
    database = imported(written(rows))

    answer = desk.get(reverse("left_out_rows", args=["memberwd", database.upload_id]))
    text = answer.getvalue().decode("utf-8-sig")
    lines = list(csv.reader(StringIO(text)))

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    assert lines[0] == ["Row", "Reason", "id", "hp", "'=evil()"]
    assert len(lines) == 1 + database.duplicate_count + database.rejected_count == 11
    assert lines[1][:3] == ["3", "The same customer as in row 2.", "a"]
    assert lines[-1] == ["12", "No customer id and no usable phone.", "", "", "x"]
    cells = [line[4] for line in lines[1:-1]]
    assert cells[-1] == "+62 812 3456"
    assert all(cell.startswith("'") for cell in cells[:-1]), cells


def test_the_download_of_a_file_that_was_not_read_is_no_error(desk, receive):
    upload = receive(SAMPLES / "member_wd_60.csv")
    answer = desk.get(reverse("left_out_rows", args=["memberwd", upload.pk]))
    assert answer.status_code == 404 or answer.getvalue()


def test_an_upload_is_not_found_in_another_module(desk, ready):
    for name in ("upload", "left_out_rows"):
        assert desk.get(reverse(name, args=["records", ready.pk])).status_code == 404
    for name in ("start_import", "discard_upload", "reread_upload"):
        assert desk.post(reverse(name, args=["bonanza", ready.pk])).status_code == 404
    ready.refresh_from_db()
    assert ready.state == State.READY


def test_discarding_and_undoing_in_the_browser(desk, ready, imported):
    desk.post(reverse("discard_upload", args=["memberwd", ready.pk]))
    assert not Upload.objects.exists()
    database = imported(SAMPLES / "member_wd_60.csv")
    answer = desk.post(reverse("undo_import", args=["memberwd", database.pk]), follow=True)
    assert "is undone" in answer.content.decode()
    assert not get_module("memberwd").Database.objects.exists()
    page = desk.get(Upload.objects.get().get_absolute_url())
    assert "This import was undone" in page.content.decode()


def test_undoing_too_late_says_why_and_changes_nothing(desk, imported, admin, staff):
    database = imported(SAMPLES / "member_wd_60.csv")
    assign_random(module=get_module("memberwd"), database=database, staff=staff, count=1, by=admin)
    answer = desk.post(reverse("undo_import", args=["memberwd", database.pk]), follow=True)
    assert "cannot be undone any more" in answer.content.decode()
    assert get_module("memberwd").Record.objects.count() == 60


def test_an_import_begins_with_one_transaction_for_state_and_task(ready, admin):
    """An import that is marked as begun has a task that does it."""
    OrmQ.objects.all().delete()
    with transaction.atomic():
        start_import(upload=ready, by=admin)
        transaction.set_rollback(True)
    ready.refresh_from_db()
    assert ready.state == State.READY
    assert not OrmQ.objects.exists()
