"""The numbers of the log of conflicts: of all, of each day, of each staff member. Imported when the app is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.columns import Cell
from crm.distribution.conflict_list import ConflictList
from crm.distribution.conflict_log import Conflict, ConflictQuerySet
from crm.distribution.reserving.figures import Team
from crm.figures import Figure, declare
from crm.pages import ROWS_PER_PAGE

# --- Of all ---


def _today() -> date:
    return timezone.localdate()


def _monday() -> date:
    return _today() - timedelta(days=_today().weekday())


def _first_of_month() -> date:
    return _today().replace(day=1)


def _since(day: Callable[[], date]) -> Callable[[Team], QuerySet]:
    return lambda team: Conflict.objects.opened_since(timezone.make_aware(datetime.combine(day(), time.min)))


def _listed_since(day: Callable[[], date]) -> Callable[[Team], str]:
    return lambda team: f"{reverse('conflicts')}?opened_from={day()}"


for name, day, sentence in [
    ("today", _today, _("Conflicts that began today.")),
    ("this_week", _monday, _("Conflicts that began this week, since Monday.")),
    ("this_month", _first_of_month, _("Conflicts that began this month.")),
]:
    declare(Figure(f"conflicts.{name}", sentence, _since(day), _listed_since(day)))

for name, select, query, sentence in [
    ("all", ConflictQuerySet.all, "", _("Conflicts, whether open or resolved.")),
    ("open", ConflictQuerySet.open, "?state=open", _("Conflicts that wait for an admin, in all modules.")),
    ("resolved", ConflictQuerySet.closed, "?state=resolved", _("Conflicts that are over, in whatever way.")),
]:
    declare(
        Figure(
            f"conflicts.{name}",
            sentence,
            lambda team, select=select: select(Conflict.objects.all()),  # type: ignore[misc]
            lambda team, query=query: reverse("conflicts") + query,  # type: ignore[misc]
        )
    )

# --- Of a day or a person, in what a list shows ---


@dataclass(frozen=True)
class Tally:
    """How many `rows` there are, and the list of them; a list of none would be another one."""

    pk: str
    value: int
    rows: QuerySet
    url: str


SENTENCES: dict[str, Promise] = {
    "began": _("Conflicts of the list that began then, or with this staff member's records."),
    "ended": _("Conflicts of the list that ended then, or with this staff member's records."),
    "waiting": _("Of those that began, as many as are open still."),
    "end_of_day": _("Conflicts of the list that were open when that day ended: what was, what began, less what ended."),
    "owned": _("Conflicts of the list about customers whom this staff member has reserved."),
}

for name, said in SENTENCES.items():
    declare(
        Figure(
            f"conflicts.{name}",
            said,
            lambda tally: tally.rows,
            lambda tally: tally.url if tally.value else "",
            lambda tally: tally.value,
        )
    )


@dataclass(frozen=True)
class Line:
    """A day or a person with their numbers, each a heading, the name of a figure, and what it is about."""

    what: date | User
    tallies: list[tuple[str, str, Tally]]


@dataclass(frozen=True)
class Summary:
    """The log counted for each day or person: the numbers of all, and the lines of a page, whose numbers are links."""

    headings: list[str]
    counts: list[tuple[Any, list[int]]]
    """Each day or person with their numbers, in the order of the headings."""
    figures: Callable[[Any, list[int]], list[tuple[str, Tally]]]
    """Of one of them: the name of the figure of each number, and what it is about."""

    def page(self, request: SignedInRequest) -> Page:
        """That which `?page=` names."""
        return Paginator(self.counts, ROWS_PER_PAGE).get_page(request.GET.get("page"))

    def lines(self, page: Page) -> list[Line]:
        return [
            Line(what, [(heading, *figure) for heading, figure in zip(self.headings[1:], figures, strict=True)])
            for what, figures in ((what, self.figures(what, numbers)) for what, numbers in page)
        ]

    @property
    def cells(self) -> list[list[Cell]]:
        """All of it, as for a file."""
        return [[what if isinstance(what, date) else str(what), *numbers] for what, numbers in self.counts]


def summary_of(listed: ConflictList) -> Summary:
    """As the URL of the list asks for; two queries, or three."""
    return per_day(listed) if listed.by == "day" else per_person(listed)


NOTHING = (0, 0)


def _counted(rows: ConflictQuerySet, field: str) -> dict[Any, tuple[int, int]]:
    """For each value of the field: how many there are, and how many of these are open."""
    counts = rows.order_by().values_list(field).annotate(n=Count("pk"), waiting=Count("pk", filter=Q(closed_at=None)))
    return {key: (n, waiting) for key, n, waiting in counts}


def per_day(listed: ConflictList) -> Summary:
    """The days on which something began or ended, the latest first."""
    rows = listed.rows
    began = _counted(rows.annotate(day=TruncDate("opened_at")), "day")
    ended = _counted(rows.closed().annotate(day=TruncDate("closed_at")), "day")
    counts: list[tuple[Any, list[int]]] = []
    open_then = 0
    for day in sorted(began.keys() | ended.keys()):
        n, resolved = began.get(day, NOTHING)[0], ended.get(day, NOTHING)[0]
        open_then += n - resolved
        counts.append((day, [n, resolved, open_then]))
    headings = [gettext("Day"), gettext("Began"), gettext("Ended"), gettext("Open at the end")]
    return Summary(headings, counts[::-1], partial(_of_day, listed))


def _of_day(listed: ConflictList, day: date, numbers: list[int]) -> list[tuple[str, Tally]]:
    began, ended, open_then = numbers
    rows, on = listed.rows, str(day)
    opened = rows.annotate(day=TruncDate("opened_at")).filter(day=day)
    closed = rows.annotate(day=TruncDate("closed_at")).filter(day=day)
    # Of a list that asks for those of a day already, the list of another day would be another one.
    open_url = "" if listed.request.GET.get("open_on") else listed.url(by=None, open_on=on)
    opened_url = {"by": None, "opened_from": on, "opened_to": on}
    return [
        ("conflicts.began", Tally(on, began, opened, listed.url(**opened_url))),
        ("conflicts.ended", Tally(on, ended, closed, listed.url(by=None, closed_from=on, closed_to=on))),
        ("conflicts.end_of_day", Tally(on, open_then, rows.open_at_the_end_of(day), open_url)),
    ]


def per_person(listed: ConflictList) -> Summary:
    """Whose records or customers they were, the most records first."""
    began, owned = _counted(listed.rows, "staff"), _counted(listed.rows, "reserved_by")
    counts = []
    for person in User.objects.filter(pk__in=began.keys() | owned.keys()):
        n, waiting = began.get(person.pk, NOTHING)
        counts.append((person, [n, n - waiting, waiting, owned.get(person.pk, NOTHING)[0]]))
    counts.sort(key=lambda count: (-count[1][0], str(count[0]).casefold()))
    headings = [
        gettext("Staff member"),
        gettext("Their records"),
        gettext("Resolved"),
        gettext("Still open"),
        gettext("Their reservations"),
    ]
    return Summary(headings, counts, partial(_of_person, listed))


def _of_person(listed: ConflictList, person: User, numbers: list[int]) -> list[tuple[str, Tally]]:
    began, ended, waiting, owned = numbers
    key = str(person.pk)
    theirs = listed.rows.filter(staff=person)
    reserved = listed.rows.filter(reserved_by=person)
    url = {"by": None, "staff": key}
    return [
        ("conflicts.began", Tally(key, began, theirs, listed.url(**url))),
        ("conflicts.ended", Tally(key, ended, theirs.closed(), listed.url(**url, state="resolved"))),
        ("conflicts.waiting", Tally(key, waiting, theirs.open(), listed.url(**url, state="open"))),
        ("conflicts.owned", Tally(key, owned, reserved, listed.url(by=None, reserved_by=key))),
    ]
