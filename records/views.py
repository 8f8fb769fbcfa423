"""Requests: staff ask and take back, admins answer.

An answer has two steps under one URL, as an action on records has: the first post shows what it will touch; the
second, with the token of that form, does it.
"""

from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page, staff_page
from crm.distribution.access import get_database_for
from crm.distribution.listing import Narrowed
from crm.distribution.settings import settings_of
from crm.distribution.views.attempt import attempt
from crm.errors import Refused
from crm.pages import go_to, page_of, render_invalid, render_page, safe_path
from records.access import get_own_request, get_request_for, requests_for
from records.answers import ANSWERS
from records.filters import OpenDatabaseFilter, RequestFilter
from records.forms import AutoApproveForm, ChosenRequestsForm, RequestForm
from records.models import AutoApprove, Database, Request, RequestQuerySet
from records.policy import MODULE
from records.requests import approves_itself, cancel_request, change_auto_approve, request_records

LAST_ANSWERS = 10
"""How many of a staff member's decided requests their page shows."""


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page
def mine(request: SignedInRequest) -> HttpResponse:
    """What a staff member can ask for, what they wait for, and what was answered."""
    form = RequestForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        wanted = {name: form.cleaned_data[name] for name in ("database", "quantity")}
        if attempt(request, form, lambda: _asked(request_records(by=request.user, **wanted))):
            return go_to(request.get_full_path())
    own = requests_for(request.user)
    context = {
        "waiting": own.pending().order_by("created_at"),
        "answered": own.decided().order_by("-decided_at")[:LAST_ANSWERS],
        **_offers(request, form),
    }
    if form.is_bound:
        return render_invalid(request, "records/my_requests.html", context, piece="list")
    return render_page(request, "records/my_requests.html", context, pieces=["list", "own"])


@dataclass(frozen=True)
class Offer:
    """A database whose records can be asked for, with the form, and why what was sent with it was refused."""

    database: Database
    at_once: bool
    form: RequestForm
    problem: str


def _offers(request: SignedInRequest, sent: RequestForm) -> dict[str, Any]:
    """The databases that the filter matches. A refusal stands in the row it is about; above, where there is none."""
    chosen = OpenDatabaseFilter(request.GET, Database.objects.select_related("product"))
    page, set_so = page_of(request, chosen.qs), settings_of(MODULE)
    problem = next((str(found[0]) for found in sent.errors.values()), "")
    about = str(sent["database"].value()) if problem else ""
    offers = [
        Offer(
            database=database,
            at_once=approves_itself(database, set_so),
            form=RequestForm(
                of=database,
                most=set_so.most_per_request,
                quantity=sent["quantity"].value() if about == str(database.pk) else None,
            ),
            problem=problem if about == str(database.pk) else "",
        )
        for database in page
    ]
    lost = "" if any(offer.problem for offer in offers) else problem
    return {"filter": chosen, "page": page, "offers": offers, "most": set_so.most_per_request, "lost": lost}


def _asked(asked: Request) -> str:
    """What became of a request; with a link to the records, where they were handed out at once."""
    if asked.batch is None:
        return ngettext(
            "%(n)d record of %(database)s is held for you and waits for an admin.",
            "%(n)d records of %(database)s are held for you and wait for an admin.",
            asked.quantity,
        ) % {"n": asked.quantity, "database": asked.database}
    done = ngettext(
        "Approved at once: %(n)d record of %(database)s is yours.",
        "Approved at once: %(n)d records of %(database)s are yours.",
        asked.quantity,
    ) % {"n": asked.quantity, "database": asked.database}
    return format_html('{} <a href="{}">{}</a>', done, asked.batch.get_absolute_url(), _("Open the batch"))


@require_POST
def cancel(request: SignedInRequest, pk: int) -> HttpResponse:
    """Takes one's own request back; to everybody else it is not there."""
    own = get_own_request(request.user, pk)
    try:
        cancel_request(request=own, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Your request is cancelled: %(what)s.") % {"what": own})
    return go_to(reverse("my_requests"))


@require_safe
@admin_page
def queue(request: SignedInRequest) -> HttpResponse:
    """The requests of one state; those that wait can be answered one by one or together."""
    chosen = RequestFilter(request.GET, requests_for(request.user))
    page = page_of(request, chosen.qs)
    context = {
        "module": MODULE,
        "filter": chosen,
        "states": _tabs(chosen),
        "page": page,
        # With a token each, so that one alone can be approved in one step: the row shows all that there is to it.
        "rows": [(asked, uuid4()) for asked in page],
    }
    return render_page(request, "records/requests.html", context, pieces=["list"])


def _tabs(filter: RequestFilter) -> list[tuple[str, str | Promise, str, Any]]:
    """Each state: its value, its name, its figure, and what that is about."""
    each = [(state, label, filter.but_with(state=state)) for state, label in Request.State.choices]
    if not filter.narrows:
        return [(state, label, f"requests.{state}", MODULE) for state, label, _left in each]
    return [
        (state, label, "list.tab", Narrowed(f"requests?{left.data.urlencode()}", left.qs.count()))
        for state, label, left in each
    ]


class Chosen:
    """The requests that an answer is about: the one that the URL names, or those ticked in the list."""

    def __init__(self, request: SignedInRequest, pk: int | None) -> None:
        form = ChosenRequestsForm(request.POST)
        if not form.is_valid():
            raise Http404
        self.ids: list[int] = form.cleaned_data["ids"] if pk is None else [get_request_for(request.user, pk).pk]
        self.all: RequestQuerySet = requests_for(request.user).filter(pk__in=self.ids)
        self.next = safe_path(request, form.cleaned_data["next"], reverse("requests"))

    @cached_property
    def waiting(self) -> list[Request]:
        return list(self.all.pending().order_by("created_at"))

    @property
    def quantity(self) -> int:
        return sum(asked.quantity for asked in self.waiting)


@require_POST
@admin_page
def decide(request: SignedInRequest, verb: str, pk: int | None = None) -> HttpResponse:
    """Both steps of an answer."""
    answer, chosen = ANSWERS[verb], Chosen(request, pk)
    confirmed = "token" in request.POST
    form = answer.form(request.POST if confirmed else None)
    undone: list[str] = []

    def run() -> str:
        said, problems = answer.give(chosen.all, form.cleaned_data, request.user)
        undone.extend(problems)
        return said

    if confirmed and form.is_valid() and attempt(request, form, run):
        if undone:
            messages.warning(request, format_html_join(mark_safe("<br>"), "{}", ((line,) for line in undone)))
        return go_to(chosen.next)
    context = {"verb": verb, "answer": answer, "chosen": chosen, "form": form}
    response = render_page(request, "records/decide.html", context, pieces=["dialog"])
    response.status_code = 422 if confirmed else 200
    return response


RULES = {
    AutoApprove.INHERIT: gettext_lazy("Requests for “%(name)s” are answered as the module is set."),
    AutoApprove.AUTO: gettext_lazy("Requests for “%(name)s” are approved at once from now on."),
    AutoApprove.MANUAL: gettext_lazy("Requests for “%(name)s” wait for an admin from now on."),
}


@require_POST
@admin_page
def auto_approve(request: SignedInRequest, pk: int) -> HttpResponse:
    """Who approves the requests for one database."""
    database = cast("Database", get_database_for(request.user, MODULE, pk))
    form = AutoApproveForm(request.POST)
    if form.is_valid():
        rule = AutoApprove(form.cleaned_data["auto_approve"])
        change_auto_approve(database=database, auto_approve=rule, by=request.user)
        messages.success(request, RULES[rule] % {"name": database})
    else:
        messages.error(request, _("Choose who approves requests for this database. Nothing was changed."))
    return go_to(database.get_absolute_url())
