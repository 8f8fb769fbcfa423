"""The life of an upload: received, read, imported or refused, perhaps undone.

Reading and importing are tasks; the command line does the same in one transaction. An import is all or nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from crm.accounts.models import User
from crm.distribution.coverage import cover_database
from crm.distribution.imports.incoming import Incoming, Progress, Report
from crm.distribution.imports.mapping import Mapping, suggest_mapping
from crm.distribution.imports.models import NAME_MAX_LENGTH, State, Upload, UploadPart
from crm.distribution.imports.nameless import nameless_file
from crm.distribution.imports.reading import (
    ROWS_LIMITS,
    Inspection,
    Row,
    RowReader,
    UnreadableFile,
    inspect_file,
    name_columns,
    read_rows,
)
from crm.distribution.models import BaseDatabase
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify
from crm.products.models import Product
from crm.registry import Module, get_module
from crm.reservations.services import lock_products

PART_BYTES = 1_000_000
PREVIEW_CHARACTERS = 100


def no_progress(fraction: float) -> None:
    """For callers who show none."""


def receive_upload(
    *, module: Module, product: Product, name: str, file_name: str, content: Iterable[bytes], by: User | None
) -> Upload:
    """Keeps a file, to be read by `read_upload`. Raises Refused for an empty or too large one."""
    if not name.strip():
        raise Refused(_("Give the database a name."))
    if len(name.strip()) > NAME_MAX_LENGTH:
        raise Refused(_("The name is too long: at most %(most)s characters.") % {"most": NAME_MAX_LENGTH})
    with operation("upload.receive", by=by):
        upload = Upload.objects.create(
            module=module.key,
            product=product,
            name=name.strip(),
            file_name=Path(file_name).name[-255:],
            created_by=by,
        )
        digest, size = hashlib.sha256(), 0
        for number, part in enumerate(_in_parts(content)):
            digest.update(part)
            size += len(part)
            if size > settings.UPLOAD_MAX_BYTES:
                raise Refused(_("The file is larger than %(mb)d MB.") % {"mb": settings.UPLOAD_MAX_BYTES // 1_000_000})
            UploadPart.objects.create(upload=upload, number=number, content=part)
        if not size:
            raise Refused(_("The file is empty. Choose a file with a header row and at least one row of data."))
        upload.file_size, upload.content_hash = size, digest.hexdigest()
        upload.save(update_fields=["file_size", "content_hash"])
    return upload


def read_upload(upload: Upload, progress: Progress = no_progress) -> None:
    """Finds out what the file holds and what its rows come to: the preview. Raises UnreadableFile."""
    with stored_file(upload) as path:
        inspection = _inspect(upload, path)
        mapping = _mapping(upload, inspection)
        with transaction.atomic():
            incoming = Incoming()
            incoming.read(_reader(path, inspection, mapping), inspection.headers, mapping, progress)
            report = incoming.report(upload.product, inspection.notes)
            transaction.set_rollback(True)
    # Kept in any case: where no row names a customer, the user is to say which column does.
    found = {"inspection": _stored(inspection), "mapping": mapping.to_dict(), "report": report.to_dict()}
    Upload.objects.filter(pk=upload.pk).update(**found)
    _refuse_without_rows(report)
    with transaction.atomic():
        Upload.objects.filter(pk=upload.pk).update(state=State.READY, state_at=Now(), progress=100)
        _tell(upload, Kind.UPLOAD_READ, _("“%(name)s” is read: look at its preview."), upload.get_absolute_url())


def import_upload(upload: Upload, by: User | None, progress: Progress = no_progress) -> BaseDatabase:
    """Makes the database: every accepted row, or nothing at all. Raises UnreadableFile or Refused."""
    module = get_module(upload.module)
    with stored_file(upload) as path, operation("database.import", by=by):
        inspection = _inspect(upload, path)
        mapping = _mapping(upload, inspection)
        incoming = Incoming()
        incoming.read(
            _reader(path, inspection, mapping), inspection.headers, mapping, lambda fraction: progress(fraction * 0.4)
        )
        report = incoming.report(upload.product, inspection.notes)
        _refuse_without_rows(report)
        database = module.Database.objects.create(
            product=upload.product,
            name=upload.name,
            upload=upload,
            columns=name_columns(inspection.headers, incoming.width),
            created_by=by,
        )
        merged = incoming.merge(database, lambda fraction: progress(0.4 + fraction * 0.6))
        if merged != report.accepted:
            raise RuntimeError(f"{merged} of {report.accepted} accepted rows were merged")
        incoming.keep_left_out(upload)
        module.Database.objects.filter(pk=database.pk).update(
            file_rows=report.file_rows,
            duplicate_count=report.duplicates,
            rejected_count=report.rejected,
            blank_count=report.blank,
        )
        Upload.objects.filter(pk=upload.pk).update(
            state=State.IMPORTED,
            state_at=Now(),
            progress=100,
            inspection=_stored(inspection),
            mapping=mapping.to_dict(),
            report=report.to_dict(),
        )
        lock_products([upload.product_id], alone=True)  # last, because reservations of the product wait from here on
        cover_database(database)
        database.refresh_from_db()
        _tell(upload, Kind.IMPORT_FINISHED, _("“%(name)s” is imported."), database.get_absolute_url())
    with connection.cursor() as cursor:
        # PostgreSQL would look at the new rows within a minute or so; until then it joins as if there were none.
        cursor.execute(f'ANALYZE (SKIP_LOCKED) "{module.Record._meta.db_table}"')
    return database


def reread_upload(*, upload: Upload, layout: dict[str, Any], mapping: dict[str, Any] | None, by: User) -> None:
    """Reads the file again in the way that the user says. Raises Refused when it is not waiting for that."""
    with operation("upload.reread", by=by):
        _advance(upload, [State.READY, State.FAILED], State.RECEIVED, layout=layout, mapping=mapping, report=None)
        enqueue(upload)


def start_import(*, upload: Upload, by: User) -> None:
    """Begins the import of a file whose preview was seen. Raises Refused when it began already."""
    with operation("upload.import", by=by):
        _advance(upload, [State.READY], State.IMPORTING, created_by=by)
        enqueue(upload)


def discard_upload(*, upload: Upload, by: User) -> None:
    """Forgets a file that is not imported."""
    with operation("upload.discard", by=by):
        deleted, _each = Upload.objects.filter(pk=upload.pk, state__in=[State.READY, State.FAILED]).delete()
        if not deleted:
            raise Refused(_("This file is being worked on, or imported already."))


def can_undo_import(database: BaseDatabase) -> bool:
    """Whether none of its records has been touched: none purged, all in the pool, none ever handed out."""
    untouched = database.available_count + database.reserved_count == database.record_count
    return untouched and not database.purged_count and not database.batches.exists()


def undo_import(*, database: BaseDatabase, by: User) -> None:
    """Takes an import back as a whole. Raises Refused once any of its records has been touched."""
    module = database.module
    with operation("database.undo_import", by=by):
        # The records first, as whoever hands them out does.
        ids = module.Record.objects.filter(database=database).locked_ids()
        locked = module.Database.objects.select_for_update().filter(pk=database.pk).first()
        if locked is None:
            raise Refused(_("This import is undone already."))
        if not can_undo_import(locked):
            raise Refused(_("Records of this database have been handed out. Its import cannot be undone any more."))
        module.Record.objects.delete_ids(ids)
        upload = locked.upload_id
        try:
            locked.delete()
        except ProtectedError as error:
            raise Refused(_("Records of this database have been asked for. Its import stays.")) from error
        Upload.objects.filter(pk=upload).update(state=State.UNDONE, state_at=Now())


def fail_upload(upload: Upload, message: str) -> None:
    """Nothing of the file is kept but the file itself, so that it can be read in another way."""
    with transaction.atomic():
        Upload.objects.filter(pk=upload.pk).update(state=State.FAILED, state_at=Now(), error=message, progress=0)
        _tell(upload, Kind.IMPORT_FAILED, _("“%(name)s” could not be imported."), upload.get_absolute_url())


def enqueue(upload: Upload) -> None:
    """Hands the work to the task cluster; it starts when the caller's transaction has committed."""
    async_task("crm.distribution.imports.tasks.work_on_upload", upload.pk)


@contextmanager
def stored_file(upload: Upload) -> Iterator[Path]:
    """The upload's content as a file for the reader."""
    with nameless_file(
        upload.parts.order_by("number").values_list("content", flat=True).iterator(chunk_size=4)
    ) as path:
        yield path


def _in_parts(content: Iterable[bytes]) -> Iterator[bytes]:
    waiting = b""
    for piece in content:
        waiting += piece
        while len(waiting) >= PART_BYTES:
            yield waiting[:PART_BYTES]
            waiting = waiting[PART_BYTES:]
    if waiting:
        yield waiting


def _inspect(upload: Upload, path: Path) -> Inspection:
    return inspect_file(path, name=upload.file_name, layout_override=upload.layout)


def _mapping(upload: Upload, inspection: Inspection) -> Mapping:
    """What the user has chosen, else what the headers and the first rows suggest."""
    if upload.mapping:
        return Mapping.from_dict(upload.mapping)
    return suggest_mapping(inspection.headers, inspection.sample_rows, settings.PHONE_REGION)


def _reader(path: Path, inspection: Inspection, mapping: Mapping) -> RowReader:
    limits = replace(ROWS_LIMITS, max_rows=settings.UPLOAD_MAX_ROWS)
    return read_rows(
        path,
        inspection.layout,
        id_column=mapping.customer_id,
        phone_column=mapping.phone,
        region=settings.PHONE_REGION,
        limits=limits,
    )


def _stored(inspection: Inspection) -> dict[str, Any]:
    """For the preview, which shows the beginning of long cells."""

    def cut(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(row._replace(cells=[cell[:PREVIEW_CHARACTERS] for cell in row.cells]) for row in rows)

    sample_rows, above, letters = map(cut, (inspection.sample_rows, inspection.above, inspection.letters))
    return asdict(replace(inspection, sample_rows=sample_rows, above=above, letters=letters))


def _refuse_without_rows(report: Report) -> None:
    if not report.accepted:
        raise UnreadableFile(
            _("No row of the file names a customer. Check which column is the customer id and which the phone.")
        )


def _advance(upload: Upload, before: list[State], after: State, **changes: Any) -> None:
    """One step in the life of an upload; a second click or a stale page finds the step taken."""
    changed = Upload.objects.filter(pk=upload.pk, state__in=before).update(
        state=after, state_at=Now(), progress=0, attempts=0, error="", **changes
    )
    if not changed:
        raise Refused(_("This file is being worked on, or imported already."))


def _tell(upload: Upload, kind: Kind, text: str, url: str) -> None:
    if upload.created_by:
        notify(users=[upload.created_by], kind=kind, text=text % {"name": upload.name}, url=url)
