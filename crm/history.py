"""The frame of every write: one transaction, named in the history with who does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from uuid import UUID

import pghistory
from django.db import transaction

if TYPE_CHECKING:
    from crm.accounts.models import User

_outermost: ContextVar[UUID | None] = ContextVar("outermost operation", default=None)


@contextmanager
def operation(name: str, *, by: "User | None") -> Iterator[UUID]:
    """All or nothing, and every row it changes has `name` (noun.verb) and the acting user in its history.

    Yields the key of the history's context, by which the changes can be found again. One inside another is a part of
    it, and keeps its name.
    """
    if key := _outermost.get():
        with transaction.atomic():
            yield key
        return
    with pghistory.context(operation=name, user=by.pk if by else None) as context:
        token = _outermost.set(context.id)
        try:
            with transaction.atomic():
                yield context.id
        finally:
            _outermost.reset(token)
