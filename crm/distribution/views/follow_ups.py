"""A staff member's follow-ups."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, staff_page
from crm.distribution.follow_ups import FollowUpList
from crm.pages import render_page


@require_safe
@staff_page
def follow_ups(request: SignedInRequest) -> HttpResponse:
    """What is overdue, due today, to be checked back and upcoming, over all modules, to be worked in place."""
    return render_page(request, "distribution/follow_ups.html", {"list": FollowUpList(request)}, pieces=["list"])
