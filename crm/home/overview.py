"""The admins' first page: what waits, what there is, who is how far today, and what changed lately."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.holdings import Holding, holdings_with_states
from crm.distribution.imports.models import State, Upload
from crm.distribution.outcomes import Done, done_on
from crm.distribution.reserving.figures import TEAM
from crm.home.to_do import Line, waiting
from crm.registry import modules

TEAM_STATES = ("to_do", "marked_invalid")
MOST_UPLOADS = 5


@dataclass(frozen=True)
class StaffRow:
    """A staff member, and what they hold and have done today in each module where there is either."""

    user: User
    lines: list[tuple[Holding, Done]]


def staff_rows() -> list[StaffRow]:
    """Every active staff member."""
    people = list(User.objects.working())
    by_module = holdings_with_states(list(modules()), people, TEAM_STATES)
    done = done_on(timezone.localdate(), people, list(modules()))
    rows = []
    for user, *held in zip(people, *by_module, strict=True):
        lines = [(each, done[user.pk, each.module.key]) for each in held]
        rows.append(StaffRow(user, [line for line in lines if line[0].assigned or line[1].worked]))
    return rows


def to_do(user: User) -> list[Line]:
    """What waits for an admin."""
    each = list(modules())
    return list(
        waiting(
            [
                Line(
                    "inbox-arrow-down",
                    _("Requests"),
                    _("Staff ask for records. Approve or reject."),
                    [(module.label, module.policy.asking.waiting, module) for module in each if module.policy.asking],
                    pressing=True,
                ),
                Line(
                    "bookmark",
                    _("Reservations"),
                    _("Staff ask for customers. Approve or reject."),
                    [("", "reservations.pending", TEAM)],
                    pressing=True,
                ),
                Line(
                    "archive-box-x-mark",
                    _("Invalid records"),
                    _("Staff marked them as invalid. Archive and replace them."),
                    [(module.label, "module.marked_invalid", module) for module in each if module.policy.validates],
                ),
                Line(
                    "envelope",
                    _("Mail"),
                    _("Links to set a password that the mail server has not taken yet."),
                    [("", "mail.waiting", user)],
                ),
                Line(
                    "no-symbol",
                    _("Conflicts"),
                    _("Records with a staff member whose customer somebody else has reserved. Decide who goes on."),
                    [("", "conflicts.open", TEAM)],
                ),
            ]
        )
    )


def uploads_waiting() -> list[Upload]:
    """Files that failed, or wait for somebody to look at what was read and import it; the newest."""
    waits = Upload.objects.filter(state__in=[State.FAILED, State.READY])
    return list(waits.select_related("product", "created_by")[:MOST_UPLOADS])
