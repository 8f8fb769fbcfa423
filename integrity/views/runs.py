"""Runs: started, watched and read."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.views.exports import send_file
from crm.pages import came_from, page_of, render_page
from integrity.access import get_run_for
from integrity.checks import checks
from integrity.models import Finding, Run
from integrity.naming import told
from integrity.overview import last_asked, last_scan, open_by_module
from integrity.runs import start_run
from integrity.views.repairs import lead_to, render_repair

AT_ONCE = 2000
"""So many findings are read and named at once for a file."""


@require_safe
@admin_page
def runs(request: SignedInRequest) -> HttpResponse:
    """How things stand: the last health check of everything and what is open; then all health checks."""
    last, asked = last_scan(), last_asked()
    context = {
        "page": page_of(request, Run.objects.select_related("by")),
        "checks": checks().values(),
        "last": last,
        "asked": asked,
        "open": open_by_module(asked) if asked else [],
        "is_demo": settings.DEMO,
    }
    return render_page(request, "integrity/runs.html", context, pieces=["list"])


@require_safe
@admin_page
def run(request: SignedInRequest, pk: int) -> HttpResponse:
    """How far it is. When it has ended, of a health check how each check went, and what was found or, of that, what
    `?code=&module=&severity=&needs_decision=` names; of a repair what it changes or, with `?findings=`, what was found.
    """
    shown = get_run_for(request.user, pk)
    if shown.kind != Run.Kind.CHECK and "findings" not in request.GET:
        return render_repair(request, shown, [])
    page = page_of(request, _listed(request, shown))
    context = {
        "run": shown,
        "results": [(result, checks().get(result.code)) for result in shown.results.select_related("run")],
        "page": page,
        "findings": told(page.object_list),
    }
    return render_page(request, "integrity/run.html", context, pieces=["list", "run-progress"])


def _listed(request: SignedInRequest, shown: Run) -> QuerySet[Finding]:
    asked = {name: request.GET[name] for name in ("code", "module", "severity") if name in request.GET}
    found = shown.findings.filter(**asked)
    if "needs_decision" in request.GET:
        found = found.filter(needs_decision=request.GET["needs_decision"] == "yes")
    return found.order_by("code", "module", "object", "object_id", "field")


@require_POST
@admin_page
def start(request: SignedInRequest) -> HttpResponse:
    """A health check of everything, or of the module that the form names; leads to its page."""
    module = request.POST.get("module", "")
    return lead_to(request, lambda: start_run(by=request.user, module=module), came_from(request, reverse("integrity")))


@require_safe
@admin_page
def export_findings(request: SignedInRequest, pk: int, format: str) -> HttpResponseBase:
    """All that the run found, or what of it `?code=&module=&severity=` names, as a file."""
    shown = get_run_for(request.user, pk)
    header = ["check", "module", "severity", "object", "id", "field", "expected", "actual", "reason", "since"]
    return send_file(request, header, _cells(_listed(request, shown)), format, name=f"findings-{shown.pk}")


def _cells(findings: QuerySet[Finding]) -> Iterator[list[Any]]:
    listed: list[Finding] = []
    for finding in findings.iterator(chunk_size=AT_ONCE):
        listed.append(finding)
        if len(listed) == AT_ONCE:
            yield from _lines(listed)
            listed = []
    yield from _lines(listed)


def _lines(findings: list[Finding]) -> Iterator[list[Any]]:
    for each, _row, reason in told(findings):
        what = [each.code, each.module, each.severity, each.object, each.object_id]
        yield [*what, each.field, each.expected, each.actual, reason, each.since]
