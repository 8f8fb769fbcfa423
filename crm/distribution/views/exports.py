"""Lists as files: exactly what is listed, in its order and with its columns."""

from collections.abc import Iterable, Iterator, Sequence

import structlog
from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page, staff_page
from crm.distribution.access import get_batch_for
from crm.distribution.columns import Cell, Column, work_columns
from crm.distribution.conflict_counts import summary_of
from crm.distribution.conflict_list import ConflictList
from crm.distribution.exports import MOST_XLSX_ROWS, csv_lines, read_cells, xlsx_file
from crm.distribution.listing import Listing
from crm.distribution.lists import batch_list, database_list
from crm.distribution.record_list import RecordList
from crm.distribution.work_list import WorkList
from crm.pages import came_from, go_to
from crm.registry import Module

logger = structlog.get_logger(__name__)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
@admin_page
def records(request: SignedInRequest, module: Module, format: str) -> HttpResponseBase:
    """The records of the module, or of the database that `?database=` names."""
    return _export_listing(request, RecordList.of_query(request, module), format)


@require_safe
@admin_page
def databases(request: SignedInRequest, module: Module, format: str) -> HttpResponseBase:
    return _export_listing(request, database_list(request, module), format)


@require_safe
@admin_page
def batches(request: SignedInRequest, module: Module, format: str) -> HttpResponseBase:
    return _export_listing(request, batch_list(request, module), format)


@require_safe
@admin_page
def conflicts(request: SignedInRequest, format: str) -> HttpResponseBase:
    """The log, or its counts for each day or staff member, as `?by=` says."""
    listed = ConflictList(request)
    if not listed.by:
        return _export_listing(request, listed, format)
    summary = summary_of(listed)
    return send_file(request, summary.headings, summary.cells, format, name=f"conflicts-per-{listed.by}")


@require_safe
@staff_page
def my_records(request: SignedInRequest, module: Module, format: str) -> HttpResponseBase:
    """What the person has of the module, as they have filtered it."""
    return _export_work(request, WorkList(request, module), format, name=f"{module.key}-mine")


@require_safe
def batch(request: SignedInRequest, module: Module, pk: int, format: str) -> HttpResponseBase:
    """The records of the batch, as they are filtered."""
    shown = get_batch_for(request.user, module, pk)
    return _export_work(request, WorkList(request, module, batch=shown), format, name=f"{module.key}-batch-{pk}")


def _export_work(request: SignedInRequest, listed: WorkList, format: str, *, name: str) -> HttpResponseBase:
    return export(request, listed.ordered_rows, work_columns(listed.module), format, name=name, total=listed.total)


def _export_listing(request: SignedInRequest, listed: Listing, format: str) -> HttpResponseBase:
    name = listed.kind.replace("/", "-")
    return export(request, listed.ordered_rows, listed.columns, format, name=name, total=listed.total)


def export(
    request: SignedInRequest, rows: QuerySet, columns: Sequence[Column], format: str, *, name: str, total: int
) -> HttpResponseBase:
    """The rows as a file of that format; back with a word to the list if a workbook cannot have so many."""
    if format == "xlsx" and total > MOST_XLSX_ROWS:
        text = _(
            "An Excel file holds up to %(most)s rows, and this list has more. Take the CSV file, or filter the list."
        )
        messages.error(request, text % {"most": number_format(MOST_XLSX_ROWS, force_grouping=True)})
        return go_to(came_from(request, "/"))
    return send_file(request, [str(column.label) for column in columns], read_cells(rows, columns), format, name=name)


def send_file(
    request: SignedInRequest, header: Sequence[str], rows: Iterable[Sequence[Cell]], format: str, *, name: str
) -> HttpResponseBase:
    """The rows of cells as a file of that format."""
    if format not in ("csv", "xlsx"):
        raise Http404
    cells = _noted(request, rows, f"{name}.{format}")
    file_name = f"{name}-{timezone.localdate():%Y-%m-%d}.{format}"
    if request.method == "HEAD":
        return HttpResponse()
    if format == "xlsx":
        return FileResponse(xlsx_file(header, cells), as_attachment=True, filename=file_name, content_type=XLSX)
    return StreamingHttpResponse(
        csv_lines(header, cells),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def _noted(request: SignedInRequest, rows: Iterable[Sequence[Cell]], what: str) -> Iterator[Sequence[Cell]]:
    """The rows; the log says who took how many, those too who stopped before the end."""
    count = 0
    try:
        for row in rows:
            count += 1
            yield row
    finally:
        logger.info("export", what=what, rows=count, user=request.user.pk, filters=sorted(request.GET))
