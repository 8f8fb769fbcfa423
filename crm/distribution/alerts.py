"""Telling admins that invalid records wait for them, once for each staff member, and taking it back when none does."""

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.notices.models import Kind
from crm.notices.services import alert, settle
from crm.registry import Module


def settle_invalid_alerts(module: Module, *holders: User) -> None:
    """Each of these people with invalid records waiting has an alert, and nobody has one without."""
    if not module.policy.validates:
        return
    waiting = module.Record.objects.marked_invalid().order_by()
    for staff in holders:
        if waiting.held_by(staff).exists():
            _raise(module, staff)
    # In one statement with what it depends on: a record that is marked at this moment comes with its alert, or later.
    still = Concat(Value(_about(module)), Cast("assignee", CharField()), Value("/"))
    settle(about=_about(module), but_for=waiting.values_list(still))


def _raise(module: Module, staff: User) -> None:
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
