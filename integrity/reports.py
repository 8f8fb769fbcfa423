"""What a run came to, for programs: the JSON of `health_check` and of `repair`, and their exit codes."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from integrity.models import Change, Finding, Run
from integrity.naming import told

MOST_SAMPLES = 100

HEALTHY, VIOLATIONS, COULD_NOT = 0, 1, 2
NOTHING_REMAINS, SOMETHING_REMAINS, NEEDS_A_DECISION = 0, 1, 3


def exit_code(run: Run) -> int:
    """Of a health check that has ended."""
    if run.state != Run.State.FINISHED:
        return COULD_NOT
    return VIOLATIONS if run.total else HEALTHY


def repair_exit_code(run: Run) -> int:
    """Of a repair that has ended. What a preview shows still remains."""
    if run.state not in (Run.State.FINISHED, Run.State.REFUSED):
        return COULD_NOT
    if run.remaining or (run.kind == Run.Kind.PREVIEW and run.repaired):
        return SOMETHING_REMAINS
    return NEEDS_A_DECISION if run.needs_decision else NOTHING_REMAINS


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


def repair_report(run: Run) -> dict[str, Any]:
    """Of a repair or a preview that has ended: what was found, what is left, and every column that it changed. Where
    nothing was changed, `error` says why besides.
    """
    return {
        **({"error": run.error} if run.error else {}),
        "run": run.pk,
        "found": run.total,
        "repaired": run.repaired or 0,
        "needs_decision": run.needs_decision or 0,
        "remaining": run.remaining or 0,
        "verified": run.verified,
        "changes": list(changed_columns(run)),
    }


def changed_columns(run: Run) -> Iterator[dict[str, Any]]:
    """Every column that a repair has changed, or a preview would change, in its order."""
    for change in run.changes.iterator():
        before, after = change.before or {}, change.after or {}
        for field in sorted({*before, *after}):
            yield {
                "object": change.object,
                "id": change.object_id,
                "field": field,
                "before": before.get(field),
                "after": after.get(field),
                "code": change.code,
                "reason": change.why,
            }


def undo_exit_code(run: Run) -> int:
    """Of an undo that has ended."""
    if run.state != Run.State.FINISHED:
        return COULD_NOT
    return SOMETHING_REMAINS if run.remaining else NOTHING_REMAINS


def undo_report(run: Run) -> dict[str, Any]:
    """Of an undo that has ended: how many rows are as they were before the repair, and which are not, with why."""
    return {
        **({"error": run.error} if run.error else {}),
        "run": run.pk,
        "undoes": run.of_id,
        "undone": run.repaired or 0,
        "not_undone": [{"object": label, "id": pk, "reason": reason} for label, pk, reason in not_undone(run)],
    }


def not_undone(run: Run) -> QuerySet[Change, tuple[str, int, str]]:
    """The rows that an undo, or the undo of a repair, has left as they are: object, id and why."""
    repaired = run.of if run.kind == Run.Kind.UNDO else run
    left = Change.objects.filter(run=repaired).exclude(not_undone="")
    return left.order_by("object", "object_id").values_list("object", "object_id", "not_undone").distinct()
