"""One finding: read, and decided by itself."""

from functools import partial

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.pages import render_page
from integrity.access import get_finding_for
from integrity.cause import cause_of
from integrity.checks import checks
from integrity.decisions import advice_for
from integrity.forms import DecisionForm
from integrity.models import Finding, Run
from integrity.naming import told
from integrity.runs import start_preview
from integrity.views.repairs import decided_in, lead_to
from integrity.waiting import choices_for


@require_safe
@admin_page
def finding(request: SignedInRequest, pk: int) -> HttpResponse:
    """One row that breaks a check: what is wrong, where, what brought it there, and how it can be decided."""
    shown = get_finding_for(request.user, pk)
    return _render(request, shown, DecisionForm(choices_for(shown)))


@require_POST
@admin_page
def decide_one(request: SignedInRequest, pk: int) -> HttpResponse:
    """What a repair would do with what the form decides of this finding, besides what the preview that found it does;
    leads to the page of that.
    """
    shown = get_finding_for(request.user, pk)
    form = DecisionForm(choices_for(shown), request.POST)
    place = (shown.object, shown.object_id) if shown.object_id else (shown.object, 0, shown.field)
    made = form.decision([place]) if form.is_valid() else None
    if made is None:
        if form.is_valid():
            form.add_error("choice", _("Choose how it is decided."))
        page = _render(request, shown, form)
        page.status_code = 422
        return page
    run = shown.run
    scope = {"keys": [shown.module] if shown.module else [], "codes": [shown.code]}
    if run.kind == Run.Kind.PREVIEW:
        scope = {"keys": run.modules, "codes": run.codes}
    start = partial(start_preview, by=request.user, decisions=[made, *decided_in(run)], **scope)
    return lead_to(request, start, shown.get_absolute_url())


def _render(request: SignedInRequest, shown: Finding, form: DecisionForm) -> HttpResponse:
    [(_finding, row, reason)] = told([shown])
    cause = cause_of(shown)
    context = {
        "run": shown.run,
        "finding": shown,
        "check": checks().get(shown.code),
        "row": row,
        "rows_url": row.rows_url(shown.field),
        "reason": reason,
        "cause": cause,
        "behind": told(cause.behind),
        "form": form,
        "advice": advice_for(shown.code, shown.hint) if shown.needs_decision else "",
    }
    return render_page(request, "integrity/finding.html", context)
