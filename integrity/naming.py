"""What the rows that findings are about are called, where their pages are, and what is said of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext as _

from integrity.checks import checks
from integrity.models import Finding


@dataclass(frozen=True)
class Named:
    """A row as a person knows it. `url` is empty where it has no page, or is gone."""

    name: str
    url: str = ""


def named(findings: Iterable[Finding]) -> dict[tuple[str, int], Named]:
    """The rows by their model and key, those too that are gone; one query for each model."""
    by_model: dict[str, set[int]] = defaultdict(set)
    for finding in findings:
        by_model[finding.object].add(finding.object_id)
    names: dict[tuple[str, int], Named] = {}
    for label, keys in by_model.items():
        try:
            model: Any = apps.get_model(label)
        except LookupError:
            names |= {(label, key): Named(f"{label} {key}") for key in keys}
            continue
        related = [name for name in ("staff", "database") if name in {field.name for field in model._meta.fields}]
        there = model._default_manager.select_related(*related).in_bulk(keys)
        for key in keys:
            names[label, key] = _name(model, key, there.get(key))
    return names


def _name(model: type[Model], key: int, row: Any) -> Named:
    kind = str(_(str(model._meta.verbose_name))).capitalize()
    if row is None:
        return Named(_("%(kind)s %(number)d, which is gone,") % {"kind": kind, "number": key})
    owner = getattr(row, "staff", None)
    name = _("%(kind)s %(number)d of %(person)s") if owner else _("%(kind)s %(number)d")
    return Named(name % {"kind": kind, "number": key, "person": owner}, row.get_absolute_url())


def told(findings: Iterable[Finding]) -> list[tuple[Finding, Named, str]]:
    """Each with its row, and what is wrong there: "Batch 12 of Sari says 49 assigned, and 50 assigned records are in
    it".
    """
    listed = list(findings)
    names = named(listed)
    rows = [(each, names[each.object, each.object_id]) for each in listed]
    return [(each, row, _reason(each, row.name)) for each, row in rows]


def _reason(finding: Finding, name: str) -> str:
    """What an earlier version has found stays readable, where this one has no such check."""
    check = checks().get(finding.code)
    if check and finding.hint in check.reasons:
        return check.reason(finding, name)
    values = {"name": name, "field": finding.field, "actual": finding.actual, "expected": finding.expected}
    return _("%(name)s: %(field)s is %(actual)s, and should be %(expected)s.") % values
