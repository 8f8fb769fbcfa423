"""The rows of a file between the file and the database: a temporary table, judged and merged set-based.

Nothing of it outlives the transaction. The preview judges the rows and throws them away; the import judges them by
the same statements and merges those that pass.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from json import JSONEncoder
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.imports.mapping import Mapping
from crm.distribution.imports.models import LeftOutRow, Upload
from crm.distribution.imports.reading import HeaderAgain, RowReader
from crm.distribution.models import BaseDatabase
from crm.identity import CUSTOMER_ID_MAX_LENGTH, named
from crm.products.models import Product
from crm.registry import modules
from crm.reservations.covering import covers_of

dumps = JSONEncoder(ensure_ascii=False).encode

ROWS_AT_ONCE = 25_000
"""Rows merged by one statement: enough to be quick, few enough for a progress bar to move."""

Progress = Callable[[float], None]
"""Told how much is done, from 0 to 1."""


@dataclass(frozen=True)
class Elsewhere:
    """A database of the product that has some of the file's customers already."""

    module: str
    database: int
    name: str
    rows: int


@dataclass(frozen=True)
class ReservedBy:
    """Somebody who has reserved some of the file's customers."""

    staff: int
    name: str
    rows: int


@dataclass(frozen=True)
class Report:
    """What reading a file found. file_rows = accepted + duplicates + rejected; blank rows are counted apart, and so
    are the rows `above_header`: these, the header, file_rows and blank are all rows of the file. Rows that are `hidden`
    in the sheet are among file_rows, unless the user has chosen to leave them out.

    `elsewhere_rows` of the accepted ones are in another database of the product: each once, though two may have it.
    `reserved` of them are covered by a reservation: each once, though two people may have reserved one customer, one by
    the id and one by the phone. `notes` are sentences about what was read otherwise than it stands there.
    """

    file_rows: int
    accepted: int
    duplicates: int
    rejected: int
    blank: int
    above_header: int = 0
    hidden: int = 0
    bad_phones: int = 0
    elsewhere_rows: int = 0
    elsewhere: tuple[Elsewhere, ...] = ()
    reserved: int = 0
    reserved_by: tuple[ReservedBy, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Incoming:
    """The rows of one file, in the caller's transaction."""

    def __init__(self) -> None:
        self.blank = 0
        self.above_header = self.hidden = 0
        self.width = 0
        self.notes: tuple[str, ...] = ()

    def read(self, reader: RowReader, headers: Sequence[str], mapping: Mapping, progress: Progress) -> None:
        """Copies every row into the table. Raises UnreadableFile when the file turns out not to be readable."""
        with connection.cursor() as cursor:
            # One transaction may read several files.
            cursor.execute("DROP TABLE IF EXISTS pg_temp.incoming")
            cursor.execute(
                f"""
                CREATE TEMPORARY TABLE incoming (
                    row_number integer PRIMARY KEY,
                    customer_id text NOT NULL,
                    customer_key text COLLATE "C" GENERATED ALWAYS AS ({_key_expression()}) STORED,
                    customer_name text NOT NULL,
                    phone text NOT NULL,
                    phone_key text COLLATE "C",
                    cells jsonb NOT NULL,
                    problem text,
                    reason text
                ) ON COMMIT DROP
                """
            )
            with cursor.copy(
                "COPY incoming (row_number, customer_id, customer_name, phone, phone_key, cells, problem, reason)"
                " FROM STDIN"
            ) as copy:
                for count, row in enumerate(_rows(reader, headers, mapping)):
                    copy.write_row(row)
                    if count % 5000 == 0:
                        progress(reader.fraction)
            cursor.execute("ANALYZE incoming")
        self.blank, self.above_header, self.width = reader.blank, reader.above_header, reader.width
        self.hidden, self.notes = reader.hidden, reader.notes
        self._mark_duplicates()

    def _mark_duplicates(self) -> None:
        """Of the rows that name the same customer the first one wins."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE incoming SET problem = %s, reason = format(%s, firsts.first)
                FROM (
                    SELECT customer_key, min(row_number) AS first FROM incoming
                    WHERE problem IS NULL GROUP BY customer_key HAVING count(*) > 1
                ) AS firsts
                WHERE incoming.customer_key = firsts.customer_key AND row_number > firsts.first AND problem IS NULL
                """,
                [LeftOutRow.Kind.DUPLICATE, _("The same customer as in row %s.")],
            )

    def report(self, product: Product, notes: Sequence[str] = ()) -> Report:
        """`notes` are those that were known before the rows were read."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT count(*), count(*) FILTER (WHERE problem IS NULL),
                       count(*) FILTER (WHERE problem = %s), count(*) FILTER (WHERE problem = %s),
                       count(*) FILTER (WHERE problem IS NULL AND phone <> '' AND phone_key IS NULL)
                FROM incoming
                """,
                [LeftOutRow.Kind.DUPLICATE, LeftOutRow.Kind.REJECTED],
            )
            file_rows, accepted, duplicates, rejected, bad_phones = cursor.fetchone()
        elsewhere_rows, elsewhere = _elsewhere(product)
        reserved, reserved_by = _reserved(product)
        return Report(
            file_rows=file_rows,
            accepted=accepted,
            duplicates=duplicates,
            rejected=rejected,
            blank=self.blank,
            above_header=self.above_header,
            hidden=self.hidden,
            bad_phones=bad_phones,
            elsewhere_rows=elsewhere_rows,
            elsewhere=elsewhere,
            reserved=reserved,
            reserved_by=reserved_by,
            notes=(*notes, *self.notes),
        )

    def merge(self, database: BaseDatabase, progress: Progress) -> int:
        """Puts every accepted row into the database's records, in the order of the file. Returns how many."""
        table = database.module.Record._meta.db_table
        merged = 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(row_number), 0) FROM incoming")
            last = cursor.fetchone()[0]
            for start in range(0, last, ROWS_AT_ONCE):
                cursor.execute(
                    f"""
                    INSERT INTO "{table}"
                        (database_id, row_number, customer_id, customer_name, phone, phone_key, data)
                    SELECT %s, row_number, customer_id, customer_name, phone, phone_key, cells FROM incoming
                    WHERE problem IS NULL AND row_number > %s AND row_number <= %s
                    ORDER BY row_number
                    """,  # noqa: S608 (the table's own name)
                    [database.pk, start, start + ROWS_AT_ONCE],
                )
                merged += cursor.rowcount
                progress(min(1.0, (start + ROWS_AT_ONCE) / last))
        return merged

    def keep_left_out(self, upload: Upload) -> None:
        """Keeps the rows that are not imported, each with its reason, for the download."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO "{LeftOutRow._meta.db_table}" (upload_id, row_number, kind, reason, cells)
                SELECT %s, row_number, problem, reason, cells FROM incoming WHERE problem IS NOT NULL
                """,  # noqa: S608 (the table's own name)
                [upload.pk],
            )


def _key_expression() -> str:
    """The SQL of the one definition of `customer_key`, with its constants written out."""
    field = next(modules()).Record._meta.get_field("customer_key")
    sql, params = field.generated_sql(connection)
    with connection.cursor() as cursor:
        return cursor.mogrify(sql, params)


def _rows(reader: RowReader, headers: Sequence[str], mapping: Mapping) -> Iterator[tuple]:
    def cell(cells: list[str], index: int | None) -> str:
        return cells[index].strip() if index is not None and index < len(cells) else ""

    key_column = next((index for index in (mapping.customer_id, mapping.phone) if index is not None), 0)
    is_header = HeaderAgain(headers, key_column)
    for row_number, cells, phone_key in reader:
        customer = named(cell(cells, mapping.customer_id), cell(cells, mapping.phone), phone_key)
        problem = reason = None
        if not customer.customer_id:
            problem, reason = LeftOutRow.Kind.REJECTED, _("No customer id and no usable phone.")
        if len(customer.customer_id) > CUSTOMER_ID_MAX_LENGTH:
            problem = LeftOutRow.Kind.REJECTED
            reason = _("The customer id is longer than %(most)s characters.") % {"most": CUSTOMER_ID_MAX_LENGTH}
        if is_header(cells):
            problem, reason = LeftOutRow.Kind.REJECTED, _("The header row once more.")
        name = cell(cells, mapping.name)
        yield row_number, customer[0], name, customer.phone, customer.phone_key, dumps(cells), problem, reason


def _elsewhere(product: Product) -> tuple[int, tuple[Elsewhere, ...]]:
    """How many rows name a customer whom a database of the product has, archived ones too; and which have them, in the
    order of the modules, most first.
    """
    found = " UNION ALL ".join(
        f"""
        SELECT {number} AS module, d.id, d.name, i.row_number FROM incoming i
        JOIN "{module.Record._meta.db_table}" r ON r.customer_key = i.customer_key
        JOIN "{module.Database._meta.db_table}" d ON d.id = r.database_id AND d.product_id = %(product)s
        WHERE i.problem IS NULL
        """  # noqa: S608 (the tables' own names)
        for number, module in enumerate(modules())
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT module, id, name, count(DISTINCT row_number) FROM ({found}) AS found
            GROUP BY GROUPING SETS ((module, id, name), ()) ORDER BY module NULLS FIRST, 4 DESC, id
            """,  # noqa: S608 (the tables' own names)
            {"product": product.pk},
        )
        (_all, _of, _them, rows), *each = cursor.fetchall()
    keys = [module.key for module in modules()]
    return rows, tuple(Elsewhere(keys[number], pk, name, n) for number, pk, name, n in each)


# The rows to be imported, as records of a database of the product.
ROWS = "(SELECT row_number AS id, 0 AS database_id, customer_key, phone_key FROM incoming WHERE problem IS NULL)"
DATABASES = "(SELECT 0 AS id, %(product)s AS product_id)"


def _reserved(product: Product) -> tuple[int, tuple[ReservedBy, ...]]:
    """How many rows reservations cover as it is now, and whose these are, most first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT staff_id, count(DISTINCT record_id) FROM ({covers_of(ROWS, DATABASES)}) AS c
            GROUP BY ROLLUP (staff_id) ORDER BY 2 DESC, 1
            """,  # noqa: S608 (constants, and the models' own names)
            {"product": product.pk},
        )
        counts = dict(cursor.fetchall())
    reserved = counts.pop(None, 0)  # the one line of all together, which is there without any too
    people = User.objects.in_bulk(counts)
    return reserved, tuple(ReservedBy(pk, str(people[pk]), rows) for pk, rows in counts.items())
