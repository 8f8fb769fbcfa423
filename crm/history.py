"""The frame of every write: one transaction, named in the history with who does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pghistory
from django.db import transaction

if TYPE_CHECKING:
    from crm.accounts.models import User


@contextmanager
def operation(name: str, *, by: "User | None") -> Iterator[None]:
    """All or nothing, and every row it changes has `name` (noun.verb) and the acting user in its history."""
    with pghistory.context(operation=name, user=by.pk if by else None), transaction.atomic():
        yield
