"""Chaos for people: what to damage in the demo, and doing it."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from crm.accounts.access import SignedInRequest, admin_page
from crm.errors import Refused
from crm.pages import go_to, render_page
from crm.registry import get_module, modules
from integrity.chaos import plant
from integrity.damage import DAMAGES


class ChaosForm(forms.Form):
    """Where, and which kinds."""

    module = forms.ChoiceField(
        label=gettext_lazy("Module"),
        choices=lambda: [(each.key, each.label) for each in modules()],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    kinds = forms.MultipleChoiceField(
        choices=[(each.key, each.title) for each in DAMAGES.values()],
        error_messages={"required": gettext_lazy("Choose at least one kind of damage.")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@admin_page
def chaos(request: SignedInRequest) -> HttpResponse:
    """The kinds of damage; a POST plants what is ticked, and leads back. In demo mode only."""
    if not settings.DEMO:
        raise Http404
    planted_in = request.GET.get("planted")
    form = ChaosForm(request.POST if request.method == "POST" else None, initial={"module": planted_in})
    if form.is_valid():
        module = form.cleaned_data["module"]
        is_planted = _plant(request, module, form.cleaned_data["kinds"])
        return go_to(f"{reverse('chaos')}?planted={module}" if is_planted else reverse("chaos"))
    context = {"form": form, "damages": DAMAGES.values(), "is_planted": planted_in in [each.key for each in modules()]}
    response = render_page(request, "integrity/chaos.html", context)
    response.status_code = 422 if form.is_bound else 200
    return response


def _plant(request: SignedInRequest, key: str, kinds: list[str]) -> bool:
    """Whether anything was. A kind that does not fit is said, and the others are planted all the same."""
    module = get_module(key)
    planted, refusals = [], []
    for kind in kinds:
        try:
            places = plant(kind, module, request.user)
        except Refused as refused:
            refusals.append(str(refused))
            continue
        text = ngettext("%(damage)s (%(n)s place)", "%(damage)s (%(n)s places)", places)
        planted.append(text % {"damage": DAMAGES[kind].title, "n": places})
    if planted:
        done = _("Planted in %(module)s: %(damage)s.") % {"module": module.label, "damage": "; ".join(planted)}
        messages.success(request, done)
    if refusals:
        messages.warning(request, " ".join(refusals))
    return bool(planted)
