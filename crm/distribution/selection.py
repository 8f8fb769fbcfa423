"""The records that an action is about: those chosen in a list, or everything that the list's filter matches."""

from collections import Counter
from copy import copy
from functools import cached_property
from typing import Any, Protocol

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, Count, Value
from django.db.models.functions import MD5, Cast, Concat
from django.http import Http404

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.conflict_list import ConflictList
from crm.distribution.coverage import owners
from crm.distribution.forms import SelectionForm
from crm.distribution.models import BaseDatabase
from crm.distribution.querysets import RecordQuerySet
from crm.distribution.record_list import RecordList
from crm.pages import safe_path
from crm.registry import Module, modules


class Rows(Protocol):
    """A list whose rows can be chosen: `rows` is what its filter matches, `scope` what it would be without."""

    @property
    def rows(self) -> Any: ...

    @property
    def scope(self) -> Any: ...


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

    @cached_property
    def parts(self) -> list[RecordQuerySet]:
        """The rows, those of each module apart."""
        return [self.list.rows if self.everything else self.list.scope.with_ids(self.ids)]

    @property
    def records(self) -> RecordQuerySet:
        """The rows of a selection in one module."""
        [records] = self.parts
        return records

    def locked(self) -> "Selection":
        """The same rows, however the filter may match by now; nobody changes them until the transaction ends."""
        locked = copy(self)
        locked.parts = [part.model.objects.with_ids(part.locked_ids()) for part in self.parts]
        locked.forget()
        return locked

    def forget(self) -> None:
        """What is known of the rows is looked up again."""
        for known in ("count", "holders", "owners"):
            vars(self).pop(known, None)

    @cached_property
    def count(self) -> int:
        return sum(part.count() for part in self.parts)

    @cached_property
    def holders(self) -> list[tuple[User, int]]:
        """Who has how many of them now, most first."""
        counts: Counter[int] = Counter()
        for part in self.parts:
            counts.update(dict(part.assigned().order_by().values_list("assignee").annotate(n=Count("pk"))))
        people = User.objects.filter(pk__in=counts)
        return sorted(((user, counts[user.pk]) for user in people), key=lambda pair: -pair[1])

    @cached_property
    def owners(self) -> list[tuple[User, int]]:
        """Who has reserved the customers of those in conflict, and how many of these nobody else has reserved."""
        counts: Counter[int] = Counter()
        for part in self.parts:
            named = dict(part.in_conflict().order_by().values_list("pk", "reservation__staff"))
            all_of = owners(part.model, named)
            for pk, staff in named.items():
                counts[staff] += all_of.get(pk) == [staff]
        return [(user, counts[user.pk]) for user in User.objects.filter(pk__in=counts).order_by("pk")]

    @property
    def fingerprint(self) -> str:
        """What the user was shown: how many, with whom how many, which, and whose the customer of each is. An action
        is refused when it is different now.
        """
        each = Concat(Cast("pk", CharField()), Value(":"), Cast("reservation__staff", CharField()))
        keys = StringAgg(each, ",", order_by="pk")
        which = [part.order_by().aggregate(which=MD5(keys))["which"] or "" for part in self.parts]
        return ";".join([str(self.count), *(f"{user.pk}:{n}" for user, n in self.holders), *which])


class DeskSelection(Selection):
    """Out of the lists of admins. `?database=` narrows it to a database."""

    def __init__(self, request: SignedInRequest, module: Module) -> None:
        rows = RecordList.of_query(request, module)
        self.database = rows.database
        super().__init__(request, rows, fallback=rows.here)


class LogSelection(Selection):
    """Out of the log of conflicts: the records of those that are open, in each module. `ids` are the log's own."""

    def __init__(self, request: SignedInRequest) -> None:
        self.log = ConflictList(request)
        super().__init__(request, self.log, fallback=self.log.here)

    @cached_property
    def parts(self) -> list[RecordQuerySet]:
        chosen = self.log.rows if self.everything else self.log.scope.filter(pk__in=self.ids)
        return [
            module.Record.objects.filter(pk__in=chosen.open().filter(module=module.key).values("record_id"))
            for module in modules()
        ]
