"""Taking an operation back: from the message that told of it, or later from the timelines of what it touched."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from pghistory.models import Context

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.operations import operation_name
from crm.distribution.undo import outlook, undo
from crm.distribution.views.attempt import refused_when_busy
from crm.errors import Refused
from crm.pages import came_from, go_to, render_page, safe_path


@require_http_methods(["GET", "HEAD", "POST"])
def undo_operation(request: SignedInRequest, key: UUID) -> HttpResponse:
    """Says what would be as it was before, and does it. The page that htmx posts from sees to it that it shows what is
    so now.
    """
    back = safe_path(request, request.POST.get("next"), came_from(request, reverse("home")))
    if request.method != "POST":
        context: dict[str, Any] = {"key": key, "next": back}
        try:
            context["outlook"] = foreseen = outlook(key=key, by=request.user)
            context |= _told(key) if foreseen.count else {}
        except Refused as refused:
            context["why_not"] = str(refused)
        return render_page(request, "distribution/undo.html", context, pieces=["dialog"])
    try:
        with refused_when_busy():
            done = undo(key=key, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        text = ngettext("%(n)d record is as it was before.", "%(n)d records are as they were before.", done.count)
        if done.skipped:
            text += " " + _("%(skipped)d have been changed since and stay as they are.")
        messages.success(request, text % {"n": done.count, "skipped": done.skipped})
    return HttpResponse() if request.htmx else go_to(back)


def _told(key: UUID) -> dict[str, Any]:
    """What is taken back: what it was, who did it, and when."""
    done = Context.objects.get(pk=key)
    return {
        "what": operation_name(done.metadata["operation"]),
        "who": User.objects.filter(pk=done.metadata["user"]).first(),
        "at": done.created_at,
    }


def undo_path(key: UUID) -> str:
    return reverse("undo", args=[key])
