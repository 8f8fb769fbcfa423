"""Invalid records, for admins: those that wait, those that were archived, and what is done with them."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.access import SignedInRequest, admin_page
from crm.accounts.models import User
from crm.distribution.forms import ConfirmForm, PurgeForm
from crm.distribution.invalid import ArchivedList, InvalidList, supplies, waiting
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.selection import Selection
from crm.distribution.validation import archive_invalid, purge_archived, replace_invalid, restore_archived
from crm.distribution.views.actions import Action, take_two_steps
from crm.distribution.views.attempt import Done
from crm.distribution.views.undo import undo_path
from crm.pages import render_page
from crm.registry import Module


@require_safe
@admin_page
def invalid_records(request: SignedInRequest, module: Module) -> HttpResponse:
    """What staff marked as invalid: for each of them how many wait, and the records."""
    rows = InvalidList(request, module)
    context = {"module": module, "list": rows, "waiting": waiting(module)}
    return render_page(request, "distribution/invalid.html", context, pieces=["list"])


@require_safe
@admin_page
def archived_records(request: SignedInRequest, module: Module) -> HttpResponse:
    """What was taken out as invalid, and what took its place."""
    context = {"module": module, "list": ArchivedList(request, module)}
    return render_page(request, "distribution/archived.html", context, pieces=["list"])


@require_POST
@admin_page
def act_on_invalid(request: SignedInRequest, module: Module, verb: str) -> HttpResponse:
    return _act(request, InvalidList(request, module), WITH_INVALID[verb])


@require_POST
@admin_page
def act_on_archived(request: SignedInRequest, module: Module, verb: str) -> HttpResponse:
    return _act(request, ArchivedList(request, module), WITH_ARCHIVED[verb])


def _act(request: SignedInRequest, rows: InvalidList, action: Action) -> HttpResponse:
    selection = Selection(request, rows, fallback=rows.get_absolute_url())
    return take_two_steps(request, rows.module, action, selection)


def _replace(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    """ "12 records archived and replaced. 3 wait: their databases have no more." """
    done = replace_invalid(records=selection.records, by=by)
    replaced = ngettext("%(n)d record archived and replaced.", "%(n)d records archived and replaced.", done.replaced)
    replaced %= {"n": done.replaced}
    if not done.waiting:
        return Done(replaced, undo_path(done.undo))
    short = ngettext(
        "%(n)d waits: its database has no more.", "%(n)d wait: their databases have no more.", done.waiting
    )
    return Done(f"{replaced} {short % {'n': done.waiting}}", undo_path(done.undo))


def _archive(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = archive_invalid(records=selection.records, by=by)
    text = ngettext("%(n)d record archived, not replaced.", "%(n)d records archived, not replaced.", done.count)
    return Done(text % {"n": done.count}, undo_path(done.undo))


def _restore(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> str:
    n = restore_archived(records=selection.records, by=by)
    return ngettext("%(n)d record is back in the pool.", "%(n)d records are back in the pool.", n) % {"n": n}


def _purge(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> str:
    n = purge_archived(records=selection.records, by=by)
    text = ngettext("%(n)d record purged: deleted for good.", "%(n)d records purged: deleted for good.", n)
    return text % {"n": n}


def _holders(selection: Selection) -> list[User]:
    return list(User.objects.filter(pk__in=selection.records.order_by().values("assignee")).order_by("pk"))


def _confirm(selection: Selection, data: Any) -> ConfirmForm:
    return ConfirmForm(data, initial={"expected": selection.fingerprint})


def _confirm_purge(selection: Selection, data: Any) -> PurgeForm:
    return PurgeForm(data, count=selection.count, initial={"expected": selection.fingerprint})


WITH_INVALID = {
    "replace": Action(
        title=gettext_lazy("Archive and replace"),
        button=gettext_lazy("Archive and replace"),
        icon="arrow-path",
        form=_confirm,
        run=_replace,
        explanation=gettext_lazy(
            "Each is archived, and another record of its database takes its place in the same batch."
        ),
        people=_holders,
        supplies=lambda selection: supplies(selection.records),
    ),
    "archive": Action(
        title=gettext_lazy("Archive only"),
        button=gettext_lazy("Archive"),
        icon="archive-box",
        form=_confirm,
        run=_archive,
        explanation=gettext_lazy("They leave the staff member’s list, and nothing takes their place."),
    ),
}
WITH_ARCHIVED = {
    "restore": Action(
        title=gettext_lazy("Restore archived records"),
        button=gettext_lazy("Restore"),
        icon="arrow-uturn-left",
        form=_confirm,
        run=_restore,
        clears=RecordQuerySet.archived,
        explanation=gettext_lazy(
            "They go back to the pools of their databases. What took their place stays where it is."
        ),
    ),
    "purge": Action(
        title=gettext_lazy("Purge archived records"),
        button=gettext_lazy("Purge for good"),
        icon="trash",
        form=_confirm_purge,
        run=_purge,
        explanation=gettext_lazy(
            "They are deleted for good: this cannot be undone. The history keeps what they were and who purged them."
        ),
        is_final=True,
    ),
}
