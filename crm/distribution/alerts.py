"""Telling admins that invalid records wait for them, once for each staff member, and taking it back when none does."""

from functools import partial

from django.db import connection
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.history import at_the_end
from crm.notices.models import Kind
from crm.notices.services import alert, settle
from crm.registry import Module


def settle_invalid_alerts(module: Module, *holders: User) -> None:
    """When the operation is done, each of these people with invalid records waiting has an alert, nobody one without.

    `holders` are those who may have more of them than before.
    """
    if not module.policy.validates:
        return
    at_the_end(("no alert", module.key), partial(_clear, module))
    for staff in holders:
        at_the_end(("alert", module.key, staff.pk), partial(_raise, module, staff))


def _clear(module: Module) -> None:
    # One operation after the other: an alert that another one counts on, not yet committed, cannot go meanwhile.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [_about(module)])
    waiting = module.Record.objects.marked_invalid().order_by()
    still = Concat(Value(_about(module)), Cast("assignee", CharField()), Value("/"))
    settle(about=_about(module), but_for=waiting.values_list(still))


def _raise(module: Module, staff: User) -> None:
    if not module.Record.objects.marked_invalid().held_by(staff).exists():
        return
    alert(
        users=User.objects.admins(),
        kind=Kind.INVALID_WAITING,
        text=_("%(name)s has invalid records in %(module)s. They wait for you.")
        % {"name": staff, "module": module.label},
        url=f"{reverse('invalid_records', args=[module])}?staff={staff.pk}",
        about=f"{_about(module)}{staff.pk}/",
    )


def _about(module: Module) -> str:
    """What the alerts of the module begin with; then comes whose records wait."""
    return f"invalid/{module.key}/"
