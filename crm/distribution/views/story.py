"""How a number came about, for whoever may see what it counts."""

from typing import Any

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.distribution.access import get_batch_for, get_database_for
from crm.distribution.story import column_of, tell
from crm.pages import render_page
from crm.registry import Module


@require_safe
@admin_page
def database_story(request: SignedInRequest, module: Module, pk: int, name: str) -> HttpResponse:
    return _page(request, module, get_database_for(request.user, module, pk), name)


@require_safe
def batch_story(request: SignedInRequest, module: Module, pk: int, name: str) -> HttpResponse:
    return _page(request, module, get_batch_for(request.user, module, pk), name)


def _page(request: SignedInRequest, module: Module, subject: Any, name: str) -> HttpResponse:
    """What led from the file to the count, and whether it is what the rows say."""
    try:
        column_of(subject._meta.model_name, name)
    except KeyError as error:
        raise Http404 from error
    context = {"module": module, "subject": subject, "story": tell(subject, name, request.user)}
    return render_page(request, "distribution/story.html", context)
