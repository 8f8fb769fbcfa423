"""Imports beside other work: killed, delivered twice, watched."""

import subprocess
import threading
import time

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from crm.distribution.imports.models import State, Upload
from crm.distribution.imports.tasks import resume_interrupted, work_on_upload
from crm.distribution.imports.uploads import read_upload, receive_upload, start_import
from crm.registry import get_module
from tests.distribution.processes import manage
from tests.distribution.sql import Witness, ask, run
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = get_module("memberwd")
ROWS = 3000


@pytest.fixture
def ready(admin) -> Upload:
    """An upload whose import has just begun."""
    upload = receive_upload(
        module=MODULE,
        product=ProductFactory(),
        name="List",
        file_name="list.csv",
        content=[b"user\n" + b"".join(b"u%d\n" % number for number in range(ROWS))],
        by=admin,
    )
    read_upload(upload)
    start_import(upload=upload, by=admin)
    OrmQ.objects.all().delete()
    return upload


def others_connected() -> int:
    return ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")[
        0
    ][0]


def test_an_import_whose_worker_is_killed_leaves_nothing_and_is_taken_up_again(workers, ready):
    code = f"from crm.distribution.imports.tasks import work_on_upload; work_on_upload({ready.pk})"
    with transaction.atomic():
        run(f"LOCK TABLE {MODULE.Record._meta.db_table} IN SHARE MODE")  # the rows cannot be written yet
        worker = subprocess.Popen(**manage("shell", "-c", code))
        workers.wait_until_blocked()
        Upload.objects.update(state_at=timezone.now() - timezone.timedelta(minutes=2))
        resume_interrupted()
        assert not OrmQ.objects.exists(), "it is being worked on"
        worker.kill()
        worker.wait(10)
    give_up = time.monotonic() + 10
    while others_connected() and time.monotonic() < give_up:
        time.sleep(0.02)  # PostgreSQL notices that nobody is there
    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == (State.IMPORTING, 1)
    assert not MODULE.Database.objects.exists()
    assert not MODULE.Record.objects.exists()

    Upload.objects.update(state_at=timezone.now() - timezone.timedelta(minutes=2))
    resume_interrupted()
    assert OrmQ.objects.count() == 1
    work_on_upload(ready.pk)
    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == (State.IMPORTED, 2)
    assert MODULE.Record.objects.count() == ROWS


def test_an_import_whose_connection_is_lost_leaves_nothing_and_is_taken_up_again(workers, ready):
    with transaction.atomic():
        run(f"LOCK TABLE {MODULE.Record._meta.db_table} IN SHARE MODE")
        work = workers.start(work_on_upload, ready.pk)
        workers.wait_until_blocked()
        run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
        )
        assert isinstance(work.exception(10), OperationalError)
    ready.refresh_from_db()
    assert (ready.state, ready.error) == (State.IMPORTING, "")
    assert not MODULE.Database.objects.exists()
    work_on_upload(ready.pk)
    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == (State.IMPORTED, 2)


def test_progress_shows_before_the_import_has_ended(workers, ready):
    with transaction.atomic():
        run(f"LOCK TABLE {MODULE.Record._meta.db_table} IN SHARE MODE")
        work = workers.start(work_on_upload, ready.pk)
        workers.wait_until_blocked()
        assert 0 < Upload.objects.get(pk=ready.pk).progress < 100
    work.result(10)
    assert Upload.objects.get(pk=ready.pk).progress == 100


def test_a_task_that_is_delivered_to_several_workers_at_once_imports_once(workers, ready):
    witness = Witness(MODULE)
    together = threading.Barrier(4)

    def work():
        together.wait()
        work_on_upload(ready.pk)

    assert workers.run(*[work] * 4) == [None] * 4
    ready.refresh_from_db()
    assert ready.state == State.IMPORTED
    assert MODULE.Database.objects.count() == 1
    witness.look_and_check()
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    locks = ask(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND {here}")
    assert locks == [(0,)], "every lock is given back"


def test_two_imports_for_one_product_at_once_do_not_disturb_each_other(workers, admin):
    product = ProductFactory()
    uploads = [
        receive_upload(
            module=MODULE,
            product=product,
            name=f"List {number}",
            file_name="list.csv",
            content=[b"user\n" + b"".join(b"u%d\n" % row for row in range(ROWS))],
            by=admin,
        )
        for number in range(2)
    ]
    for upload in uploads:
        read_upload(upload)
        start_import(upload=upload, by=admin)
    assert workers.run(*[lambda upload=upload: work_on_upload(upload.pk) for upload in uploads]) == [None, None]
    assert sorted(MODULE.Database.objects.values_list("available_count", flat=True)) == [ROWS, ROWS]
    assert connection.is_usable()
