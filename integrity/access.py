"""Who may see runs: admins. To everybody else they do not exist."""

from django.http import Http404

from crm.accounts.models import User
from integrity.models import Finding, Run


def get_run_for(user: User, pk: int) -> Run:
    run = Run.objects.select_related("by").filter(pk=pk).first() if user.is_admin else None
    if run is None:
        raise Http404
    return run


def get_finding_for(user: User, pk: int) -> Finding:
    finding = Finding.objects.select_related("run").filter(pk=pk).first() if user.is_admin else None
    if finding is None:
        raise Http404
    return finding
