"""What admins do with records: assign, recall, transfer; and with those in conflict: hand over, keep.

An action on chosen rows has two steps under one URL: the first post shows what it will touch; the second, with the
token of that form, does it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm.accounts.access import SignedInRequest, admin_page
from crm.accounts.models import User
from crm.distribution.access import get_database_for
from crm.distribution.assignment import (
    HandedOut,
    Returned,
    assign_picked,
    assign_random,
    lock_working,
    recall_records,
    transfer_records,
)
from crm.distribution.conflicts import Kept, hand_to_owners, keep_records
from crm.distribution.databases import archive_database, restore_database
from crm.distribution.forms import AssignForm, ConfirmForm, KeepForm, RandomForm, TransferForm
from crm.distribution.invalid import Supply
from crm.distribution.models import BaseDatabase
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.record_list import RecordList
from crm.distribution.selection import DeskSelection, Selection
from crm.distribution.views.attempt import Done, attempt
from crm.distribution.views.undo import undo_path
from crm.errors import Refused
from crm.pages import go_to, render_invalid, render_page
from crm.registry import Module


@require_POST
@admin_page
def assign_at_random(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """The assign panel of the database page."""
    database = get_database_for(request.user, module, pk)
    form = RandomForm(request.POST, database=database)
    if form.is_valid():
        wanted = {name: value for name, value in form.cleaned_data.items() if name in ("staff", "count", "batch")}

        def assign() -> Done:
            return _assigned(assign_random(module=module, database=database, by=request.user, **wanted))

        if attempt(request, form, assign):
            return go_to(database.get_absolute_url())
    rows = RecordList(request, module, database=database)
    context = {"module": module, "database": database, "random_form": form, "list": rows}
    return render_invalid(request, "distribution/database.html", context, piece="assign-panel")


@require_POST
@admin_page
def archive(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Hides a database; its records stay with whoever has them."""
    database = get_database_for(request.user, module, pk)
    archive_database(database=database, by=request.user)
    messages.success(request, _("“%(name)s” is archived: hidden from the list, nothing else.") % {"name": database})
    return go_to(database.get_absolute_url())


@require_POST
@admin_page
def restore(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    database = get_database_for(request.user, module, pk)
    restore_database(database=database, by=request.user)
    messages.success(request, _("“%(name)s” is back in the list.") % {"name": database})
    return go_to(database.get_absolute_url())


@dataclass(frozen=True)
class Action:
    """An action on chosen records: its words, its form, and what it does."""

    title: Promise
    button: Promise
    icon: str
    form: Callable[[Selection, Any], forms.Form]
    run: Callable[[Any, Selection, dict[str, Any], User], Done | str]
    """Its module, where it is about one; the rows, what the form says, and who."""
    alone: bool = False
    """What is done for this person is done one after the other."""
    explanation: Promise | str = ""
    is_final: bool = False
    """It cannot be taken back."""
    clears: Callable[[RecordQuerySet], RecordQuerySet] | None = None
    """Of the chosen, those that what staff have noted leaves."""
    people: Callable[[Selection], Iterable[User]] = lambda selection: ()
    """Who has to be working for it, besides whom the form names."""
    receivers: Callable[[Selection], list[tuple[User, int]]] = lambda selection: []
    """To whom they go, where nobody chooses that, and how many each."""
    supplies: Callable[[Selection], list[Supply]] = lambda selection: []
    """The databases that others are taken from, in the place of these."""


@require_POST
@admin_page
def act(request: SignedInRequest, module: Module, verb: str) -> HttpResponse:
    return take_two_steps(request, module, ACTIONS[verb], DeskSelection(request, module))


def take_two_steps(
    request: SignedInRequest, module: Module | None, action: Action, selection: Selection
) -> HttpResponse:
    """Both steps of an action on chosen records."""
    confirmed = "token" in request.POST
    form = action.form(selection, request.POST if confirmed else None)
    if confirmed and form.is_valid():

        def run() -> Done | str:
            if action.alone:
                lock_working(request.user, alone=True)
            named = form.cleaned_data.get("staff")
            for person in [*([named] if named else []), *action.people(selection)]:
                lock_working(person)  # the person before the records, as everywhere
            # The rows are locked until the action has run, so that what is confirmed is what happens.
            locked = selection.locked()
            if locked.fingerprint != form.cleaned_data["expected"]:
                raise Refused(_("These records have changed since they were shown. Nothing was changed; look again."))
            return action.run(module, locked, form.cleaned_data, request.user)

        if attempt(request, form, run):
            return go_to(selection.next)
        # The form comes back about the list as it is now; it could not be confirmed otherwise.
        selection.forget()
        form.data = {**request.POST.dict(), "expected": selection.fingerprint}
    context: dict[str, Any] = {"action": action, "selection": selection, "form": form}
    if action.clears:
        context["noted"] = sum((action.clears(part).count_noted() for part in selection.parts), Counter[str]())
    context |= {"supplies": action.supplies(selection), "receivers": action.receivers(selection)}
    if confirmed:
        return render_invalid(request, "distribution/action.html", context, piece="action-form")
    return render_page(request, "distribution/action.html", context, pieces=["dialog"])


def _assign(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = assign_picked(
        module=module,
        database=_database_of(selection),
        staff=answers["staff"],
        record_ids=selection.records.values_list("pk", flat=True),
        batch=answers.get("batch"),
        by=by,
    )
    return _assigned(done)


def _database_of(selection: Selection) -> BaseDatabase:
    if selection.database is None:
        raise Http404  # only the page of a database offers to assign
    return selection.database


def _assigned(done: HandedOut) -> Done:
    text = ngettext("%(n)d record assigned to %(name)s.", "%(n)d records assigned to %(name)s.", done.count) % {
        "n": done.count,
        "name": done.batch.staff,
    }
    return Done(text, undo_path(done.undo))


def _recall(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = recall_records(records=selection.records, by=by)
    return Done(said_recalled(done), _undo(done))


def _transfer(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = transfer_records(records=selection.records, to=answers["staff"], by=by)
    text = ngettext("%(n)d record transferred to %(name)s.", "%(n)d records transferred to %(name)s.", done.count) % {
        "n": done.count,
        "name": answers["staff"],
    }
    skipped = _("%(n)d were with nobody, or there already, and stay as they are.")
    return Done(_with_others(text, done.skipped, skipped, done.reserved), _undo(done))


def _hand_over(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = hand_to_owners(records=selection.records, by=by)
    return Done(said_handed_over(done), _undo(done))


def _keep(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    done = keep_records(records=selection.records, note=answers["note"], by=by)
    return Done(said_kept(done), _undo(done))


def said_recalled(done: Returned) -> str:
    text = ngettext("%(n)d record recalled.", "%(n)d records recalled.", done.count) % {"n": done.count}
    return _with_others(text, done.skipped, _("%(n)d were with nobody and stay as they are."))


def said_handed_over(done: Returned) -> str:
    """ "3 records handed to those who have reserved them. 1 stays: a third person has reserved the customer too."

    Raises Refused when nothing was handed over, and says why.
    """
    if not done.count:
        raise Refused(_with_others(_("Nothing was handed over."), done.skipped, not_in_conflict(), done.reserved))
    text = ngettext(
        "%(n)d record handed to the one who has reserved it.",
        "%(n)d records handed to those who have reserved them.",
        done.count,
    )
    return _with_others(text % {"n": done.count}, done.skipped, not_in_conflict(), done.reserved)


def said_kept(done: Kept) -> str:
    text = ngettext("%(n)d record kept where it is.", "%(n)d records kept where they are.", done.count)
    return _with_others(text % {"n": done.count}, done.skipped, not_in_conflict())


def not_in_conflict() -> str:
    return _("%(n)d were not in conflict and stay as they are.")


def _with_others(text: str, skipped: int, why_skipped: str, reserved: int = 0) -> str:
    words = [text]
    if skipped:
        words.append(why_skipped % {"n": skipped})
    if reserved:
        stay = ngettext(
            "%(n)d stays where it is: a third person has reserved the customer.",
            "%(n)d stay where they are: a third person has reserved their customers.",
            reserved,
        )
        words.append(stay % {"n": reserved})
    return " ".join(words)


def _undo(done: Returned | Kept) -> str:
    return undo_path(done.undo) if done.count else ""


def _initial(selection: Selection) -> dict[str, Any]:
    return {"expected": selection.fingerprint}


def _assign_form(selection: Selection, data: Any) -> AssignForm:
    # Reserved records go to whoever has reserved them, and to nobody else.
    owners = set(selection.records.reserved().order_by().values_list("reservation__staff", flat=True).distinct()[:2])
    initial = {**_initial(selection), "staff": owners.pop() if len(owners) == 1 else None}
    return AssignForm(data, database=_database_of(selection), initial=initial)


ACTIONS = {
    "assign": Action(
        title=gettext_lazy("Assign records"),
        button=gettext_lazy("Assign"),
        icon="user-plus",
        form=_assign_form,
        run=_assign,
    ),
    "recall": Action(
        title=gettext_lazy("Recall records"),
        button=gettext_lazy("Recall"),
        icon="arrow-uturn-left",
        form=lambda selection, data: ConfirmForm(data, initial=_initial(selection)),
        run=_recall,
        clears=RecordQuerySet.assigned,
    ),
    "transfer": Action(
        title=gettext_lazy("Transfer records"),
        button=gettext_lazy("Transfer"),
        icon="arrows-right-left",
        form=lambda selection, data: TransferForm(data, initial=_initial(selection)),
        run=_transfer,
    ),
    "hand-over": Action(
        title=gettext_lazy("Hand to the owner of the reservation"),
        button=gettext_lazy("Hand over"),
        icon="hand-raised",
        form=lambda selection, data: ConfirmForm(data, initial=_initial(selection)),
        run=_hand_over,
        people=lambda selection: [user for user, _n in selection.owners],
        receivers=lambda selection: [(user, n) for user, n in selection.owners if n],
        explanation=gettext_lazy(
            "Each goes to the one who has reserved its customer, in a new batch of theirs. What a third person has "
            "reserved too stays where it is."
        ),
    ),
    "keep": Action(
        title=gettext_lazy("Keep in spite of the reservation"),
        button=gettext_lazy("Keep"),
        icon="lock-closed",
        form=lambda selection, data: KeepForm(data, initial=_initial(selection)),
        run=_keep,
        explanation=gettext_lazy(
            "They stay with whoever has them and are no conflicts any more, unless somebody else reserves them too."
        ),
    ),
}
