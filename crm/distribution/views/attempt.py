"""Doing what a form asks, once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.db import OperationalError, transaction

from crm.accounts.access import SignedInRequest
from crm.distribution.submissions import AlreadySent, claim_submission
from crm.errors import OTHERS_AT_WORK, Refused, is_busy


@dataclass(frozen=True)
class Done:
    """What was done, in words for the user, and the path of what takes it back, where something does."""

    message: str
    undo: str = ""


@contextmanager
def refused_when_busy() -> Iterator[None]:
    """Others held the rows for too long: nothing was changed, and the user is told to try again."""
    try:
        yield
    except OperationalError as error:
        if not is_busy(error):
            raise
        raise Refused(str(OTHERS_AT_WORK)) from error


def attempt(request: SignedInRequest, form: forms.Form, work: Callable[[], Done | str]) -> bool:
    """Claims the form's token and runs `work`, in one transaction; its result is the message for the user.

    True when it is done, now or by an earlier click; False when it was refused: nothing was changed, and the form
    has the reason.
    """
    try:
        with refused_when_busy(), transaction.atomic():
            claim_submission(form.cleaned_data["token"], by=request.user)
            result = work()
    except AlreadySent as sent:
        messages.info(request, str(sent))
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    else:
        done = result if isinstance(result, Done) else Done(result)
        messages.success(request, done.message, extra_tags=done.undo)
    return True
