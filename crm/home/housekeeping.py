"""What nobody needs any more goes, every night."""

from datetime import timedelta

import structlog
from django.core.management import call_command
from django.db.models import QuerySet
from django.db.models.functions import Now

from crm.distribution.imports.models import KEEP_FILES, State, Upload, UploadPart
from crm.distribution.models import Submission
from crm.history import operation
from crm.notices.models import Notice
from crm.schedules import tried_again

KEEP_SUBMISSIONS = timedelta(days=7)
"""A form that is sent again later than this takes effect again."""

KEEP_NOTICES = timedelta(days=180)
"""Unread ones are kept for ever, and alerts as long as what they are about waits."""

log = structlog.get_logger(__name__)


@tried_again
def clean_up() -> None:
    """The task of every night. Safe to run at any time, and twice."""
    # The session is over for its owner already; this is the row.
    call_command("clearsessions")
    log.info(
        "housekeeping.done",
        submissions=_delete(Submission.objects.filter(created_at__lt=Now() - KEEP_SUBMISSIONS)),
        uploads=_delete_forgotten_uploads(),
        parts=_delete(UploadPart.objects.filter(upload__state=State.UNDONE, upload__state_at__lt=Now() - KEEP_FILES)),
        notices=_delete(Notice.objects.filter(about="", read_at__isnull=False, created_at__lt=Now() - KEEP_NOTICES)),
    )


def _delete_forgotten_uploads() -> int:
    """Locked before they are deleted: a file whose import begins at this moment is either kept or refused."""
    with operation("upload.forget", by=None):
        forgotten = Upload.objects.filter(state__in=[State.READY, State.FAILED], state_at__lt=Now() - KEEP_FILES)
        keys = [upload.pk for upload in forgotten.select_for_update().only("pk")]
        _delete(Upload.objects.filter(pk__in=keys))
    return len(keys)


def _delete(rows: QuerySet) -> int:
    return rows.delete()[0]
