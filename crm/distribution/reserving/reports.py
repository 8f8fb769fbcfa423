"""What became of the lines of a bulk entry, kept for a day for the one who made it."""

from dataclasses import dataclass
from uuid import UUID

from django.core.cache import cache
from django.urls import reverse
from django.utils.functional import Promise

from crm.accounts.models import User
from crm.reservations.entries import LABELS, Entered, Outcome

KEPT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Line:
    line: int
    customer_id: str
    phone: str
    outcome: str
    detail: str

    @property
    def label(self) -> str | Promise:
        return LABELS[Outcome(self.outcome)]


@dataclass(frozen=True)
class Report:
    """`token` is that of the form. `out_of_pools` and `conflicts` are records."""

    token: UUID
    product: str
    staff: str
    lines: tuple[Line, ...]
    out_of_pools: int
    conflicts: int

    @property
    def pk(self) -> UUID:
        return self.token

    def number_of(self, name: str) -> int:
        """Lines of one outcome, those left out, or all; or what they did to records."""
        if name in ("out_of_pools", "conflicts"):
            return getattr(self, name)
        return len(self.lines if name == "lines" else self.of(name))

    def of(self, name: str) -> list[Line]:
        """Those of one outcome, or those `left_out`: all that were not added."""
        if name == "left_out":
            return [line for line in self.lines if line.outcome != Outcome.ADDED]
        return [line for line in self.lines if line.outcome == name]

    @property
    def left_out(self) -> list[Line]:
        return self.of("left_out")

    def get_absolute_url(self) -> str:
        return reverse("entered_reservations", args=[self.token])


def keep_report(*, token: UUID, entered: Entered, product: object, staff: object, by: User) -> None:
    """In the transaction of the entry: there is a report if and only if there was an entry."""
    lines = tuple(
        Line(each.entry.line, each.entry.customer_id, each.entry.phone, each.outcome.value, each.detail)
        for each in entered.answers
    )
    effect = entered.effect
    report = Report(token, str(product), str(staff), lines, effect.reserved, effect.conflicts)
    cache.set(_key(token, by), report, KEPT_SECONDS)


def kept_report(*, token: UUID, by: User) -> Report | None:
    """One's own; None when there is none, or not any more."""
    report: Report | None = cache.get(_key(token, by))
    return report


def _key(token: UUID, by: User) -> str:
    return f"reservations/entered/{by.pk}/{token}"
