"""The numbers of integrity. Imported when the app is ready. What a run found is a fact: it stays what it was."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.figures import Figure, declare
from integrity.models import Result


def _findings_of(result: Result) -> str:
    asked = urlencode({"code": result.code, "module": result.module})
    return f"{reverse('integrity_run', args=[result.run_id])}?{asked}"


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
