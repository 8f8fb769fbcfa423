"""A person leaves."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from crm.accounts.access import SignedInRequest, admin_page, get_person_for
from crm.accounts.models import User
from crm.distribution.forms import LeaveForm
from crm.distribution.leaving import Left, belongings_of, deactivate_with_records
from crm.distribution.views.attempt import attempt
from crm.pages import go_to, render_invalid, render_page


@require_http_methods(["GET", "HEAD", "POST"])
@admin_page
def deactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    """Asks what happens to what the person has, and does it with the deactivation."""
    person = get_person_for(request.user, pk)
    had = belongings_of(person)
    data = request.POST if request.method == "POST" else None
    form = LeaveForm(data, person=person, holds=had.holds_something, initial={"expected": had.fingerprint})
    if form.is_valid():
        answers = {"to": list(form.cleaned_data["to"]), "expected": form.cleaned_data["expected"]}

        def leave() -> str:
            return _left(person, deactivate_with_records(person=person, by=request.user, **answers))

        if attempt(request, form, leave):
            return go_to(reverse("person", args=[pk]))
        had = belongings_of(person)
        form.data = sent = request.POST.copy()
        sent["expected"] = had.fingerprint  # the form comes back about the numbers as they are now
    context = {"person": person, "had": had, "form": form}
    if form.is_bound:
        return render_invalid(request, "people/deactivate.html", context, piece="leave-form")
    return render_page(request, "people/deactivate.html", context)


def _left(person: User, left: Left) -> str:
    """What happened, in words."""
    words = [_("%(name)s is deactivated, and signed out everywhere.") % {"name": person}]
    if left.recalled:
        text = ngettext("%(n)d record went back to the pools.", "%(n)d records went back to the pools.", left.recalled)
        words.append(text % {"n": left.recalled})
    if left.transferred:
        text = ngettext("%(n)d record went to %(people)s.", "%(n)d records went to %(people)s.", left.transferred)
        shares = ", ".join(f"{user} ({n})" for user, n in left.shares if n)
        words.append(text % {"n": left.transferred, "people": shares})
    if left.moved:
        text = ngettext("%(n)d reservation was handed on.", "%(n)d reservations were handed on.", left.moved)
        words.append(text % {"n": left.moved})
    if left.ended:
        text = ngettext("%(n)d reservation ended.", "%(n)d reservations ended.", left.ended)
        words.append(text % {"n": left.ended})
    if left.withdrawn:
        text = ngettext("%(n)d request was withdrawn.", "%(n)d requests were withdrawn.", left.withdrawn)
        words.append(text % {"n": left.withdrawn})
    return " ".join(words)
