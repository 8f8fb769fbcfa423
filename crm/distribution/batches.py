"""What people may change about a batch card: its name, and whether it is pinned to the top."""

from crm.accounts.models import User
from crm.distribution.models import BaseBatch
from crm.history import operation


def rename_batch(*, batch: BaseBatch, name: str, by: User) -> None:
    """An empty name gives it back its number."""
    with operation("batch.rename", by=by):
        type(batch).objects.filter(pk=batch.pk).update(name=" ".join(name.split())[:120])


def pin_batch(*, batch: BaseBatch, pinned: bool, by: User) -> None:
    with operation("batch.pin", by=by):
        type(batch).objects.filter(pk=batch.pk).exclude(is_pinned=pinned).update(is_pinned=pinned)
