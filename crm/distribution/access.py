"""Who may see which database, batch, record and upload. Whoever may not gets 404, as if it did not exist."""

from typing import Any, TypeVar

from django.apps import apps
from django.db.models import Model, QuerySet
from django.http import Http404

from crm.accounts.models import User
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord, SavedView, Upload
from crm.distribution.querysets import BatchQuerySet, RecordQuerySet
from crm.registry import Module

M = TypeVar("M", bound=Model)


def batches_for(user: User, module: Module) -> BatchQuerySet:
    """Admins see all, staff their own."""
    batches = module.Batch.objects.select_related("database", "database__product", "staff", "created_by")
    return batches if user.is_admin else batches.of(user)


def records_for(user: User, module: Module) -> RecordQuerySet:
    """Admins see all, staff what is with them now."""
    return module.Record.objects.all() if user.is_admin else module.Record.objects.held_by(user)


def get_database_for(user: User, module: Module, pk: int) -> BaseDatabase:
    if not user.is_admin:
        raise Http404
    return _get(module.Database.objects.select_related("product", "created_by", "archived_by"), pk)


def get_batch_for(user: User, module: Module, pk: int) -> BaseBatch:
    return _get(batches_for(user, module), pk)


def get_record_for(user: User, module: Module, pk: int) -> BaseRecord:
    related = ("database__product", "batch", "assignee", "assigned_by", "archived_by", "reservation__staff")
    return _get(records_for(user, module).select_related(*related), pk)


def find_own_record(user: User, module: Module, pk: int) -> BaseRecord | None:
    """The record, if it is with the person now."""
    related = ("database__product", "batch__database", "assignee", "reservation__staff")
    return module.Record.objects.held_by(user).select_related(*related).filter(pk=pk).first()


def get_left_record_for(user: User, module: Module, pk: int) -> Any:
    """A record that was with the person, as the history last saw it with them; 404 if it never was."""
    events = apps.get_model(module.key, "RecordEvent").objects.filter(pgh_obj_id=pk, assignee=user)
    found = events.filter(batch__isnull=False).order_by("-pgh_id").first()
    if found is None:
        raise Http404
    return found


def get_upload_for(user: User, module: Module, pk: int) -> Upload:
    if not user.is_admin:
        raise Http404
    return _get(Upload.objects.filter(module=module.key).select_related("product", "created_by"), pk)


def get_view_for(user: User, pk: int) -> SavedView:
    """One's own saved view; nobody else's."""
    return _get(SavedView.objects.filter(user=user), pk)


def _get(rows: QuerySet[M], pk: int) -> M:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
