"""What staff do with many of their records at once. Like the actions of admins, in two steps under one URL."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm.accounts.access import SignedInRequest, staff_page
from crm.accounts.models import User
from crm.distribution import words
from crm.distribution.models import Validation
from crm.distribution.selection import Selection
from crm.distribution.validation import Validated, validate_records
from crm.distribution.views.actions import Action, take_two_steps
from crm.distribution.views.attempt import Done
from crm.distribution.views.undo import undo_path
from crm.distribution.work import note_outcome
from crm.distribution.work_forms import CLEAR, MarkManyForm, NoteManyForm
from crm.distribution.work_list import WorkList
from crm.registry import Module


@require_POST
@staff_page
def act_on_own(request: SignedInRequest, module: Module, verb: str) -> HttpResponse:
    listed = WorkList.of_query(request, module)
    fallback = listed.batch.get_absolute_url() if listed.batch else reverse("my_records", args=[module])
    return take_two_steps(request, module, ACTIONS[verb], Selection(request, listed, fallback=fallback))


def _note(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    outcome = answers["outcome"]
    done = note_outcome(records=selection.records, by=by, **outcome)
    text = ngettext("%(n)d record noted: %(what)s.", "%(n)d records noted: %(what)s.", done.count)
    return Done(
        text % {"n": done.count, "what": words.noted(outcome).lower()},
        undo_path(done.undo),
    )


def _mark(module: Module, selection: Selection, answers: dict[str, Any], by: User) -> Done:
    mark = None if answers["validation"] == CLEAR else Validation(answers["validation"])
    done = validate_records(records=selection.records, by=by, validation=mark, reason=answers["reason"])
    all_replaced = done.replacement and not done.replacement.waiting
    return Done(_marked(done, mark), "" if all_replaced else undo_path(done.undo))


def _marked(done: Validated, mark: Validation | None) -> str:
    """ "15 records marked invalid. 12 replaced at once, 3 wait for an admin." """
    if mark is None:
        return ngettext("%(n)d record unmarked.", "%(n)d records unmarked.", done.count) % {"n": done.count}
    one, many = (
        (_("%(n)d record marked valid."), _("%(n)d records marked valid."))
        if mark == Validation.VALID
        else (_("%(n)d record marked invalid."), _("%(n)d records marked invalid."))
    )
    text = (one if done.count == 1 else many) % {"n": done.count}
    if not done.replacement:
        return text
    counts = {"replaced": done.replacement.replaced, "waiting": done.replacement.waiting}
    after = (
        _("%(replaced)d replaced at once, %(waiting)d wait for an admin.")
        if done.replacement.waiting
        else _("%(replaced)d replaced at once.")
    )
    return f"{text} {after % counts}"


def _initial(selection: Selection) -> dict[str, Any]:
    return {"expected": selection.fingerprint}


ACTIONS = {
    "note": Action(
        title=gettext_lazy("Note an outcome"),
        button=gettext_lazy("Note"),
        icon="pencil-square",
        form=lambda selection, data: NoteManyForm(data, initial=_initial(selection)),
        run=_note,
    ),
    "mark": Action(
        title=gettext_lazy("Mark as valid or invalid"),
        button=gettext_lazy("Mark"),
        icon="check-badge",
        form=lambda selection, data: MarkManyForm(data, initial=_initial(selection)),
        run=_mark,
        alone=True,
    ),
}
