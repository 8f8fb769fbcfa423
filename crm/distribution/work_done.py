"""The page of work done: what a person, or everybody, has noted on a day, one row for each record."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.core.paginator import Page
from django.http import Http404
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution import words
from crm.distribution.models import BaseRecord
from crm.distribution.outcomes import Done, OutcomeLine, What, done_of
from crm.distribution.querysets import on_day
from crm.figures import get_figure
from crm.pages import page_of
from crm.registry import Module, modules

KINDS: dict[str, Promise] = {"worked": _("Worked"), "said_yes": _("Said yes")}


@dataclass(frozen=True)
class Row:
    """The last line of the day for a record, all that was noted of it then, and the record, if there is one still.
    `may_open`: the reader sees its page.
    """

    line: OutcomeLine
    module: Module | None
    record: BaseRecord | None
    said: str
    may_open: bool


class WorkDone:
    """What `?day=`, `?what=`, `?module=` and, for admins, `?staff=` ask for; today without a day."""

    def __init__(self, request: SignedInRequest) -> None:
        self.request = request
        self.day = _day(request.GET.get("day"))
        self.what = request.GET.get("what") or "worked"
        keys = {module.key: module for module in modules()}
        asked = request.GET.get("module") or ""
        if self.what not in KINDS or (asked and asked not in keys):
            raise Http404
        self.module = keys.get(asked)
        self.user = self._user(request.GET.get("staff") or "")

    def _user(self, pk: str) -> User | None:
        """Staff see what they have done themselves."""
        reader = self.request.user
        if not reader.is_admin:
            if pk not in ("", str(reader.pk)):
                raise Http404
            return reader
        if not pk:
            return None
        found = User.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 10 else None
        if found is None:
            raise Http404
        return found

    @cached_property
    def done(self) -> Done:
        return done_of(self.user, self.module, self.day)

    @property
    def tabs(self) -> list[tuple[str, Promise, str]]:
        """Each kind: its value in the URL, its name, its figure."""
        return [(kind, label, f"done.{kind}") for kind, label in KINDS.items()]

    @property
    def people(self) -> list[User]:
        """Whom an admin can choose: who works, and who has done something on the day."""
        did = OutcomeLine.objects.filter(on_day("at", self.day)).order_by().values("staff")
        return list((User.objects.working() | User.objects.filter(pk__in=did)).order_by("name"))

    @property
    def modules(self) -> list[Module]:
        return list(modules())

    @cached_property
    def page(self) -> Page:
        figure = get_figure(f"done.{self.what}")
        rows = figure.rows_of(self.done).select_related("staff").order_by("-at", "-pk")
        return page_of(self.request, rows, total=figure.value(self.done))

    @property
    def rows(self) -> list[Row]:
        lines = list(self.page.object_list)
        by_key = {module.key: module for module in modules()}
        records: dict[tuple[str, int], BaseRecord] = {}
        for key, module in by_key.items():
            ids = [line.record_id for line in lines if line.module == key]
            found = module.Record.objects.select_related("database__product").defer("data").in_bulk(ids)
            records |= {(key, pk): record for pk, record in found.items()}
        said = self._said(lines)
        return [
            Row(
                line,
                by_key.get(line.module),
                record := records.get((line.module, line.record_id)),
                said[line.staff_id, line.module, line.record_id],
                record is not None and self._may_open(record),
            )
            for line in lines
        ]

    def _may_open(self, record: BaseRecord) -> bool:
        reader = self.request.user
        return reader.is_admin or (record.status == "assigned" and vars(record)["assignee_id"] == reader.pk)

    def _said(self, shown: list[OutcomeLine]) -> dict[tuple[int, str, int], str]:
        """In words, what each person has noted of each record on the day: of each kind what they noted last."""
        noted: dict[tuple[int, str, int], dict[str, object]] = {
            (line.staff_id, line.module, line.record_id): {} for line in shown
        }
        fields = {what: "follow_up_on" if what == What.FOLLOW_UP else what.value for what in What}
        lines = OutcomeLine.objects.filter(
            on_day("at", self.day),
            staff__in={line.staff_id for line in shown},
            record_id__in={line.record_id for line in shown},
        )
        for line in lines.order_by("pk"):
            values = noted.get((line.staff_id, line.module, line.record_id))
            if values is not None:
                is_day = line.what == What.FOLLOW_UP and line.value
                values[line.what] = date.fromisoformat(line.value) if is_day else line.value
        return {
            key: words.noted({field: values[what] for what, field in fields.items() if what in values})
            for key, values in noted.items()
        }


def _day(text: str | None) -> date:
    if not text:
        return timezone.localdate()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Http404 from error
