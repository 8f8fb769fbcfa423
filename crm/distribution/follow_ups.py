"""The page of a staff member's follow-ups: whom they promised to come back to, or should."""

from collections.abc import Iterable
from functools import cached_property

from django.core.paginator import Page
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.distribution.figures import STATE_LABELS
from crm.distribution.holdings import FOLLOW_UPS, Holding, work_of
from crm.distribution.models import BaseRecord
from crm.figures import get_figure
from crm.pages import page_of

NOTHING: dict[str, tuple[Promise, Promise]] = {
    "overdue": (_("Nothing is overdue"), _("Every follow-up that was due before today is done.")),
    "due_today": (_("Nothing is due today"), _("Set a follow-up date on a record, and it is here on that day.")),
    "check_back": (
        _("Nobody to check back with"),
        _("Customers who said yes come up here 1, 3 and 7 days later, unless they have a follow-up date."),
    ),
    "upcoming": (_("Nothing is planned"), _("Set a follow-up date on a record, and it waits here for its day.")),
}


class FollowUpList:
    """The follow-ups that `?state=` names; without one, those that press most."""

    def __init__(self, request: SignedInRequest) -> None:
        self.request = request
        self.work = work_of(request.user)
        pressing = (state for state in FOLLOW_UPS if self.work.count(state))
        self.state = request.GET.get("state") or next(pressing, "due_today")
        if self.state not in FOLLOW_UPS:
            raise Http404

    @property
    def tabs(self) -> list[tuple[str, Promise, str]]:
        """Each state: its value in the URL, its name, its figure."""
        return [(state, STATE_LABELS[state], f"follow_ups.{state}") for state in FOLLOW_UPS]

    @property
    def figure(self) -> str:
        return f"follow_ups.{self.state}"

    @property
    def nothing(self) -> tuple[Promise, Promise]:
        return NOTHING[self.state]

    @cached_property
    def page(self) -> Page:
        figure = get_figure(self.figure)
        return page_of(self.request, figure.rows_of(self.work), total=figure.value(self.work))

    @property
    def groups(self) -> Iterable[tuple[Holding, str, list[BaseRecord]]]:
        """The records of the page, module by module, with the figure that counts all of the module."""
        for each in self.work.holdings:
            keys = [pk for key, _due, pk in self.page.object_list if key == each.module.key]
            related = ("database__product", "batch", "assignee", "reservation__staff")
            found = each.records().select_related(*related).in_bulk(keys)
            if records := [found[pk] for pk in keys if pk in found]:
                yield each, f"mine.{self.state}", records
