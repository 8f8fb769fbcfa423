"""The people pages (admins) and the profile (everybody)."""

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.accounts import lockout, outbox, password_links, services
from crm.accounts.access import SignedInRequest, admin_page, get_mail_for, get_person_for
from crm.accounts.filters import PeopleFilter
from crm.accounts.forms import EditPersonForm, InviteForm, OwnEmailForm, OwnNameForm, RoleForm
from crm.accounts.models import Mail, User
from crm.accounts.two_factor import has_two_factor, must_have_two_factor
from crm.errors import Refused
from crm.pages import page_of

PEOPLE_ON_A_PAGE = 50
GET_OR_POST = ["GET", "HEAD", "POST"]

# The session's place for a link that is shown once.
LINK_TO_HAND_OVER = "people.link"


@require_GET
@admin_page
def people(request: SignedInRequest) -> HttpResponse:
    filtered = PeopleFilter(request.GET, queryset=User.objects.with_two_factor())
    page = Paginator(filtered.qs, PEOPLE_ON_A_PAGE).get_page(request.GET.get("page"))
    shown = [person.pk for person in page]
    context = {
        "filter": filtered,
        "page": page,
        "manageable": set(User.objects.manageable_by(request.user).filter(pk__in=shown).values_list("pk", flat=True)),
        "locked": lockout.locked_usernames(),
    }
    template = "people/list.html#people-list" if request.htmx else "people/list.html"
    return render(request, template, context)


@require_http_methods(GET_OR_POST)
@admin_page
def invite(request: SignedInRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, by=request.user)
    if form.is_valid():
        try:
            link = services.invite_person(**form.cleaned_data, by=request.user, site=request.build_absolute_uri("/"))
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _to_person_with(request, link)
    return render(request, "people/invite.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(GET_OR_POST)
@never_cache
@admin_page
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    found = get_person_for(request.user, pk)
    form = EditPersonForm(request.POST or None, instance=get_person_for(request.user, pk))
    if form.is_valid():
        try:
            services.edit_person(person=found, **form.cleaned_data, by=request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("person", pk)
    return _show_person(request, found, form)


def _show_person(request: SignedInRequest, found: User, form: BaseForm) -> HttpResponse:
    link = request.session.pop(LINK_TO_HAND_OVER, None)
    may_change_role = request.user.is_owner and found.pk != request.user.pk
    context = {
        "person": found,
        "form": form,
        "role_form": RoleForm(instance=found, by=request.user) if may_change_role else None,
        "link": link["url"] if link and link["person"] == found.pk else "",
        "link_days": password_links.days_valid(),
        "locked": found.username in lockout.locked_usernames(),
        "two_factor": has_two_factor(found),
    }
    return render(request, "people/person.html", context, status=422 if form.errors else 200)


@require_POST
@admin_page
def role(request: SignedInRequest, pk: int) -> HttpResponse:
    given = request.POST.get("role", "")
    return _act(request, pk, lambda **who: services.change_role(**who, role=given), _("The role is changed."))


@require_POST
@admin_page
def reactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.reactivate_person, _("Active again, with the old password."))


@require_POST
@admin_page
def unlock(request: SignedInRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.unlock_person, _("Unlocked. They can try to sign in again."))


@require_POST
@admin_page
def reset_two_factor(request: SignedInRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.reset_two_factor, _("Two-factor sign-in is off until they set it up again."))


@require_POST
@admin_page
def send_link(request: SignedInRequest, pk: int) -> HttpResponse:
    found = get_person_for(request.user, pk)
    try:
        link = services.send_password_link(person=found, by=request.user, site=request.build_absolute_uri("/"))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("person", pk)
    return _to_person_with(request, link)


@require_GET
@admin_page
def show_outbox(request: SignedInRequest) -> HttpResponse:
    """The mails to those whom the admin manages that have not been sent yet."""
    mails = Mail.objects.seen_by(request.user).select_related("person")
    return render(request, "people/outbox.html", {"page": page_of(request, mails)})


@require_POST
@admin_page
def try_mail(request: SignedInRequest, pk: int) -> HttpResponse:
    mail = get_mail_for(request.user, pk)
    outbox.send_now(mail=mail, by=request.user)
    messages.success(request, _("The mail to %(person)s is tried again now.") % {"person": mail})
    return redirect("outbox")


@require_POST
@admin_page
def discard_mail(request: SignedInRequest, pk: int) -> HttpResponse:
    mail = get_mail_for(request.user, pk)
    outbox.discard_mail(mail=mail, by=request.user)
    messages.success(request, _("The mail to %(person)s is discarded.") % {"person": mail})
    return redirect("outbox")


def _act(request: SignedInRequest, pk: int, service: Callable[..., User], done: str) -> HttpResponse:
    """Calls `service` with the person and who asks, and returns to the person's page with `done` or the refusal."""
    found = get_person_for(request.user, pk)
    try:
        service(person=found, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("person", pk)


def _to_person_with(request: HttpRequest, link: services.PasswordLink) -> HttpResponse:
    if link.email:
        text = _("A link to set a password is on its way to %(email)s.") % {"email": link.email}
        messages.success(request, text)
    else:
        request.session[LINK_TO_HAND_OVER] = {"person": link.person.pk, "url": link.url}
    return redirect("person", link.person.pk)


@require_http_methods(GET_OR_POST)
def profile(request: SignedInRequest) -> HttpResponse:
    form = OwnNameForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if form.is_valid():
        services.edit_own_details(by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("profile")
    context = {
        "form": form,
        "two_factor": has_two_factor(request.user),
        "two_factor_required": must_have_two_factor(request.user),
    }
    return render(request, "account/profile.html", context, status=422 if form.errors else 200)


@require_http_methods(GET_OR_POST)
@reauthentication_required
def own_email(request: SignedInRequest) -> HttpResponse:
    """Asks for the password first: whoever has the address can set a new password."""
    form = OwnEmailForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if form.is_valid():
        try:
            services.edit_own_details(by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("profile")
    return render(request, "account/own_email.html", {"form": form}, status=422 if form.errors else 200)
