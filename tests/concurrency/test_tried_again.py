"""A task of the night that others are in the way of tries again; an upload waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from crm import schedules
from crm.distribution.imports.models import State, Upload
from crm.distribution.imports.tasks import work_on_upload
from crm.distribution.imports.uploads import receive_upload, start_import
from crm.registry import get_module
from crm.reservations.expiry import run_expiry
from crm.reservations.models import Reservation
from tests.factories.products import ProductFactory
from tests.factories.reservations import ReservationFactory

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held(each: Any, *, seconds: float | None = None) -> Iterator[None]:
    """Another connection has the row, for so long or until the end; nobody here waits for long."""
    other = connections.create_connection("default")
    other.inc_thread_sharing()
    other.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    with other.cursor() as cursor:
        cursor.execute(f'SELECT 1 FROM "{each._meta.db_table}" WHERE id = %s FOR UPDATE', [each.pk])
    timer = threading.Timer(seconds or 60, other.rollback)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


@pytest.fixture
def due():
    return ReservationFactory(since=timezone.now() - timedelta(days=100))


def test_the_night_tries_again_until_others_have_gone(due, monkeypatch):
    monkeypatch.setattr(schedules, "PAUSES", (0.2,) * 20)
    with held(due, seconds=1):
        assert run_expiry().expired == 1
    assert Reservation.objects.get().status == Reservation.Status.EXPIRED


def test_the_night_gives_up_in_the_end(due, monkeypatch):
    monkeypatch.setattr(schedules, "PAUSES", (0.01,) * 2)
    with held(due), pytest.raises(OperationalError, match="lock timeout"):
        run_expiry()
    assert Reservation.objects.get().status == Reservation.Status.ACTIVE


def test_an_upload_that_others_are_in_the_way_of_waits_for_the_next_minute(admin):
    product = ProductFactory()
    upload = receive_upload(
        module=get_module("records"),
        product=product,
        name="List",
        file_name="list.csv",
        content=[b"customer id\nbudi88\n"],
        by=admin,
    )
    work_on_upload(upload.pk)
    start_import(upload=Upload.objects.get(), by=admin)
    with held(product), pytest.raises(OperationalError, match="lock timeout"):
        work_on_upload(upload.pk)
    assert Upload.objects.get().state == State.IMPORTING
    work_on_upload(upload.pk)
    assert Upload.objects.get().state == State.IMPORTED
