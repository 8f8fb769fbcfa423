"""Telling admins that invalid records wait for them, once for each staff member, and taking it back when none does."""

from django.urls import reverse
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.notices.models import Kind
from crm.notices.services import alert, settle
from crm.registry import Module


def _about(module: Module, staff: int | None = None) -> str:
    """What the alerts of the module, or of one staff member in it, are about."""
    return f"invalid/{module.key}/" if staff is None else f"invalid/{module.key}/{staff}/"


def raise_invalid_alert(module: Module, staff: User) -> None:
    alert(
        users=User.objects.admins(),
        kind=Kind.INVALID_WAITING,
        text=_("%(name)s marked records of %(module)s as invalid. They wait for you.")
        % {"name": staff, "module": module.label},
        url=f"{reverse('invalid_records', args=[module])}?staff={staff.pk}",
        about=_about(module, staff.pk),
    )


def settle_invalid_alerts(module: Module) -> None:
    """Removes the alerts about those who have no invalid record waiting any more."""
    if not module.policy.validates:
        return
    waiting = module.Record.objects.marked_invalid().order_by().values_list("assignee", flat=True).distinct()
    settle(about=_about(module), but_for=[_about(module, staff) for staff in waiting])
