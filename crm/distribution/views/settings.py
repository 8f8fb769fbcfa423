"""What the owner sets for each module."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.accounts.access import SignedInRequest, owner_page
from crm.distribution.forms import SettingsForm
from crm.distribution.settings import change_settings
from crm.pages import go_to, render_invalid, render_page
from crm.registry import modules


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def module_settings(request: SignedInRequest) -> HttpResponse:
    """A card for each module, and each is saved by itself."""
    sent = request.POST.get("module")
    cards = {
        module.key: SettingsForm(request.POST if module.key == sent else None, module=module) for module in modules()
    }
    context = {"forms": list(cards.values())}
    if request.method != "POST":
        return render_page(request, "distribution/settings.html", context)
    if sent not in cards:
        raise Http404
    form = cards[sent]
    if not form.is_valid():
        return render_invalid(request, "distribution/settings.html", context, piece="cards")
    change_settings(module=form.module, by=request.user, **form.cleaned_data)
    messages.success(request, _("The settings of %(module)s are saved.") % {"module": form.module})
    return go_to(request.path)
