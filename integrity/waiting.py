"""What waits for an admin after a repair or its preview, check by check."""

from dataclasses import dataclass

from django.db.models import Count

from integrity.check import Check
from integrity.checks import checks
from integrity.decisions import Choice, advice_for, choices_of
from integrity.models import Finding, Run


@dataclass(frozen=True)
class Waiting:
    """What a check has left, how all of it can be decided, and what can be done about it elsewhere."""

    run: Run
    check: Check
    count: int
    choices: list[Choice]
    advice: list[str]

    @property
    def pk(self) -> str:
        return f"{self.run.pk}-{self.check.code}"


def waiting_of(run: Run) -> list[Waiting]:
    """By check, in the order of the checks. `run` is a preview, or the proof of a repair."""
    found = run.findings.filter(needs_decision=True).order_by().values_list("code", "hint").annotate(n=Count("pk"))
    by_code: dict[str, dict[str, int]] = {}
    for code, hint, n in found:
        by_code.setdefault(code, {})[hint] = n
    waiting = []
    for check in checks().values():
        if hints := by_code.get(check.code):
            choices = [each for hint in sorted(hints) for each in choices_of(check.code, hint, one=False)]
            advice = [text for hint in sorted(hints) if (text := advice_for(check.code, hint))]
            several = list(dict.fromkeys(choices)), list(dict.fromkeys(advice))
            waiting.append(Waiting(run, check, sum(hints.values()), *several))
    return waiting


def choices_for(finding: Finding) -> list[Choice]:
    """How it can be decided by itself; none for what a repair mends."""
    return choices_of(finding.code, finding.hint, one=True) if finding.needs_decision else []
