"""The first page, and the sign of life."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page, staff_page
from crm.accounts.services import look
from crm.distribution.figures import counted
from crm.home.changes import latest_changes
from crm.home.health import check_health
from crm.home.overview import staff_rows, to_do, uploads_waiting
from crm.home.search import find_customers
from crm.home.today import Today
from crm.pages import render_page
from crm.registry import modules
from crm.schedules import failures


@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    """Everybody's first page: the overview for admins, today for staff."""
    return redirect("overview" if request.user.is_admin else "today")


@require_safe
@staff_page
def today(request: SignedInRequest) -> HttpResponse:
    """What to do next. Opening it is the look at what is new."""
    context = {"today": Today(request.user, since=look(by=request.user))}
    return render_page(request, "home/today.html", context)


@require_safe
@admin_page
def overview(request: SignedInRequest) -> HttpResponse:
    context = {
        "modules": [counted(module) for module in modules()],
        "failures": failures(),
        "to_do": to_do(request.user),
        "uploads": uploads_waiting(),
        "staff": staff_rows(),
        "changes": latest_changes(),
    }
    return render_page(request, "home/overview.html", context)


@require_safe
def search(request: SignedInRequest) -> HttpResponse:
    """A customer, wherever the person may see them."""
    text = request.GET.get("q", "")
    found = find_customers(text, user=request.user)
    context = {"q": text, "found": found, "found_any": any(group.records for group in found)}
    return render_page(request, "home/search.html", context)


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, else 503; with `?strict` also 503 when tasks are not done."""
    health = check_health()
    healthy = health.status == "ok" or (health.status == "degraded" and "strict" not in request.GET)
    return JsonResponse(health.as_dict(), status=200 if healthy else 503)
