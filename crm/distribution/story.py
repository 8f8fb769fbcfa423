"""How a stored count came about: which operation changed it by how much, when, by whom, and who else had a part in it.

Every statement that moves a count leaves a row in the history of its database or batch. What a count is now is
therefore the sum of what each operation did to it, and to tell it costs as much as there were operations, however many
the records. The counts themselves are kept apart from this by the triggers, so that the two can be compared.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.functional import Promise

from crm.accounts.models import User
from crm.distribution.models import BATCH_COUNTS, DATABASE_COUNTS, BaseBatch, BaseDatabase
from crm.distribution.operations import operation_name
from crm.distribution.undo import MOST_UNDONE, undoable_still
from crm.figures import Figure, get_figure
from crm.moment import one_moment

MOST_CHANGES = 50
"""The newest operations; older ones are added up to one line."""

MOST_NAMES = 3

# One row for each of the newest operations, and one for all that are older.
CHANGES = """
    WITH steps AS (
        SELECT pgh_id, pgh_created_at, pgh_context_id,
               "{column}" - coalesce(lag("{column}") OVER (ORDER BY pgh_id), 0) AS change
        FROM "{events}" WHERE pgh_obj_id = %(pk)s
    ), operations AS (
        SELECT min(pgh_id) AS first, min(pgh_created_at) AS at, pgh_context_id,
               coalesce(sum(change) FILTER (WHERE change > 0), 0) AS plus,
               coalesce(-sum(change) FILTER (WHERE change < 0), 0) AS minus,
               least(row_number() OVER (ORDER BY min(pgh_id) DESC), {most} + 1) AS place
        FROM steps WHERE change <> 0
        GROUP BY pgh_context_id, CASE WHEN pgh_context_id IS NULL THEN pgh_created_at END
    ), places AS (
        SELECT place, max(first) AS first, max(at) AS at, sum(plus) AS plus, sum(minus) AS minus,
               CASE WHEN place <= {most} THEN (array_agg(pgh_context_id))[1] END AS context_id
        FROM operations GROUP BY place
    )
    SELECT place > {most}, first, at, context_id, metadata ->> 'operation', (metadata ->> 'user')::bigint,
           plus::bigint, minus::bigint
    FROM places LEFT JOIN pghistory_context ON id = context_id ORDER BY place
"""

# Whose batches received records in an operation, and whose lost some.
PEOPLE = """
    SELECT now.pgh_context_id, now.staff_id,
           bool_or(now.received_count > coalesce(before.received_count, 0)),
           bool_or(now.left_count > coalesce(before.left_count, 0))
    FROM "{events}" now
    LEFT JOIN LATERAL (
        SELECT received_count, left_count FROM "{events}" e
        WHERE e.pgh_obj_id = now.pgh_obj_id AND e.pgh_id < now.pgh_id ORDER BY e.pgh_id DESC LIMIT 1
    ) AS before ON true
    WHERE now.pgh_context_id = ANY(%(contexts)s::uuid[]) GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Change:
    """What one operation did to the count; with `is_rest`, all older ones together. `operation` and `who` are empty for
    a write from outside the app. `to` received records by it, `of` had them before, where records went one way.
    """

    pk: str
    at: datetime
    operation: str | Promise
    who: User | None
    plus: int
    minus: int
    is_rest: bool
    to: str
    of: str
    undo: UUID | None = None
    """The operation, if the reader can still take it back (crm.distribution.undo)."""


@dataclass(frozen=True)
class Story:
    """The newest change first. `shown` is the stored count, `total` what the changes add up to, `rows` how many rows it
    counts, which `rows_url` lists; none for what was, and is not there to be counted.
    """

    pk: str
    subject: BaseDatabase | BaseBatch
    figure: Figure
    shown: int
    changes: list[Change]
    rows: int | None

    @property
    def total(self) -> int:
        return sum(change.plus - change.minus for change in self.changes)

    @property
    def is_true(self) -> bool:
        return not self.difference

    @property
    def difference(self) -> int:
        """By how much they are apart that must be the same."""
        apart = {self.shown, self.total, self.shown if self.rows is None else self.rows}
        return max(apart) - min(apart)

    @property
    def rows_url(self) -> str:
        return self.figure.url(self.subject) if self.figure.url else ""


def column_of(kind: str, name: str) -> str:
    """Of a count of a "database" or a "batch", by the name of its figure; KeyError for what is no such count."""
    counts = {"database": DATABASE_COUNTS, "batch": BATCH_COUNTS}[kind]
    column = "record_count" if name == "records" else f"{name}_count"
    if column not in counts:
        raise KeyError(name)
    get_figure(f"{kind}.{name}")
    return column


def tell(subject: BaseDatabase | BaseBatch, name: str, reader: User) -> Story:
    """How this stored count came to what it is, all of it as it was at one moment; in seven queries."""
    model: Any = type(subject)
    kind = str(model._meta.model_name)
    column, figure = column_of(kind, name), get_figure(f"{kind}.{name}")
    key = f"{subject.module.key}-{kind}-{subject.pk}-{name}"
    with one_moment():
        subject = model.objects.get(pk=subject.pk)
        query = CHANGES.format(column=column, events=model.pgh_event_model._meta.db_table, most=MOST_CHANGES)
        found = _ask(query, pk=subject.pk)
        rows = figure.rows_of(subject).count() if figure.rows else None
        others = _others(subject, [row[3] for row in found if row[3]])
        can_undo = undoable_still(subject.module, [row[3] for row in found[:MOST_UNDONE]], reader)
    people = User.objects.in_bulk({row[5] for row in found if row[5]})
    changes = [
        Change(
            f"{key}-{'rest' if is_rest else first}",
            at,
            operation_name(operation or ""),
            people.get(who),
            plus,
            minus,
            is_rest,
            *_told(others.get(context), is_batch=kind == "batch", plus=plus, minus=minus),
            undo=context if context in can_undo else None,
        )
        for is_rest, first, at, context, operation, who, plus, minus in found
    ]
    return Story(key, subject, figure, getattr(subject, column), changes, rows)


def _others(subject: BaseDatabase | BaseBatch, contexts: list[UUID]) -> dict[UUID, tuple[set[str], set[str]]]:
    """Of each operation, who received records by it and who lost some, but for whose batch is told about."""
    events = subject.module.Batch.pgh_event_model._meta.db_table
    batches = _ask(PEOPLE.format(events=events), contexts=contexts)
    staff = User.objects.in_bulk({row[1] for row in batches})
    found: dict[UUID, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for context, user, came, went in batches:
        if user != getattr(subject, "staff_id", None) and user in staff:
            received, lost = found[context]
            received |= {str(staff[user])} if came else set()
            lost |= {str(staff[user])} if went else set()
    return found


def _told(others: tuple[set[str], set[str]] | None, *, is_batch: bool, plus: int, minus: int) -> tuple[str, str]:
    """Of a batch, from whom it has what came, and to whom went what left. Where records came and went at once, nobody
    is named.
    """
    if others is None or (plus and minus):
        return "", ""
    to = set() if is_batch and plus else others[0]
    of = set() if is_batch and minus else others[1]
    return _names(to), _names(of)


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names)[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")


def _ask(sql: str, **values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
