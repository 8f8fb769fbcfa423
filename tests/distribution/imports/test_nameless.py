"""What customers send lies in temporary files that have no name; and a full disk is said."""

import tempfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.signals import post_save
from django.urls import resolve, reverse

from crm.distribution.forms import OnceForm
from crm.distribution.imports.models import State, Upload
from crm.distribution.imports.nameless import nameless_file
from crm.distribution.imports.reading import inspect_file
from crm.distribution.imports.tasks import work_on_upload
from crm.distribution.imports.uploads import receive_upload
from crm.pages import file_bytes_of
from crm.registry import get_module
from tests.factories.products import ProductFactory

TOO_LARGE_FOR_MEMORY = b"customer id\n" + b"".join(b"customer %d\n" % number for number in range(250_000))

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """The directory of the temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def full_disk(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_given, **_named: open("/dev/full", "w+b"))  # noqa: SIM115


def send(client):
    client.raise_request_exception = False
    form = {
        "file": SimpleUploadedFile("many.csv", TOO_LARGE_FOR_MEMORY),
        "product": ProductFactory().pk,
        "name": "Many",
        "token": OnceForm()["token"].value(),
    }
    return client.post(reverse("new_upload", args=["records"]), form)


def test_a_file_can_be_read_that_has_no_name(directory):
    with nameless_file([b"customer id,phone\n", b"budi88,08123456789\n"]) as path:
        assert not list(directory.iterdir())
        assert inspect_file(path, name="list.csv").headers == ("customer id", "phone")
        assert path.read_bytes().startswith(b"customer id"), "a second time, from its beginning"


def test_what_is_received_has_no_name_either(directory, client, sign_in, admin):
    seen: list[list[Path]] = []

    def look(**_signal):
        seen.append(list(directory.iterdir()))

    post_save.connect(look, sender=Upload)
    sign_in(admin)
    assert send(client).status_code == 303
    post_save.disconnect(look, sender=Upload)
    assert seen
    assert not any(seen)
    assert Upload.objects.get().file_size == len(TOO_LARGE_FOR_MEMORY)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_said_to_who_sends(client, sign_in, admin):
    sign_in(admin)
    answer = send(client)
    assert answer.status_code == 507
    assert "disk is full" in answer.content.decode()
    assert not Upload.objects.exists()


def test_a_full_disk_is_said_of_an_upload(admin, request):
    upload = receive_upload(
        module=get_module("records"),
        product=ProductFactory(),
        name="List",
        file_name="list.csv",
        content=[b"customer id\nbudi88\n"],
        by=admin,
    )
    request.getfixturevalue("full_disk")
    with pytest.raises(OSError, match="No space left"):
        work_on_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.state == State.FAILED
    assert "disk is full" in upload.error


@pytest.mark.parametrize(("name", "module"), [("new_upload", ["records"]), ("add_reservations", [])])
def test_the_pages_that_take_files_say_how_large(name, module):
    view = resolve(reverse(name, args=module)).func
    assert file_bytes_of(view) >= 10_000_000
    assert file_bytes_of(resolve(reverse("overview")).func) == 0
