"""What brought a row to where it is: its last writes, and whether it has changed behind the history's back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import BooleanField, Model
from django.db.models.expressions import RawSQL
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.operations import operation_name
from crm.registry import Module
from integrity.check import module_of_model, names_of
from integrity.checks.history import kept_columns
from integrity.models import Finding, Result

MOST = 10
"""So many of the last writes are shown."""

RECENT_EVENTS = 1000
"""The newest events of a database's records, of which the last writes to them are told."""

KINDS = {"insert": _("Came"), "update": _("Changed"), "delete": _("Deleted")}


@dataclass(frozen=True)
class Write:
    """One write. `what` is the operation, `who` the person, `page` the path; all are empty for one from outside the
    app. `columns` are those that it changed, `rows` how many rows it was about.
    """

    pk: int
    at: datetime
    kind: str | Promise
    what: str | Promise
    who: User | None
    page: str
    columns: list[str]
    rows: int = 1

    @property
    def is_outside(self) -> bool:
        return not self.what and not self.page and self.who is None


@dataclass(frozen=True)
class Cause:
    """`writes` are the last writes to the row that the history knows, `to_records` those to the records of a batch or
    of a database. `behind` is what somebody changed past the triggers: findings of the same run of a row that is not
    what the history says, the row itself or a record of it; `is_compared` says that the run has looked for such.
    """

    writes: list[Write]
    to_records: list[Write]
    behind: list[Finding]
    is_compared: bool = True


def cause_of(finding: Finding) -> Cause:
    """Of what was found, as the history tells it now."""
    try:
        model: Any = apps.get_model(finding.object)
    except LookupError:
        return Cause([], [], [])
    module = module_of_model(model)
    about, is_about = (_of_records(module, model, finding.object_id) if module else None) or ("", "")
    return Cause(
        writes=_writes_to(model, finding.object_id) if hasattr(model, "pgh_event_model") else [],
        to_records=_writes_to_records(module, about) if module and about else [],
        behind=_behind(finding, module, is_about),
        is_compared=Result.objects.filter(
            run=finding.run_id, code="history_mismatch", module=finding.module, error=""
        ).exists(),
    )


def _of_records(module: Module, model: type[Model], pk: int) -> tuple[str, str] | None:
    """Of a batch or a database, in SQL: which events are about its records, and that a finding is about one of them."""
    names = names_of(module)
    column = {module.Batch: "batch_id", module.Database: "database_id"}.get(model)
    if column is None:
        return None
    if model is module.Batch:
        about = f"pgh_obj_id = ANY(ARRAY(SELECT DISTINCT pgh_obj_id FROM {names['events']} WHERE batch_id = {pk:d}))"
    else:
        about = f"database_id = {pk:d}"
    now = f"SELECT 1 FROM {names['records']} r WHERE r.id = object_id AND r.{column} = {pk:d}"
    ever = f"SELECT 1 FROM {names['events']} e WHERE e.pgh_obj_id = object_id AND e.{column} = {pk:d}"
    return about, f"EXISTS ({now}) OR EXISTS ({ever})"


def _behind(finding: Finding, module: Module | None, is_about: str) -> list[Finding]:
    found = Finding.objects.filter(run=finding.run_id, code="history_mismatch").order_by("object", "object_id", "field")
    own = list(found.filter(object=finding.object, object_id=finding.object_id)[:MOST])
    if module and is_about:
        among = RawSQL(is_about, [], output_field=BooleanField())  # noqa: S611 (numbers and names of our own)
        own += found.filter(among, module=module.key, object=module.Record._meta.label_lower)[:MOST]
    return own


def _writes_to(model: Any, pk: int) -> list[Write]:
    columns = kept_columns(model)
    names = ("pgh_id", "pgh_created_at", "pgh_label", "pgh_context__metadata", *columns)
    events = model.pgh_event_model.objects.filter(pgh_obj_id=pk).order_by("-pgh_id")
    steps = list(events.values(*names)[: MOST + 1])
    people = _people(step["pgh_context__metadata"] for step in steps)
    writes = []
    for step, before in zip(steps, [*steps, None][1:], strict=True):
        changed = [name for name in columns if before and step[name] != before[name]]
        writes.append(_write(step["pgh_id"], step["pgh_created_at"], step["pgh_label"], step["pgh_context__metadata"],
                             people, changed))  # fmt: skip
    return writes[:MOST]


# One line for each operation, or for each moment of what came from outside the app.
TO_RECORDS = """
    SELECT max(e.pgh_id), max(e.pgh_created_at), e.pgh_label, c.metadata, count(DISTINCT e.pgh_obj_id)
    FROM (SELECT * FROM {events} WHERE {about} ORDER BY pgh_id DESC LIMIT {recent}) e
    LEFT JOIN pghistory_context c ON c.id = e.pgh_context_id
    GROUP BY e.pgh_label, c.id, c.metadata, CASE WHEN c.id IS NULL THEN e.pgh_created_at END
    ORDER BY 1 DESC LIMIT {most}
"""


def _writes_to_records(module: Module, about: str) -> list[Write]:
    with connection.cursor() as cursor:
        cursor.execute(TO_RECORDS.format(about=about, recent=RECENT_EVENTS, most=MOST, **names_of(module)))
        rows = cursor.fetchall()
    contexts = [json.loads(row[3]) if row[3] else None for row in rows]
    people = _people(contexts)
    return [
        _write(key, at, label, said, people, [], n)
        for (key, at, label, _said, n), said in zip(rows, contexts, strict=True)
    ]


def _people(contexts: Iterable[dict[str, Any] | None]) -> dict[int, User]:
    return User.objects.in_bulk({said["user"] for said in contexts if said and said.get("user")})


def _write(key: int, at: datetime, label: str, metadata: dict[str, Any] | None, people: dict[int, User],
           columns: list[str], rows: int = 1) -> Write:  # fmt: skip
    said = metadata or {}
    return Write(
        pk=key,
        at=at,
        kind=KINDS.get(label, label),
        what=operation_name(said.get("operation") or ""),
        who=people.get(said.get("user") or 0),
        page=said.get("url") or "",
        columns=columns,
        rows=rows,
    )
