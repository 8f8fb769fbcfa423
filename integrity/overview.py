"""How things stand: the last health check of everything, and what it has left open."""

from dataclasses import dataclass

from django.db.models import Count

from integrity.check import ERROR, WARNING, key_of, modules_and_shared
from integrity.models import Run, RunQuerySet, label_of


@dataclass(frozen=True)
class Open:
    """What a run has found of one severity in one module, or (empty) in what the modules share."""

    run: Run
    module_key: str
    severity: str
    count: int

    @property
    def pk(self) -> str:
        return f"{self.run.pk}-{self.module_key}-{self.severity}"


@dataclass(frozen=True)
class OpenOfModule:
    label: str
    errors: Open
    warnings: Open


def last_scan() -> Run | None:
    """The newest health check of everything that has ended, however it ended."""
    return _whole().exclude(state__in=[Run.State.WAITING, Run.State.RUNNING]).first()


def last_asked() -> Run | None:
    """The newest health check of everything that has asked every check: what it found is what is open."""
    return _whole().filter(state=Run.State.FINISHED).first()


def _whole() -> RunQuerySet:
    return Run.objects.filter(kind=Run.Kind.CHECK, modules=[], codes=[]).select_related("by")


def open_by_module(run: Run) -> list[OpenOfModule]:
    found = {
        (module, severity): n
        for module, severity, n in run.findings.values_list("module", "severity").annotate(n=Count("pk")).order_by()
    }
    return [
        OpenOfModule(label_of(key), *(Open(run, key, each, found.get((key, each), 0)) for each in (ERROR, WARNING)))
        for module in modules_and_shared()
        for key in [key_of(module)]
    ]
