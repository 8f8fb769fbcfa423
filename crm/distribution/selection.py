"""The records that an action is about: those chosen in a list, or everything that the list's filter matches."""

from functools import cached_property
from typing import Protocol

from django.db.models import Count
from django.http import Http404
from django.urls import reverse

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.access import get_database_for
from crm.distribution.forms import SelectionForm
from crm.distribution.models import BaseDatabase
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.record_list import RecordList
from crm.pages import safe_path
from crm.registry import Module


class Rows(Protocol):
    """A list whose rows can be chosen: `rows` is what its filter matches, `scope` what it would be without."""

    @property
    def rows(self) -> RecordQuerySet: ...

    @property
    def scope(self) -> RecordQuerySet: ...


class Selection:
    """What was posted with a list: its rows, how many, and who has them. Afterwards one sees `next`, or `fallback`."""

    database: BaseDatabase | None = None

    def __init__(self, request: SignedInRequest, rows: Rows, *, fallback: str) -> None:
        form = SelectionForm(request.POST)
        if not form.is_valid():
            raise Http404
        self.ids: list[int] = form.cleaned_data["ids"]
        self.everything: bool = form.cleaned_data["everything"]
        self.list = rows
        self.next = safe_path(request, form.cleaned_data["next"], fallback)

    @property
    def records(self) -> RecordQuerySet:
        return self.list.rows if self.everything else self.list.scope.with_ids(self.ids)

    def lock(self) -> None:
        """Nobody changes the rows until the transaction ends; what was known of them is looked up again."""
        self.records.locked_ids()
        for known in ("count", "holders"):
            vars(self).pop(known, None)

    @cached_property
    def count(self) -> int:
        return self.records.count()

    @cached_property
    def holders(self) -> list[tuple[User, int]]:
        """Who has how many of them now, most first."""
        counts = dict(self.records.assigned().order_by().values_list("assignee").annotate(n=Count("pk")))
        people = User.objects.filter(pk__in=counts)
        return sorted(((user, counts[user.pk]) for user in people), key=lambda pair: -pair[1])

    @property
    def fingerprint(self) -> str:
        """What the user was shown: how many, and with whom how many. An action is refused when it is different now."""
        return ";".join([str(self.count), *(f"{user.pk}:{n}" for user, n in self.holders)])


class DeskSelection(Selection):
    """Out of the lists of admins. `?database=` narrows it to a database."""

    def __init__(self, request: SignedInRequest, module: Module) -> None:
        if key := request.GET.get("database"):
            self.database = get_database_for(request.user, module, int(key) if key.isdecimal() else 0)
        fallback = self.database.get_absolute_url() if self.database else reverse("records", args=[module])
        super().__init__(request, RecordList(request, module, database=self.database), fallback=fallback)
