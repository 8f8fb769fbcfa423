"""A staff member's first page: what to do next, what is new since they last looked, and how far they are today."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.cards import last_worked
from crm.distribution.holdings import Holding, Work, with_states, work_of
from crm.distribution.models import BaseBatch, BaseRecord
from crm.distribution.outcomes import Done, done_on
from crm.home.to_do import Line, Part, waiting
from crm.notices.models import Kind, Notice
from crm.registry import modules

MOST_NEW = 6
MOST_ANSWERS = 5
MOST_TAKEN = 5


@dataclass(frozen=True)
class Today:
    """`since` is when the person looked before; None for the first time, when everything is new to them."""

    user: User
    since: datetime | None

    @cached_property
    def work(self) -> Work:
        return work_of(self.user)

    @property
    def held(self) -> list[Holding]:
        """The modules in which something is with them."""
        return [each for each in self.work.holdings if each.assigned]

    @cached_property
    def done(self) -> list[Done]:
        """What they have done today, in the modules in which they have or had something."""
        done = done_on(timezone.localdate(), [self.user], list(modules()))
        each = [(holding, done[self.user.pk, holding.module.key]) for holding in self.work.holdings]
        return [has_done for holding, has_done in each if holding.assigned or has_done.worked]

    @cached_property
    def last_worked(self) -> BaseBatch | None:
        return last_worked((each.module for each in self.held), self.user)

    @cached_property
    def new_batches(self) -> list[BaseBatch]:
        """Those that got records since, the newest first; the rest is on the pages of their modules."""
        found: list[BaseBatch] = []
        for module in modules():
            batches = module.Batch.objects.of(self.user).holding().select_related("database__product")
            if self.since:
                arrived = module.Record.objects.held_by(self.user).filter(assigned_at__gt=self.since)
                batches = batches.filter(pk__in=arrived.order_by().values("batch"))
            found += with_states(module, batches.order_by("-created_at")[:MOST_NEW])
        return sorted(found, key=lambda batch: batch.created_at, reverse=True)[:MOST_NEW]

    @cached_property
    def to_do(self) -> list[Line]:
        return list(
            waiting(
                [
                    Line(
                        "exclamation-circle",
                        _("Overdue follow-ups"),
                        _("You wanted to come back to these customers before today."),
                        [("", "follow_ups.overdue", self.work)],
                        pressing=True,
                    ),
                    Line(
                        "calendar",
                        _("Follow-ups due today"),
                        _("You wanted to come back to these customers today."),
                        [("", "follow_ups.due_today", self.work)],
                    ),
                    Line(
                        "chat-bubble-left-right",
                        _("Check back"),
                        _("They said yes 1, 3 or 7 days ago, and there is no follow-up date."),
                        [("", "follow_ups.check_back", self.work)],
                    ),
                    Line(
                        "bookmark",
                        _("Reservations ending soon"),
                        _("They end unless the customer makes a deposit."),
                        [("", "mine.reservations.ending", self.user)],
                    ),
                    Line(
                        "pencil-square",
                        _("Records to do"),
                        _("Nothing has been noted on these yet."),
                        self._in_each_module("to_do"),
                    ),
                ]
            )
        )

    @property
    def ask_url(self) -> str:
        """Where they can ask for records; empty where no module lets them."""
        asking = [module.policy.asking for module in modules() if module.policy.asking]
        return reverse(asking[0].url_name) if asking else ""

    @cached_property
    def taken_lines(self) -> list[Line]:
        return list(
            waiting(
                [
                    Line(
                        "no-symbol",
                        _("Taken by a reservation"),
                        _("Somebody else has reserved these customers. You can work them until an admin decides."),
                        self._in_each_module("conflict"),
                    )
                ]
            )
        )

    @cached_property
    def with_admins(self) -> list[Line]:
        return list(
            waiting(
                [
                    Line(
                        "archive-box-x-mark",
                        _("Marked as invalid"),
                        _("An admin archives and replaces them."),
                        self._in_each_module("marked_invalid"),
                    ),
                    Line(
                        "bookmark",
                        _("Your reservations"),
                        _("They wait for an admin to approve them."),
                        [("", "mine.reservations.pending", self.user)],
                    ),
                    Line(
                        "inbox-arrow-down",
                        _("Your requests"),
                        _("They wait for an admin to approve them."),
                        [
                            (module.label, module.policy.asking.own, self.user)
                            for module in modules()
                            if module.policy.asking
                        ],
                    ),
                ]
            )
        )

    @cached_property
    def taken(self) -> list[BaseRecord]:
        """Their records whose customers somebody else has reserved, the latest first; all are in the lists."""
        found: list[Any] = []
        for each in self.work.holdings:
            if each.states["conflict"]:
                taken = each.records().in_state("conflict").select_related("database__product", "reservation__staff")
                found += taken.order_by("-reservation__since", "-pk")[:MOST_TAKEN]
        return sorted(found, key=lambda record: record.reservation.since, reverse=True)[:MOST_TAKEN]

    @cached_property
    def answers(self) -> list[Notice]:
        """What became of their invalid records, as far as they have not read it."""
        unread = Notice.objects.of(self.user).unread().filter(kind=Kind.INVALID_ANSWERED)
        return list(unread[:MOST_ANSWERS])

    def _in_each_module(self, state: str) -> list[Part]:
        return [(each.module.label, f"mine.{state}", each) for each in self.work.holdings]
