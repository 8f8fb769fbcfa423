"""What was done on a day."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest
from crm.distribution.work_done import WorkDone
from crm.pages import render_page


@require_safe
def work_done(request: SignedInRequest) -> HttpResponse:
    """What a person, or everybody, has noted on a day, whoever has the records now; staff see their own."""
    return render_page(request, "distribution/work_done.html", {"list": WorkDone(request)}, pieces=["list"])
