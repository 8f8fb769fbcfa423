"""Working records: one click, one small request. It answers with the row and with the numbers that it changed."""

from collections.abc import Callable
from copy import copy
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution import words
from crm.distribution.access import find_own_record, get_left_record_for
from crm.distribution.figures import STATE_LABELS
from crm.distribution.holdings import FOLLOW_UPS, holding, work_of
from crm.distribution.models import BaseBatch, BaseRecord, Validation
from crm.distribution.timeline import timeline
from crm.distribution.validation import validate_records
from crm.distribution.views.attempt import Done, refused_when_busy
from crm.distribution.views.undo import undo_path
from crm.distribution.work import note_outcome
from crm.distribution.work_forms import OutcomeForm, ValidationForm
from crm.distribution.work_list import WorkList
from crm.errors import Refused
from crm.pages import go_to, safe_path
from crm.registry import Module

OK, CONFLICT, UNPROCESSABLE = 200, 409, 422


@require_POST
def record_outcome(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Reach, response, note, follow-up: what was sent and is not so already."""
    record = find_own_record(request.user, module, pk)
    if record is None:
        return _gone(request, module, pk)
    form = OutcomeForm(request.POST, record)
    if not form.is_valid():
        return _invalid(request, module, pk, form)
    status = _run(request, lambda: _note(record, form, request.user))
    return _answer(request, module, pk, status=status)


@require_POST
def record_validate(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Valid, invalid with a reason, or neither. Without JavaScript, what was typed in the row comes along."""
    record = find_own_record(request.user, module, pk)
    if record is None:
        return _gone(request, module, pk)
    typed, form = OutcomeForm(request.POST, record), ValidationForm(request.POST)
    if not typed.is_valid():
        return _invalid(request, module, pk, typed)
    status = _run(request, lambda: _note(record, typed, request.user))
    if status == OK and not form.is_valid():
        return _invalid(request, module, pk, form)
    if status == OK:
        status = _run(request, lambda: _validate(record, form, request.user))
    return _answer(request, module, pk, status=status)


def _only(record: BaseRecord) -> Any:
    return type(record).objects.filter(pk=record.pk)


def _note(record: BaseRecord, form: OutcomeForm, by: User) -> Done | None:
    """None where nothing was sent that is not so already."""
    if not form.outcome:
        return None
    noted = note_outcome(records=_only(record), by=by, **form.outcome)
    return Done(f"{record}: {words.noted(form.outcome)}.", undo_path(noted.undo))


def _validate(record: BaseRecord, form: ValidationForm, by: User) -> Done:
    mark, reason = form.cleaned_data["validation"], form.cleaned_data["reason"]
    validation = Validation(mark) if mark else None
    done = validate_records(records=_only(record), by=by, validation=validation, reason=reason)
    if done.replacement and done.replacement.replaced:
        return Done(_("%(record)s: invalid. Another record took its place.") % {"record": record})
    text = f"{record}: {words.noted({'validation': mark})}."
    if done.replacement:
        text += " " + _("There is none to take its place; it waits for an admin.")
    return Done(text, undo_path(done.undo))


def _run(request: SignedInRequest, work: Callable[[], Done | None]) -> int:
    """Does it and says what it did; the status of the answer."""
    try:
        with refused_when_busy():
            done = work()
    except Refused as refused:
        messages.error(request, str(refused))
        return CONFLICT
    if done:
        messages.success(request, done.message, extra_tags=done.undo)
    return OK


def _invalid(request: SignedInRequest, module: Module, pk: int, form: OutcomeForm | ValidationForm) -> HttpResponse:
    """Nothing was changed; the row comes back as it is."""
    for errors in form.errors.values():
        messages.error(request, " ".join(str(error) for error in errors))
    return _answer(request, module, pk, status=UNPROCESSABLE)


def _gone(request: SignedInRequest, module: Module, pk: int) -> HttpResponse:
    """Somebody took it back meanwhile; 404 for what was never theirs."""
    left = get_left_record_for(request.user, module, pk)
    messages.error(request, _("%(record)s is no longer with you. Nothing was changed.") % {"record": left.customer_id})
    return _answer(request, module, pk, status=CONFLICT)


def _answer(request: SignedInRequest, module: Module, pk: int, *, status: int = OK) -> HttpResponse:
    """The row as it is now, and the numbers. One that has left them says so, and what took its place comes along."""
    here = safe_path(request, request.POST.get("next"), reverse("my_records", args=[module]))
    if not request.htmx:
        return go_to(f"{here}#record-{module.key}-{pk}")
    record = find_own_record(request.user, module, pk)
    last_seen: Any = record or get_left_record_for(request.user, module, pk)
    instead = None if record else module.Record.objects.held_by(request.user).filter(replaces=pk).first()
    context = {
        "module": module,
        "pk": pk,
        "record": record,
        "left": last_seen,
        "instead": find_own_record(request.user, module, instead.pk) if instead else None,
        "batch": last_seen.batch,
        "figures": _figures(request, module, last_seen.batch, here),
        "here": here,
        "hide_batch": "hide_batch" in request.POST,
        "selectable": "selectable" in request.POST,
    }
    if here.startswith(reverse("record", args=[module, pk])):
        context |= {"on_its_page": True, "timeline": timeline(record, request.user) if record else []}
    return render(request, "distribution/_work_answer.html", context, status=status)


def _figures(request: SignedInRequest, module: Module, batch: BaseBatch, here: str) -> list[tuple[str, Any]]:
    """What a click may have changed on the page: each figure's name, and what it is about."""
    mine, work = holding(module, request.user), work_of(request.user)
    follow_ups = FOLLOW_UPS if here.startswith(reverse("follow_ups")) else ()
    return [
        *((f"batch.{name}", batch) for name in ("current", "received", "archived", "left", *STATE_LABELS)),
        *((f"mine.{name}", mine) for name in ("assigned", *STATE_LABELS)),
        *((f"follow_ups.{name}", work) for name in follow_ups),
        *_of_a_search(request, module, batch, here),
    ]


def _of_a_search(request: SignedInRequest, module: Module, batch: BaseBatch, here: str) -> list[tuple[str, Any]]:
    """The numbers of the tabs, where the list is searched."""
    path, _mark, query = here.partition("?")
    there = copy(request)
    there.GET = QueryDict(query)
    listed = WorkList(there, module, batch=batch if path == batch.get_absolute_url() else None)
    return [(figure, subject) for _state, _label, figure, subject in listed.tabs] if listed.q else []
