"""The numbers of integrity. Imported when the app is ready. What a run found is a fact: it stays what it was."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from integrity.models import Result, Run
from integrity.overview import Open


def _findings_of(result: Result) -> str:
    asked = urlencode({"code": result.code, "module": result.module})
    return f"{reverse('integrity_run', args=[result.run_id])}?{asked}"


def _findings_open(shown: Open) -> str:
    asked = urlencode({"module": shown.module_key, "severity": shown.severity})
    return f"{reverse('integrity_run', args=[shown.run.pk])}?{asked}"


def _checks_of(run: Run) -> int:
    return run.results.values("code").distinct().count()


declare(
    Figure(
        "run.found",
        _("What the health check found: each column of each row that is not as a rule says."),
        lambda run: run.findings.all(),
        lambda run: run.get_absolute_url(),
        lambda run: run.total,
    )
)
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
