"""What the reading child process and its parent agree on. Imports nothing heavy: the child starts with it."""

from dataclasses import asdict, dataclass
from typing import Any

CSV, XLSX, XLS, ODS = "csv", "xlsx", "xls", "ods"
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp874": "Windows-874 (Thai)",
    "gb18030": "GBK (Chinese)",
    "big5": "Big5 (Chinese)",
    "mac_roman": "Mac Roman",
}
"""Each with its name for people."""

SAMPLE_ROWS = 20
BATCH_ROWS = 500
BATCH_CHARACTERS = 250_000

TOO_BIG = (
    "The file could not be read within the memory allowed. Usually a stray cell lies far away from the table, "
    "or the file is very large: copy the table into a new workbook, or save it as CSV."
)


class UnreadableFile(ValueError):
    """A file that cannot be read as a table. The message is for the user, `detail` is for the log."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read one table of one file; everything that reading its rows needs.

    `header_row` counts from 1 as a spreadsheet does, blank rows included; 0 is a table without a header row.
    `columns` is how many cells a row has at least. Text has an encoding and a delimiter, a workbook a sheet. In a
    `damaged` text bytes that are no UTF-8 are read as �; in a `wrapped` one each line is a cell in quotation marks that
    holds the row. With `leave_hidden`, rows that are hidden in the sheet are left out.
    """

    kind: str
    header_row: int
    columns: int
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    damaged: bool = False
    wrapped: bool = False
    leave_hidden: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Layout":
        """Raises TypeError for a dict that `to_dict` did not make."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one reading may cost. A 1,000,000 × 8 workbook needs 0.9 GB and 15 CPU seconds."""

    memory_bytes: int = 1536 * 1024**2
    cpu_seconds: int = 180
    wall_seconds: float = 300.0  # spent waiting for the child; a slow consumer is not counted
    max_rows: int = 1_000_000
    max_columns: int = 16_384
    max_cells: int = 40_000_000  # of one sheet, empty ones included
    max_cell_characters: int = 1_000_000
    max_row_characters: int = 4_000_000
    max_uncompressed_bytes: int = 2 * 1024**3
    max_compression_ratio: int = 200  # of a part of a workbook that unpacks to more than 10 MB
