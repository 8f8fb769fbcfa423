"""Hiding databases and showing them again."""

from django.db.models.functions import Now

from crm.accounts.models import User
from crm.distribution.models import BaseDatabase
from crm.history import operation


def archive_database(*, database: BaseDatabase, by: User) -> bool:
    """Hides the database from the list; its records stay where they are. False if it was hidden already."""
    with operation("database.archive", by=by):
        visible = type(database).objects.visible().filter(pk=database.pk)
        return bool(visible.update(archived_at=Now(), archived_by=by))


def restore_database(*, database: BaseDatabase, by: User) -> bool:
    """Shows a hidden database again. False if it was not hidden."""
    with operation("database.restore", by=by):
        hidden = type(database).objects.hidden().filter(pk=database.pk)
        return bool(hidden.update(archived_at=None, archived_by=None))
