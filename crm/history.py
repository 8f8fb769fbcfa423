"""The frame of every write: one transaction, named in the history with who does it."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import pghistory
from django.db import transaction

if TYPE_CHECKING:
    from crm.accounts.models import User


@dataclass
class _Outermost:
    key: UUID
    last: dict[Hashable, Callable[[], None]] = field(default_factory=dict)


_outermost: ContextVar[_Outermost | None] = ContextVar("outermost operation", default=None)


@contextmanager
def operation(name: str, *, by: "User | None") -> Iterator[UUID]:
    """All or nothing, and every row it changes has `name` (noun.verb) and the acting user in its history.

    Yields the key of the history's context, by which the changes can be found again. One inside another is a part of
    it, and keeps its name.
    """
    if outermost := _outermost.get():
        with transaction.atomic():
            yield outermost.key
        return
    with pghistory.context(operation=name, user=by.pk if by else None) as context:
        outermost = _Outermost(context.id)
        token = _outermost.set(outermost)
        try:
            with transaction.atomic():
                yield context.id
                for run in outermost.last.values():
                    run()
        finally:
            _outermost.reset(token)


def at_the_end(what: Hashable, run: Callable[[], None]) -> None:
    """Runs it once for each `what` when all else of the operation is done, in the operation's transaction.

    For what locks rows that many operations share: taken last, those locks are held for a moment, and nobody who
    holds them waits for anything else.
    """
    outermost = _outermost.get()
    if outermost is None:
        raise RuntimeError("at_the_end is for what happens inside an operation")
    outermost.last.setdefault(what, run)
