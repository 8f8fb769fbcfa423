"""The tasks of uploads: thin and safe to run twice or after a crash."""

from datetime import timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.distribution.imports.models import State, Upload
from crm.distribution.imports.reading import UnreadableFile
from crm.distribution.imports.uploads import enqueue, fail_upload, import_upload, read_upload
from crm.errors import DISK_FULL, Refused, is_busy, is_disk_full, is_lost

MOST_ATTEMPTS = 3
QUIET = timedelta(minutes=1)
"""An upload that nobody works on for so long was interrupted."""

LOCK_CLASS = 50_001
"""The first key of the advisory locks of uploads; the second is the upload."""

log = structlog.get_logger(__name__)


def work_on_upload(pk: int) -> None:
    """Reads or imports the upload, whichever it waits for. Nothing happens when it waits for neither, or when
    somebody else works on it."""
    if not _lock(pk):
        return
    try:
        upload = Upload.objects.filter(pk=pk).select_related("product", "created_by").first()
        if upload and upload.is_working:
            _attempt(upload)
    finally:
        _unlock(pk)


def resume_interrupted() -> None:
    """Takes up the uploads whose worker was killed. Scheduled every minute."""
    waiting = Upload.objects.filter(state__in=[State.RECEIVED, State.IMPORTING], state_at__lt=timezone.now() - QUIET)
    for upload in waiting:
        if _lock(upload.pk):
            _unlock(upload.pk)
            enqueue(upload)


def _attempt(upload: Upload) -> None:
    # Counted before the work and committed: a file that kills its worker is not tried for ever.
    Upload.objects.filter(pk=upload.pk).update(attempts=F("attempts") + 1)
    if upload.attempts >= MOST_ATTEMPTS:
        fail_upload(upload, _("Reading the file was interrupted several times. Nothing was imported."))
        return
    progress = ProgressRow(upload.pk)
    message = _("An unexpected error occurred. Nothing was imported; the log says more.")
    try:
        if upload.state == State.RECEIVED:
            read_upload(upload, progress)
        else:
            import_upload(upload, upload.created_by, progress)
        message = ""
    except (UnreadableFile, Refused) as refused:
        log.info("upload refused", upload=upload.pk, reason=str(refused), detail=getattr(refused, "detail", ""))
        message = str(refused)
    except (OperationalError, InterfaceError) as error:
        if is_busy(error) or is_lost(error):
            message = ""  # it waits still: resume_interrupted takes it up
        if is_busy(error):
            Upload.objects.filter(pk=upload.pk).update(attempts=F("attempts") - 1)
        raise
    except OSError as error:
        if is_disk_full(error):
            message = str(DISK_FULL)
        raise
    finally:
        progress.close()
        if message:
            fail_upload(upload, message)


class ProgressRow:
    """Writes progress through a connection of its own, so that it shows before the import's transaction ends."""

    def __init__(self, pk: int) -> None:
        self._pk = pk
        self._connection: BaseDatabaseWrapper = connections.create_connection("default")
        self._percent = 0

    def __call__(self, fraction: float) -> None:
        percent = int(fraction * 100)
        if percent == self._percent:
            return
        self._percent = percent
        with self._connection.cursor() as cursor:
            cursor.execute("UPDATE distribution_upload SET progress = %s WHERE id = %s", [percent, self._pk])

    def close(self) -> None:
        self._connection.close()


def _lock(pk: int) -> bool:
    return _advisory("pg_try_advisory_lock", pk)


def _unlock(pk: int) -> bool:
    return _advisory("pg_advisory_unlock", pk)


def _advisory(function: str, pk: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s::int)", [LOCK_CLASS, pk])
        return cursor.fetchone()[0]
