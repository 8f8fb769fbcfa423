"""The first page, and the sign of life."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.home.health import check_health
from crm.home.overview import staff_rows
from crm.pages import render_page
from crm.registry import modules


@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    """Everybody's first page: the overview for admins, the own records for staff."""
    if request.user.is_admin:
        return redirect("overview")
    return redirect("my_records", next(modules()))


@require_safe
@admin_page
def overview(request: SignedInRequest) -> HttpResponse:
    return render_page(request, "home/overview.html", {"modules": list(modules()), "staff": staff_rows()})


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, else 503; with `?strict` also 503 when tasks are not done."""
    health = check_health()
    healthy = health.status == "ok" or (health.status == "degraded" and "strict" not in request.GET)
    return JsonResponse(health.as_dict(), status=200 if healthy else 503)
