"""Notifications: the list, opening one, marking them as read, the bell."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.accounts.access import SignedInRequest
from crm.notices.access import get_notice_for
from crm.notices.forms import KindsForm
from crm.notices.models import Notice
from crm.notices.services import mark_all_read, mark_read, mute_kinds
from crm.pages import go_to, opens, page_of, render_invalid, render_page, safe_path


@require_safe
def notices(request: SignedInRequest) -> HttpResponse:
    """One's own notifications, newest first; `?state=unread` leaves out those that were read."""
    return _list(request)


def _list(request: SignedInRequest) -> HttpResponse:
    rows = Notice.objects.of(request.user)
    state = "unread" if request.GET.get("state") == "unread" else "all"
    if state == "unread":
        rows = rows.unread()
    page = page_of(request, rows)
    return render_page(request, "notices/list.html", {"page": page, "state": state}, pieces=["notices"])


@require_POST
def open_notice(request: SignedInRequest, pk: int) -> HttpResponse:
    """Marks it as read and goes where it leads, which is a page of this site that is still there, or the list."""
    notice = get_notice_for(request.user, pk)
    mark_read(pk=notice.pk, by=request.user)
    url = safe_path(request, notice.url, reverse("notices"))
    if not opens(request, url):
        messages.info(request, _("What that was about is not there any more, or not yours any more."))
        url = reverse("notices")
    return redirect(url)


@require_POST
def read(request: SignedInRequest, pk: int) -> HttpResponse:
    """Marks one as read and stays: the list comes back, and with it the bell."""
    notice = get_notice_for(request.user, pk)
    mark_read(pk=notice.pk, by=request.user)
    if not request.htmx:
        return redirect("notices")
    response = _list(request)
    response.content += render_to_string("components/bell.html", {"out_of_band": True}, request).encode()
    return response


@require_POST
def read_all(request: SignedInRequest) -> HttpResponse:
    count = mark_all_read(by=request.user)
    messages.success(
        request,
        ngettext("%(count)d notification marked as read.", "%(count)d notifications marked as read.", count)
        % {"count": count},
    )
    return redirect("notices")


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: SignedInRequest) -> HttpResponse:
    """Which kinds of notifications one wants, of those that concern one's role."""
    form = KindsForm(request.POST if request.method == "POST" else None, user=request.user)
    if form.is_valid():
        mute_kinds(kinds=form.unwanted, among=form.kinds, by=request.user)
        messages.success(request, _("Saved: you get the notifications that are ticked."))
        return go_to(reverse("notice_settings"))
    if form.is_bound:
        return render_invalid(request, "notices/settings.html", {"form": form}, piece="kinds")
    return render_page(request, "notices/settings.html", {"form": form})


@require_safe
def bell(request: SignedInRequest) -> HttpResponse:
    return render(request, "components/bell.html")
