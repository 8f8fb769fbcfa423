"""The columns of the lists, each declared once: what a page shows of a row, an export writes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.distribution.models import BaseDatabase, Reach, Response, Status, Validation, batch_name
from crm.registry import Module

Cell = str | int | date | datetime | None

MOST_ORIGINAL_COLUMNS = 200
"""So many of a file's own columns are offered for the list; a record's page shows all of them."""


@dataclass(frozen=True)
class Column:
    """`fields` are read from the database, and `cell` makes of their values what is shown.

    `sort` names the order that the first click on the header asks for, where there is one; the second turns it round.
    `default` columns are shown to who has chosen none.
    """

    key: str
    label: str | Promise
    fields: tuple[str, ...]
    cell: Callable[..., Cell] = lambda value: value
    sort: str = ""
    default: bool = False
    is_number: bool = False
    in_file_only: bool = False
    """A page shows it under another column."""

    def of(self, row: Model) -> Cell:
        """What this row shows here."""
        return self.cell(*(_value(row, field) for field in self.fields))


def fields_of(columns: Iterable[Column]) -> list[str]:
    """What has to be read, each once."""
    return list(dict.fromkeys(field for column in columns for field in column.fields))


def cells_of(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[list[Cell]]:
    """The cells of each row; `rows` have the values of `fields_of(columns)`."""
    place = {field: index for index, field in enumerate(fields_of(columns))}
    plan = [(column.cell, [place[field] for field in column.fields]) for column in columns]
    for row in rows:
        yield [cell(*[row[index] for index in indexes]) for cell, indexes in plan]


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name) if row is not None else None
    return row


def _choice(choices: Any) -> Callable[[str], str]:
    return lambda value: str(choices(value).label) if value else ""


def _status(status: str, in_conflict: bool) -> str:
    label = str(Status(status).label)
    return _("%(status)s, in conflict") % {"status": label} if in_conflict else label


def _first(*values: str | None) -> str:
    """The first that says something: a person's name, else the user name; a phone as a key, else as it was typed."""
    return next((value for value in values if value), "")


def _cell_of_file(index: int) -> Callable[[list], str]:
    return lambda data: str(data[index]) if index < len(data) else ""


PERSON = ("assignee__name", "assignee__username")
BATCH = ("batch_id", "batch__name")

CUSTOMER = Column("customer", gettext_lazy("Customer"), ("customer_id",), sort="customer", default=True)
NAME = Column("name", gettext_lazy("Name"), ("customer_name",), sort="name", default=True)
PHONE = Column("phone", gettext_lazy("Phone"), ("phone_key", "phone"), _first, default=True)
STATUS = Column(
    "status", gettext_lazy("Status"), ("status", "is_reservation_conflict"), _status, sort="status", default=True
)
STAFF = Column("staff", gettext_lazy("Staff member"), PERSON, _first, default=True)
DATABASE = Column("database", gettext_lazy("Database"), ("database__name",), default=True)
PRODUCT = Column("product", gettext_lazy("Product"), ("database__product__name",))
ROW = Column("row", gettext_lazy("Row"), ("row_number",), sort="row", default=True, is_number=True)
BATCH_COLUMN = Column("batch", gettext_lazy("Batch"), BATCH, batch_name)
RECEIVED = Column("received", gettext_lazy("Received"), ("assigned_at",), sort="-received")
REACH = Column("reach", gettext_lazy("WhatsApp reach"), ("reach",), _choice(Reach))
RESPONSE = Column("response", gettext_lazy("Response"), ("response",), _choice(Response))
NOTE = Column("note", gettext_lazy("Note"), ("note",))
FOLLOW_UP = Column("follow_up", gettext_lazy("Follow-up"), ("follow_up_on",), sort="follow_up")
WORKED = Column("worked", gettext_lazy("Last worked"), ("worked_at",), sort="-worked")
VALIDATION = Column("validation", gettext_lazy("Validity"), ("validation",), _choice(Validation))
REASON = Column("reason", gettext_lazy("Why invalid"), ("validation_reason",))
CONFLICT = Column("conflict", gettext_lazy("Why in conflict"), ("invalid_reason",))
ARCHIVED = Column("archived", gettext_lazy("Archived"), ("archived_at",))
ARCHIVE_REASON = Column("archive_reason", gettext_lazy("Why archived"), ("archive_reason",))

WORK = [RECEIVED, REACH, RESPONSE, NOTE, FOLLOW_UP, WORKED]
JUDGED = [VALIDATION, REASON]


def record_columns(module: Module, database: BaseDatabase | None = None) -> list[Column]:
    """What the list of a module's records can show; on the page of a database, its file's own columns too."""
    origin = [] if database else [DATABASE, PRODUCT]
    judged = [*JUDGED, ARCHIVED, ARCHIVE_REASON] if module.policy.validates else []
    own = original_columns(database) if database else []
    return [CUSTOMER, NAME, PHONE, STATUS, STAFF, *origin, ROW, BATCH_COLUMN, *WORK, *judged, CONFLICT, *own]


def original_columns(database: BaseDatabase) -> list[Column]:
    """The columns of the uploaded file, in their order."""
    names = database.columns[:MOST_ORIGINAL_COLUMNS]
    return [
        Column(
            f"file{number}", name or _("Column %(number)s") % {"number": number}, ("data",), _cell_of_file(number - 1)
        )
        for number, name in enumerate(names, start=1)
    ]


def work_columns(module: Module) -> list[Column]:
    """What staff export of their own records."""
    judged = JUDGED if module.policy.validates else []
    return [CUSTOMER, NAME, PHONE, DATABASE, PRODUCT, BATCH_COLUMN, *WORK, *judged, CONFLICT]


DATABASE_COLUMNS = [
    Column("name", gettext_lazy("Database"), ("name",), sort="name"),
    Column("product", gettext_lazy("Product"), ("product__name",), in_file_only=True),
    Column("records", gettext_lazy("Records"), ("record_count",), sort="-records", is_number=True),
    Column("available", gettext_lazy("Available"), ("available_count",), sort="-available", is_number=True),
    Column("reserved", gettext_lazy("Reserved"), ("reserved_count",), sort="-reserved", is_number=True),
    Column("requested", gettext_lazy("Requested"), ("requested_count",), sort="-requested", is_number=True),
    Column("assigned", gettext_lazy("Assigned"), ("assigned_count",), sort="-assigned", is_number=True),
    Column("archived", gettext_lazy("Archived"), ("archived_count",), sort="-archived", is_number=True),
    Column("conflict", gettext_lazy("In conflict"), ("conflict_count",), is_number=True, in_file_only=True),
    Column("uploaded", gettext_lazy("Uploaded"), ("created_at",), sort="-uploaded"),
]

BATCH_COLUMNS = [
    Column("batch", gettext_lazy("Batch"), ("pk", "name"), batch_name),
    Column("database", gettext_lazy("Database"), ("database__name",), in_file_only=True),
    Column("product", gettext_lazy("Product"), ("database__product__name",), in_file_only=True),
    Column("staff", gettext_lazy("Staff member"), ("staff__name", "staff__username"), _first, sort="staff"),
    Column("received", gettext_lazy("Received"), ("received_count",), sort="-received", is_number=True),
    Column("current", gettext_lazy("With them now"), ("current_count",), sort="-current", is_number=True),
    Column("archived", gettext_lazy("Archived"), ("archived_count",), sort="-archived", is_number=True),
    Column("left", gettext_lazy("Left"), ("left_count",), sort="-left", is_number=True),
    Column("handed_over", gettext_lazy("Handed over"), ("created_at",), sort="-handed_over"),
]
