"""What a run came to, for programs: the JSON of `health_check`, and its exit code."""

from typing import Any

from django.db.models import QuerySet

from integrity.models import Finding, Run
from integrity.naming import told

MOST_SAMPLES = 100

HEALTHY, VIOLATIONS, COULD_NOT = 0, 1, 2


def exit_code(run: Run) -> int:
    """Of a run that has ended."""
    if run.state != Run.State.FINISHED:
        return COULD_NOT
    return VIOLATIONS if run.total else HEALTHY


def health_report(run: Run) -> dict[str, Any]:
    """Of a run that has ended: each check with what it found, up to MOST_SAMPLES of them. Where not every check could
    be asked, `error` says so besides.
    """
    return {
        **({"error": run.error} if run.error else {}),
        "healthy": run.is_healthy,
        "checked_at": run.finished_at.isoformat() if run.finished_at else None,
        "total": run.total,
        "checks": [
            {
                "code": result.code,
                "module": result.module,
                "severity": result.severity,
                "count": result.count,
                "seconds": round(result.seconds, 4),
                "samples": _samples(run.findings.filter(code=result.code, module=result.module)),
            }
            for result in run.results.all()
        ],
    }


def _samples(findings: QuerySet[Finding]) -> list[dict[str, Any]]:
    listed = findings.order_by("object", "object_id", "field")[:MOST_SAMPLES]
    return [
        {
            "object": finding.object,
            "id": finding.object_id,
            "field": finding.field,
            "expected": finding.expected,
            "actual": finding.actual,
            "reason": reason,
        }
        for finding, _row, reason in told(listed)
    ]
