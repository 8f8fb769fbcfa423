"""Saved views: keep the list as it is under a name, open it again, forget it."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.access import SignedInRequest
from crm.distribution.access import get_view_for
from crm.distribution.forms import ViewForm
from crm.distribution.saved_views import delete_view, save_view
from crm.errors import Refused
from crm.pages import go_to, safe_path


@require_POST
def save(request: SignedInRequest) -> HttpResponse:
    """Under a new name, over the view of that name, or with `view` in that view, which takes the name."""
    form = ViewForm(request.POST)
    path = safe_path(request, request.POST.get("next"), reverse("home"))
    if not form.is_valid():
        messages.error(request, _("A view needs a name of 1 to 60 characters. Nothing was saved."))
        return go_to(path)
    asked = form.cleaned_data
    view = get_view_for(request.user, asked["view"]) if asked["view"] else None
    try:
        saved = save_view(page=asked["page"], name=asked["name"], query=asked["query"], by=request.user, view=view)
    except Refused as refused:
        messages.error(request, str(refused))
        return go_to(path)
    messages.success(request, _("The view “%(name)s” is saved.") % {"name": saved.name})
    return go_to(f"{path.partition('?')[0]}?{saved.query}&view={saved.pk}")


@require_POST
def delete(request: SignedInRequest, pk: int) -> HttpResponse:
    view = get_view_for(request.user, pk)
    delete_view(view=view, by=request.user)
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return go_to(safe_path(request, request.POST.get("next"), reverse("home")))
