"""What the rows that findings are about are called, where their pages are, and what is said of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _

from crm.figures import get_figure
from integrity.checks import checks
from integrity.models import Finding


@dataclass(frozen=True)
class Named:
    """A row as a person knows it. `url` is empty where it has no page, or is gone."""

    name: str
    url: str = ""
    row: Any = None

    def rows_url(self, field: str) -> str:
        """Where the rows are listed that a stored count counts; empty for what is no count, or has no list."""
        if self.row is None or not field.endswith("_count"):
            return ""
        name = "records" if field == "record_count" else field.removesuffix("_count")
        try:
            figure = get_figure(f"{self.row._meta.model_name}.{name}")
        except KeyError:
            return ""
        return figure.url(self.row) if figure.url else ""


def named(places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Named]:
    """The rows by their model and key, those too that are gone; one query for each model."""
    by_model: dict[str, set[int]] = defaultdict(set)
    for label, pk in places:
        by_model[label].add(pk)
    names: dict[tuple[str, int], Named] = {}
    for label, keys in by_model.items():
        try:
            model: Any = apps.get_model(label)
        except LookupError:
            names |= {(label, key): Named(f"{label} {key}") for key in keys}
            continue
        # Nothing is joined, not by an order either: a row whose staff member or product is gone is there all the same.
        related = [name for name in ("staff", "product") if name in {field.name for field in model._meta.fields}]
        there = model._base_manager.order_by().prefetch_related(*related).in_bulk(keys)
        for key in keys:
            names[label, key] = _name(model, key, there.get(key))
    return names


def _name(model: type[Model], key: int, row: Any) -> Named:
    if not key:  # about the table
        return Named(str(_(str(model._meta.verbose_name_plural))).capitalize())
    kind = str(_(str(model._meta.verbose_name))).capitalize()
    if row is None:
        return Named(_("%(kind)s %(number)d, which is gone,") % {"kind": kind, "number": key})
    try:
        return Named(_words(kind, key, row), row.get_absolute_url() if hasattr(row, "get_absolute_url") else "", row)
    except (ObjectDoesNotExist, NoReverseMatch):  # what it is called after is gone, or its module
        return Named(_("%(kind)s %(number)d") % {"kind": kind, "number": key})


def _words(kind: str, key: int, row: Any) -> str:
    if owner := getattr(row, "staff", None):
        return _("%(kind)s %(number)d of %(person)s") % {"kind": kind, "number": key, "person": owner}
    text = str(row)
    if text and text != str(key):
        return _("%(kind)s %(number)d (%(text)s)") % {"kind": kind, "number": key, "text": text}
    return _("%(kind)s %(number)d") % {"kind": kind, "number": key}


def told(findings: Iterable[Finding]) -> list[tuple[Finding, Named, str]]:
    """Each with its row, and what is wrong there: "Batch 12 of Sari says 49 assigned, and 50 assigned records are in
    it".
    """
    listed = list(findings)
    names = named((each.object, each.object_id) for each in listed)
    rows = [(each, names[each.object, each.object_id]) for each in listed]
    return [(each, row, _reason(each, row.name)) for each, row in rows]


def _reason(finding: Finding, name: str) -> str:
    """What an earlier version has found stays readable, where this one has no such check."""
    check = checks().get(finding.code)
    if check and finding.hint in check.reasons:
        return check.reason(finding, name)
    values = {"name": name, "field": finding.field, "actual": finding.actual, "expected": finding.expected}
    return _("%(name)s: %(field)s is %(actual)s, and should be %(expected)s.") % values
