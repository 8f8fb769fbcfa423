"""The numbers of integrity. Imported when the app is ready. What a run found is a fact: it stays what it was."""

from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from integrity.models import Finding, Result, Run
from integrity.overview import Open


def _findings_of(result: Result) -> str:
    asked = urlencode({"code": result.code, "module": result.module})
    return f"{reverse('integrity_run', args=[result.run_id])}?{asked}"


def _findings_open(shown: Open) -> str:
    asked = urlencode({"module": shown.module_key, "severity": shown.severity})
    return f"{reverse('integrity_run', args=[shown.run.pk])}?{asked}"


def _after(run: Run) -> QuerySet[Finding]:
    """What the run that proves a repair has found; of one that has changed nothing what it found itself."""
    return (run.proof or run).findings.all()


def _list_after(run: Run, needs_decision: str) -> str:
    return f"{(run.proof or run).get_absolute_url()}?{urlencode({'findings': 1, 'needs_decision': needs_decision})}"


def _list_waiting(run: Run) -> str:
    return f"{run.get_absolute_url()}?{urlencode({'findings': 1, 'needs_decision': 'yes'})}"


def _checks_of(run: Run) -> int:
    return run.results.values("code").distinct().count()


declare(
    Figure(
        "run.found",
        _("What the health check found: each column of each row that is not as a rule says."),
        lambda run: run.findings.all(),
        lambda run: f"{run.get_absolute_url()}?findings=1",
        lambda run: run.total,
    )
)
declare(
    Figure(
        "repair.repaired",
        _("Of what was found, how much is gone: the checks were asked again in the same transaction."),
        stored=lambda run: run.repaired or 0,
    )
)
declare(
    Figure(
        "repair.remaining",
        _("What the checks still find after it, without what needs a decision."),
        lambda run: _after(run).filter(needs_decision=False),
        lambda run: _list_after(run, "no"),
        lambda run: run.remaining or 0,
    )
)
declare(
    Figure(
        "repair.needs_decision",
        _("What only an admin can decide."),
        lambda run: _after(run).filter(needs_decision=True),
        lambda run: _list_after(run, "yes"),
        lambda run: run.needs_decision or 0,
    )
)
declare(
    Figure(
        "waiting.found",
        _("What this check has left for an admin to decide."),
        lambda waiting: waiting.run.findings.filter(code=waiting.check.code, needs_decision=True),
        lambda waiting: f"{_list_waiting(waiting.run)}&{urlencode({'code': waiting.check.code})}",
        lambda waiting: waiting.count,
    )
)
declare(
    Figure(
        "undo.undone", _("Rows that are again as they were before the repair."), stored=lambda run: run.repaired or 0
    )
)
declare(Figure("undo.not_undone", _("Rows that the undo has left as they are."), stored=lambda run: run.remaining or 0))
declare(
    Figure(
        "result.found",
        _("What the health check found of this rule: each column of each row that is not as it says."),
        lambda result: result.run.findings.filter(code=result.code, module=result.module),
        _findings_of,
        lambda result: result.count,
    )
)
declare(
    Figure(
        "open.found",
        _("What the last health check of everything found of this kind: each column of each row."),
        lambda shown: shown.run.findings.filter(module=shown.module_key, severity=shown.severity),
        _findings_open,
        lambda shown: shown.count,
    )
)
declare(
    Figure(
        "run.checks", _("Checks that the run was to ask, each in all the modules that it is about."), stored=_checks_of
    )
)
declare(
    Figure("run.rows", _("Rows that there were to look at, without those of the history."), stored=lambda run: run.rows)
)
declare(Figure("write.rows", _("Records that this operation wrote to."), stored=lambda write: write.rows))
