"""Uploading a list: choose the file, look at the preview, import it, see the result."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.access import get_database_for, get_upload_for
from crm.distribution.exports import csv_lines
from crm.distribution.forms import OnceForm
from crm.distribution.imports.forms import ReadingForm, UploadForm
from crm.distribution.imports.mapping import Mapping
from crm.distribution.imports.models import Upload
from crm.distribution.imports.uploads import (
    discard_upload,
    enqueue,
    receive_upload,
    reread_upload,
    start_import,
    undo_import,
)
from crm.distribution.views.attempt import attempt
from crm.errors import Refused
from crm.pages import go_to, render_invalid, render_page, takes_files
from crm.registry import Module

PREVIEW_COLUMNS = 50


@takes_files(settings.UPLOAD_MAX_BYTES)
@require_http_methods(["GET", "HEAD", "POST"])
@admin_page
def new(request: SignedInRequest, module: Module) -> HttpResponse:
    """Step 1: the file, its product and a name."""
    form = UploadForm(request.POST or None, request.FILES or None)
    context = {"module": module, "form": form}
    if request.method != "POST":
        return render_page(request, "distribution/upload_new.html", context)
    if form.is_valid():
        received: list[Upload] = []

        def receive() -> str:
            answers = form.cleaned_data
            upload = receive_upload(
                module=module,
                product=answers["product"],
                name=answers["name"],
                file_name=answers["file"].name,
                content=answers["file"].chunks(),
                by=request.user,
            )
            enqueue(upload)
            received.append(upload)
            return _("%(file)s is uploaded. Nothing is imported yet: look at the preview first.") % {"file": upload}

        if attempt(request, form, receive):
            return go_to(received[0].get_absolute_url() if received else request.path)
    return render_invalid(request, "distribution/upload_new.html", context, piece="upload-form")


@require_safe
@admin_page
def show(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Steps 2 to 4: the preview, the progress and the result, whichever it has come to."""
    upload = get_upload_for(request.user, module, pk)
    context = {
        "module": module,
        "upload": upload,
        "database": module.Database.objects.filter(upload=upload).first(),
        "earlier": Upload.objects.imported_before(upload.content_hash).exclude(pk=upload.pk),
        "reading_form": ReadingForm(upload=upload),
        "once": OnceForm(),
    }
    if upload.inspection and not upload.is_working:
        context |= _preview(upload)
    return render_page(request, "distribution/upload.html", context, pieces=["upload-progress"])


@require_POST
@admin_page
def reread(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """The user says how the file is to be read."""
    upload = get_upload_for(request.user, module, pk)
    form = ReadingForm(request.POST, upload=upload)
    if not form.is_valid():
        context = {"module": module, "upload": upload, "reading_form": form}
        return render_invalid(request, "distribution/upload.html", context, piece="reading-form")
    return _step(
        request,
        upload,
        lambda: reread_upload(upload=upload, layout=form.layout(), mapping=form.mapping(), by=request.user),
    )


@require_POST
@admin_page
def start(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    upload = get_upload_for(request.user, module, pk)
    return _step(request, upload, lambda: start_import(upload=upload, by=request.user))


@require_POST
@admin_page
def discard(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    upload = get_upload_for(request.user, module, pk)
    try:
        discard_upload(upload=upload, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
        return go_to(upload.get_absolute_url())
    messages.success(request, _("%(file)s is discarded. Nothing was imported.") % {"file": upload})
    return go_to(reverse("databases", args=[module]))


@require_POST
@admin_page
def undo(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Takes an import back, while none of its records has been touched."""
    database = get_database_for(request.user, module, pk)
    try:
        undo_import(database=database, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
        gone = not module.Database.objects.filter(pk=pk).exists()
        return go_to(reverse("databases", args=[module]) if gone else database.get_absolute_url())
    messages.success(request, _("The import of “%(name)s” is undone.") % {"name": database})
    return go_to(reverse("databases", args=[module]))


@require_safe
@admin_page
def left_out(request: SignedInRequest, module: Module, pk: int) -> StreamingHttpResponse:
    """The rows that were not imported, as CSV: row number, reason, and the cells as they were."""
    upload = get_upload_for(request.user, module, pk)

    rows = upload.left_out.order_by("row_number").iterator()
    lines = csv_lines(
        [_("Row"), _("Reason"), *upload.headers], ([row.row_number, row.reason, *row.cells] for row in rows)
    )
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="left-out-{upload.pk}.csv"'
    return response


def _step(request: SignedInRequest, upload: Upload, take: Callable[[], None]) -> HttpResponse:
    """One step in the upload's life; a stale page learns that it was taken already."""
    try:
        take()
    except Refused as refused:
        messages.error(request, str(refused))
    return go_to(upload.get_absolute_url())


def _preview(upload: Upload) -> dict[str, Any]:
    """The columns, each with what it is mapped to, and the first rows: of a wide file its first columns and the mapped
    ones.
    """
    mapping = Mapping.from_dict(upload.mapping).to_dict()
    roles = {index: role for role, index in mapping.items() if index is not None}
    headers = upload.headers
    shown = sorted({*range(min(len(headers), PREVIEW_COLUMNS)), *(index for index in roles if index < len(headers))})
    inspection = upload.inspection or {}

    def cut(rows: list[list[Any]]) -> list[tuple[int, list[str]]]:
        return [(number, [cells[index] for index in shown if index < len(cells)]) for number, cells, *_key in rows]

    return {
        "columns": [{"name": headers[index], "role": roles.get(index)} for index in shown],
        "rows": cut(inspection.get("sample_rows", [])),
        "above": cut(inspection.get("above", [])),
        "letters": cut(inspection.get("letters", [])),
        "not_shown": len(shown) < len(headers),
    }
