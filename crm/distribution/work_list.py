"""The list that staff work: the records of a batch, or all that are with somebody in a module."""

from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page
from django.db.models import Count, F, QuerySet
from django.db.models.expressions import OrderBy
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.distribution.access import get_batch_for
from crm.distribution.figures import STATE_LABELS
from crm.distribution.filters import search_records
from crm.distribution.forms import KEY
from crm.distribution.holdings import Holding, holding
from crm.distribution.listing import Exportable, Narrowed
from crm.distribution.models import BaseBatch
from crm.distribution.querysets import WORK_STATES, RecordQuerySet
from crm.distribution.work_forms import WorkSearchForm
from crm.figures import get_figure
from crm.pages import ROWS_PER_PAGE, page_of
from crm.registry import Module

SORTS: dict[str, tuple[Promise, list[str | OrderBy]]] = {
    "row": (_("Row"), ["row_number", "pk"]),
    "newest": (_("Newest"), ["-assigned_at", "-pk"]),
    "worked": (_("Last worked"), [F("worked_at").desc(nulls_last=True), "pk"]),
    "follow_up": (_("Follow-up"), [F("follow_up_on").asc(nulls_last=True), "pk"]),
}

TABS = ["to_do", "reached", "responded", "said_yes"]
VALIDATION_TABS = ["marked_valid", "marked_invalid"]


class WorkList(Exportable):
    """What the URL says: `state` (one of WORK_STATES), `q`, `sort`, and `page` or `at`, a record to begin with.

    Where the filter is one that a figure counts, the length is that figure.
    """

    database = None
    """It is not about one; what acts on a selection asks."""

    def __init__(self, request: SignedInRequest, module: Module, *, batch: BaseBatch | None = None) -> None:
        self.request = request
        self.module = module
        self.batch = batch
        self.state = request.GET.get("state", "")
        self.q = request.GET.get("q", "").replace("\0", "").strip()[:100]
        self.sort = request.GET.get("sort", "")
        if self.sort not in self.sorts:
            self.sort = self.sorts[0]

    @classmethod
    def of_query(cls, request: SignedInRequest, module: Module) -> "WorkList":
        """The list that `?batch=` names, or the person's own records of the module; 404 for what is not theirs."""
        key = request.GET.get("batch", "")
        if not key:
            return cls(request, module)
        return cls(request, module, batch=get_batch_for(request.user, module, int(key) if KEY.fullmatch(key) else 0))

    @cached_property
    def subject(self) -> BaseBatch | Holding:
        """What its figures are about."""
        return self.batch or holding(self.module, self.request.user)

    @property
    def kind(self) -> str:
        return "batch" if self.batch else "mine"

    @property
    def scope(self) -> RecordQuerySet:
        if self.batch:
            return self.module.Record.objects.filter(batch=self.batch).assigned()
        return self.module.Record.objects.held_by(self.request.user)

    @property
    def rows(self) -> RecordQuerySet:
        """What the filter matches; a state that does not exist matches nothing."""
        if self.state and self.state not in STATE_LABELS:
            return self.scope.none()
        rows = self.scope.in_state(self.state) if self.state else self.scope
        return search_records(rows, self.q) if self.q else rows

    @property
    def ordered_rows(self) -> RecordQuerySet:
        """In the list's order. The first of the orders is that of an index of the batch or of the person."""
        rows = self.rows.order_by(*SORTS[self.sort][1])
        return rows if self.sort == self.sorts[0] else rows.found_first()

    @property
    def sorts(self) -> list[str]:
        return ["row" if self.batch else "newest", "worked", "follow_up"]

    @property
    def form(self) -> WorkSearchForm:
        return WorkSearchForm(q=self.q, sort=self.sort, sorts={name: SORTS[name][0] for name in self.sorts})

    @property
    def figure(self) -> str:
        """The figure that counts what the state selects."""
        return f"{self.kind}.{self.state or ('current' if self.batch else 'assigned')}"

    @cached_property
    def total(self) -> int:
        if self.q or (self.state and self.state not in STATE_LABELS):
            return self.rows.order_by().count()
        return get_figure(self.figure).value(self.subject)

    @cached_property
    def _keys_and_page(self) -> tuple[list[int], Page]:
        """The keys of the page's rows and of the one after them."""
        keys = self.ordered_rows.values_list("pk", flat=True)
        page = page_of(self.request, keys, total=self.total, number=self._page_of_at(keys))
        start = (page.number - 1) * ROWS_PER_PAGE
        return list(keys[start : start + ROWS_PER_PAGE + 1]), page

    @cached_property
    def page(self) -> Page:
        keys, page = self._keys_and_page
        related = ("database__product", "batch", "assignee", "reservation__staff")
        found = self.module.Record.objects.select_related(*related).in_bulk(keys[:ROWS_PER_PAGE])
        page.object_list = [found[pk] for pk in keys[:ROWS_PER_PAGE] if pk in found]
        return page

    @property
    def at(self) -> int | None:
        """The record to begin with."""
        key = self.request.GET.get("at", "")
        return int(key) if KEY.fullmatch(key) else None

    def _page_of_at(self, keys: QuerySet) -> int | None:
        """The page on which the record to begin with is, if the list has it."""
        if self.at is None or not self.rows.filter(pk=self.at).exists():
            return None
        return list(keys).index(self.at) // ROWS_PER_PAGE + 1

    @property
    def next_at(self) -> int | None:
        """The first record after this page. A link there misses none, however many rows have left the list since."""
        keys, _page = self._keys_and_page
        return keys[ROWS_PER_PAGE] if len(keys) > ROWS_PER_PAGE else None

    def export_url(self, format: str) -> str:
        if self.batch:
            path = reverse("export_batch", args=[self.module, self.batch.pk, format])
        else:
            path = reverse("export_my_records", args=[self.module, format])
        return f"{path}?{urlencode({'state': self.state, 'q': self.q, 'sort': self.sort})}"

    @property
    def tabs(self) -> list[tuple[str, Promise, str, Any]]:
        """Each state: its value in the URL, its name, its figure, and what that is about. Conflicts are shown where
        there are any.
        """
        states = [*TABS, *(VALIDATION_TABS if self.module.policy.validates else [])]
        if get_figure(f"{self.kind}.conflict").value(self.subject):
            states.append("conflict")
        if self.state in STATE_LABELS and self.state not in states:
            states.append(self.state)
        if self.q:
            return [
                (state, STATE_LABELS.get(state, _("All")), "list.tab", each)
                for state, each in zip(["", *states], self._narrowed(states), strict=True)
            ]
        whole = ("", _("All"), f"{self.kind}.{'current' if self.batch else 'assigned'}", self.subject)
        return [whole, *((state, STATE_LABELS[state], f"{self.kind}.{state}", self.subject) for state in states)]

    def _narrowed(self, states: list[str]) -> list[Narrowed]:
        """What the search leaves of all and of each of these states; in one query."""
        counts = {state: Count("pk", filter=WORK_STATES[state]()) for state in states}
        found = search_records(self.scope, self.q).order_by().aggregate(whole=Count("pk"), **counts)
        here = f"{self.kind}/{self.subject.pk}?{urlencode({'q': self.q})}"
        return [Narrowed(f"{here}&state={state}", found[state or "whole"]) for state in ["", *states]]
