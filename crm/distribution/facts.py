"""The numbers that count no rows of a list: of files, of what operations did, of how a count came about. Imported when
the app is ready.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.distribution.ledger import Line
from crm.figures import Figure, declare


def _reported(key: str) -> Callable[[Any], int]:
    return lambda upload: upload.report[key]


# What a file contained, and what became of its rows: each of them is one of those that the page lists.
declare(
    Figure(
        "upload.rows",
        _("Rows of the file, without its header."),
        stored=lambda upload: (
            upload.report["file_rows"]
            + upload.report["blank"]
            + upload.report.get("above_header", 0)
            + upload.rows_left_hidden
        ),
    )
)
declare(
    Figure(
        "database.rows",
        _("Rows of the uploaded file that were read: those under its header, but for hidden ones left out."),
        stored=lambda database: database.file_rows + database.blank_count,
    )
)
for name, sentence in [
    ("accepted", _("Rows of the file that become records.")),
    ("duplicates", _("Rows that name a customer whom an earlier row of the file names already.")),
    ("rejected", _("Rows that name no customer.")),
    ("blank", _("Rows of the file without any value, under the header.")),
    ("above_header", _("Rows above the header, blank ones too. They are not imported.")),
    ("hidden", _("Rows under the header that are hidden in the sheet, by a filter or by hand.")),
    ("bad_phones", _("Rows to be imported whose phone cannot be called.")),
    ("reserved", _("Rows to be imported whose customer somebody had reserved when the file was read.")),
]:
    declare(Figure(f"upload.{name}", sentence, stored=_reported(name)))

for name, field, sentence in [
    ("imported", "imported_count", _("Records that the import made.")),
    ("duplicates", "duplicate_count", _("Rows of the file that named a customer whom an earlier row named already.")),
    ("rejected", "rejected_count", _("Rows of the file that named no customer.")),
    ("blank", "blank_count", _("Rows of the file without any value.")),
    ("purged", "purged_count", _("Records that were deleted for good.")),
]:
    declare(Figure(f"database.{name}", sentence, stored=attrgetter(field)))


def _of_operation(show: str) -> Callable[[Line], str]:
    return lambda line: f"{line.listed}&show={show}" if show and line.listed else ""


for name, show, sentence in [
    ("arrived", "received", _("Records that this operation put into the batch.")),
    ("archived", "", _("Records of the batch that this operation archived, less those it restored.")),
    ("left", "left", _("Records that this operation took out of the batch.")),
]:
    declare(Figure(f"ledger.{name}", sentence, url=_of_operation(show), stored=attrgetter(name)))

for name, sentence in [
    ("story.shown", _("The number as the pages show it.")),
    ("story.rows", _("The rows that there are, counted just now.")),
    ("story.difference", _("By how much these numbers are apart.")),
    ("story.total", _("What all changes of the number add up to, as the history has them.")),
    ("change.plus", _("What came to the number by this operation.")),
    ("change.minus", _("What went from the number by this operation.")),
]:
    declare(Figure(name, sentence, stored=attrgetter(name.partition(".")[2])))
