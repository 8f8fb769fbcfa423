"""Reservations: staff ask and see their own, admins answer and enter."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page, staff_page
from crm.pages import render_page


@require_safe
@admin_page
def reservations(request: SignedInRequest) -> HttpResponse:
    return render_page(request, "reservations/list.html", {})


@require_safe
@staff_page
def mine(request: SignedInRequest) -> HttpResponse:
    return render_page(request, "reservations/mine.html", {})
