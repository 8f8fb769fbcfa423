"""What a repair changes, as a person reads it: row by row, column by column, before and after, and why."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db.models import Case, ForeignKey, Min, Q, QuerySet, When
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrity.checks import checks
from integrity.models import Change, Run, label_of
from integrity.naming import Named, named

LONGEST = 120
"""So many characters of a value are shown; the file has all."""

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")
"""How a moment is written in an image of a row."""

GUARD_WAS = {
    "missing": gettext_lazy("not there"),
    "disabled": gettext_lazy("switched off"),
    "not validated": gettext_lazy("never held against the rows that are there"),
    "different": gettext_lazy("another one"),
    "undeclared": gettext_lazy("there, and declared by nobody"),
}

Key = tuple[str, int]


@dataclass(frozen=True)
class Line:
    """One column of one change."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Step:
    """What one check changes of the row. `is_new` and `is_gone`: the row itself comes or goes."""

    title: str | Promise
    why: str
    lines: list[Line]
    is_new: bool
    is_gone: bool


@dataclass(frozen=True)
class ChangedRow:
    """A row with all that changes of it. `key` names it in a form, `check` is what changes it first. `is_found`: it is
    wrong itself, and can be left out; what changes of the others follows from these.
    """

    key: str
    named: Named
    module: str
    check: str | Promise
    steps: list[Step]
    is_found: bool


def rows_of(run: Run) -> QuerySet:
    """The rows that the run changes, by check, the checks and the rows in the order in which it comes to them."""
    rows = run.changes.order_by().values("object", "object_id").annotate(first=Min("number"), code=Min("code"))
    place = Case(*(When(code=code, then=number) for number, code in enumerate(checks())), default=len(checks()))
    return rows.order_by(place, "code", "first")


def count_rows_of(run: Run) -> QuerySet:
    """Those of them whose stored counts change."""
    return rows_of(run).filter(Q(object__endswith=".batch") | Q(object__endswith=".database")).order_by("first")


def changed_rows(run: Run, rows: Iterable[dict[str, Any]]) -> list[ChangedRow]:
    """These rows (of `rows_of`) with their changes; as many queries as there are models among them."""
    listed = list(rows)
    keys: list[Key] = [(row["object"], row["object_id"]) for row in listed]
    which = Q(pk=None)
    for label in {label for label, _pk in keys}:
        which |= Q(object=label, object_id__in=[pk for each, pk in keys if each == label])
    changes = list(run.changes.filter(which).order_by("object", "object_id", "number"))
    places = {*keys, *(each for change in changes for each in _references(change))}
    names = named(places) | {key: Named(_new(key)) for key in _yet_to_come(run, places)}
    wrong = set(run.findings.filter(which).values_list("object", "object_id"))
    found = {key: list(group) for key, group in groupby(changes, key=lambda change: (change.object, change.object_id))}
    return [
        ChangedRow(
            key=f"{row['object']}:{row['object_id']}",
            named=names[key],
            module=label_of(found[key][0].module),
            check=_title(row["code"]),
            steps=[_step(change, names) for change in found[key]],
            is_found=key in wrong,
        )
        for row, key in zip(listed, keys, strict=True)
    ]


def _yet_to_come(run: Run, places: set[Key]) -> set[Key]:
    """The rows that a preview would make: their numbers are not known yet."""
    if run.kind != Run.Kind.PREVIEW:
        return set()
    labels = {label for label, _pk in places}
    made = run.changes.filter(before__isnull=True, object__in=labels).exclude(object_id=0)
    return places & set(made.values_list("object", "object_id"))


def _new(key: Key) -> str:
    kind = str(_(str(apps.get_model(key[0])._meta.verbose_name)))
    return _("a new %(kind)s") % {"kind": kind}


def _title(code: str) -> str | Promise:
    check = checks().get(code)
    return check.title if check else code


def _step(change: Change, names: dict[Key, Named]) -> Step:
    before, after = change.before or {}, change.after or {}
    is_new, is_gone = change.before is None, change.after is None
    targets = _targets(change.object)
    is_removed = before.get("state") == "undeclared"
    lines = [
        Line(
            field, _say(before.get(field), targets.get(field), names), _say(after.get(field), targets.get(field), names)
        )
        for field in sorted({*before, *after})
        # Of a row that comes or goes as a whole, what is empty says nothing.
        if (change.object_id and not (is_new or is_gone)) or before.get(field) or after.get(field)
    ]
    if not change.object_id:  # a guard: the rest of what is kept is for an undo, and for no person
        was = str(GUARD_WAS.get(before.get("state", ""), ""))
        lines = [Line(str(before.get("guard", "")), was, _("not there") if is_removed else _("as it is declared"))]
    return Step(_title(change.code), change.why, lines, is_new and bool(change.object_id), is_gone)


def _say(value: Any, target: str | None, names: dict[Key, Named]) -> str:
    if value is None or value == "":
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if target and isinstance(value, int):
        return names[target, value].name
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return date_format(localtime(datetime.fromisoformat(value)), "j M Y, H:i:s")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _references(change: Change) -> Iterator[Key]:
    """The rows that its columns name, before or after."""
    for field, target in _targets(change.object).items():
        for values in (change.before, change.after):
            value = (values or {}).get(field)
            if isinstance(value, int):
                yield target, value


def _targets(label: str) -> dict[str, str]:
    """The foreign keys of a model: the column, and the label of what it names."""
    try:
        model = apps.get_model(label)
    except LookupError:
        return {}
    return {
        str(each.column): each.related_model._meta.label_lower
        for each in model._meta.concrete_fields
        if isinstance(each, ForeignKey)
    }
