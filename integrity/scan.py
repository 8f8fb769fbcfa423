"""Asking the checks, and keeping what they find. The one health check: pages, commands and the night use it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.moment import one_moment
from integrity.check import COLUMNS, Check, Look, key_of, module_of_model, our_models
from integrity.checks import checks, looks
from integrity.guards import read_once
from integrity.models import Finding, Result, Run

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Scope:
    """What to look at: some modules or all, some checks or all."""

    modules: Sequence[str] = ()
    codes: Sequence[str] = ()

    def has(self, code: str, module: str) -> bool:
        return (not self.codes or code in self.codes) and (not self.modules or module in self.modules)

    def asked(self) -> list[tuple[Check, str]]:
        """Each check with each module that it applies to."""
        return [
            (check, module) for check in checks().values() for module in check.scopes() if self.has(check.code, module)
        ]

    def results(self, run: Run) -> dict[tuple[str, str], Result]:
        """One for each check in each module, before it is asked."""
        return {
            (check.code, module): Result(
                run=run, code=check.code, module=module, severity=check.severity, count=0, seconds=0
            )
            for check, module in self.asked()
        }

    def looks(self) -> list[Look]:
        """The queries that may find something of it."""
        found = [look for look in looks() if any(self.has(code, look.scope) for code in look.codes)]
        return [look.of(self.codes) if self.codes and look.of else look for look in found]


def run_checks(run: Run, *, told: Callable[[int], None] = lambda percent: None) -> list[Result]:
    """Asks all checks of the run's scope and keeps what they find; how each went. `told` hears how far it is, in per
    cent. A check that cannot be asked says so in its result, and the others are asked all the same.

    All of them see one moment, so that nothing that is on its way is taken for a violation.
    """
    scope = Scope(run.modules, run.codes)
    results = scope.results(run)
    asked = scope.looks()
    before = _asked_before(run)
    with one_moment(), read_once(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL work_mem = '{MEMORY}'; SET LOCAL max_parallel_workers_per_gather = {HELPERS}")
        run.rows = _rows_of(run)
        for number, look in enumerate(asked, 1):
            mine = [results[place] for code in look.codes if (place := (code, look.scope)) in results]
            _ask(run, look, mine, before)
            told(number * 100 // (len(asked) + 1))
    for place in results.keys() - {(code, look.scope) for look in asked for code in look.codes}:
        results[place].error = _("It was not asked.")
    return list(results.values())


def _rows_of(run: Run) -> int:
    """How many rows there are of what the run is about, without those of the history."""
    wanted = [model for model in our_models() if not run.modules or key_of(module_of_model(model)) in run.modules]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + " + ".join(f'(SELECT count(*) FROM "{model._meta.db_table}")' for model in wanted))
        return int(cursor.fetchone()[0])


def _ask(run: Run, look: Look, results: Sequence[Result], before: dict[tuple[str, str], int]) -> None:
    """Adds what the look finds to the results of its checks, which other looks may be about, too."""
    began = time.perf_counter()
    try:
        with transaction.atomic():
            counts = _find(run, look, results, before)
    except Exception as error:
        log.exception("integrity.check_failed", run=run.pk, codes=look.codes, module=look.scope)
        for result in results:
            result.error = result.error or str(error).strip() or type(error).__name__
        return
    seconds = time.perf_counter() - began
    for result in results:
        result.count += counts[result.code]
        result.seconds += seconds / len(results)


MEMORY = "96MB"
"""What a look may use for each table of its own: with less, lists of a million are compared on the disk."""

HELPERS = 1
"""Processes that may help with a look: whoever works meanwhile has the others."""

# Nearly all looks find nothing. PostgreSQL shares the work of this among its processes, and never that of an INSERT.
COUNT = "SELECT count(*) FROM ({look}) AS v"

# The database keeps what it finds, however much that is; `before` is the run that asked the same check last, and what
# that has found is read once: not again for each row, from a table that grows meanwhile.
FIND = f"""
    WITH earlier AS MATERIALIZED (
        SELECT run_id, code, object, object_id, field, since FROM "{Finding._meta.db_table}"
        WHERE run_id = ANY(%(before)s::bigint[]) AND module = %(module)s
    ), found AS (
        INSERT INTO "{Finding._meta.db_table}"
            (run_id, module, severity, needs_decision, since, {", ".join(COLUMNS)})
        SELECT %(run)s, %(module)s, asked.severity, v.code || ' ' || v.hint = ANY(%(decisions)s::text[]),
               coalesce(earlier.since, statement_timestamp()), v.code, v.object, v.object_id, v.field,
               coalesce(left(v.expected, 500), ''), coalesce(left(v.actual, 500), ''), v.hint
        FROM ({{look}}) AS v ({", ".join(COLUMNS)})
        JOIN unnest(%(codes)s::text[], %(severities)s::text[], %(before)s::bigint[])
             AS asked (code, severity, before) ON asked.code = v.code
        LEFT JOIN earlier ON earlier.run_id = asked.before AND earlier.code = v.code
             AND earlier.object = v.object AND earlier.object_id = v.object_id AND earlier.field = v.field
        -- Two looks may name the same column of the same row.
        ON CONFLICT DO NOTHING
        RETURNING code
    )
    SELECT code, count(*) FROM found GROUP BY code
"""

GIVEN = """
    SELECT code, object, object_id, field, expected, actual, hint FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS given (code text, object text, object_id bigint, field text, expected text, actual text, hint text)
"""
AT_ONCE = 5000

MANY = 1000
"""After so many PostgreSQL is told how many there are, before it plans what is asked of them."""


def _find(run: Run, look: Look, results: Sequence[Result], before: dict[tuple[str, str], int]) -> Counter[str]:
    values: dict[str, Any] = {
        "run": run.pk,
        "module": look.scope,
        "codes": [result.code for result in results],
        "severities": [result.severity for result in results],
        "decisions": [f"{code} {hint}" for code in look.codes for hint in checks()[code].decisions],
        "before": [before.get((result.code, result.module)) for result in results],
    }
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        if look.rows is None:
            cursor.execute(COUNT.format(look=look.sql))
            [there] = cursor.fetchone()
            if there:
                cursor.execute(FIND.format(look=look.sql.replace("%", "%%")), values)
                counts.update(dict(cursor.fetchall()))
            if there > MANY:
                cursor.execute(f'ANALYZE (SKIP_LOCKED) "{Finding._meta.db_table}"')
            return counts
        rows = iter(look.rows())
        while some := [dict(zip(COLUMNS, row, strict=True)) for row in islice(rows, AT_ONCE)]:
            cursor.execute(FIND.format(look=GIVEN), {**values, "rows": json.dumps(some)})
            counts.update(dict(cursor.fetchall()))
    return counts


def end(run: Run, results: Sequence[Result], error: str = "", *, state: str = "") -> None:
    """Keeps how the checks went and how the run has ended: with `state`, or else finished, or failed for the error."""
    with transaction.atomic():
        Result.objects.bulk_create(results)
        run.state = state or (Run.State.FAILED if error else Run.State.FINISHED)
        run.total = sum(result.count for result in results)
        run.error, run.finished_at, run.progress = error, timezone.now(), 100
        run.save()


def unasked(results: Sequence[Result]) -> str:
    """What to say of the checks that could not be asked; empty if all were."""
    said = [f"{result.code} ({result.module}): {result.error}" for result in results if result.error]
    return "\n".join([_("Not every check could be asked."), *said]) if said else ""


def _asked_before(run: Run) -> dict[tuple[str, str], int]:
    """The run that asked each check in each module last, whatever became of the others. A repair that was taken back
    has kept what it found before it.
    """
    earlier = Result.objects.filter(run__lt=run, error="")
    newest = earlier.order_by("code", "module", "-run_id").distinct("code", "module")
    return {(code, module): number for code, module, number in newest.values_list("code", "module", "run")}
