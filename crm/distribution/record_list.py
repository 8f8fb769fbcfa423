"""The list of records: what it covers, its filters, its length and its page."""

from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from django.core.paginator import Page
from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.distribution.access import get_database_for
from crm.distribution.columns import fields_of, record_columns
from crm.distribution.filters import STATUS_LABELS, RecordFilter
from crm.distribution.forms import KEY
from crm.distribution.listing import Listing, Narrowed
from crm.distribution.models import BaseBatch, BaseDatabase, Status
from crm.distribution.ordering import ORDERS_IN_DATABASE, RECORD_ORDERS, in_order
from crm.distribution.querysets import RecordQuerySet
from crm.figures import get_figure
from crm.pages import page_of
from crm.registry import Module


@dataclass(frozen=True)
class Tab:
    """A status, its number, and the list of it."""

    status: str
    label: str | Promise
    figure: str
    subject: BaseDatabase | Module | Narrowed
    url: str


FEW = 2000
"""Records that are quickly put in order. Of more than these, an index that has all in order soon meets a page."""


def _scope(module: Module, database: BaseDatabase | None) -> RecordQuerySet:
    return module.Record.objects.filter(database=database) if database else module.Record.objects.all()


class RecordList(Listing):
    """The records of a module, or of one of its databases, as the URL filters, sorts and arranges them.

    Where the filter is one that a figure counts, the length is that figure, so that the number that was clicked and
    the list it opens cannot differ, and no page counts rows that are counted already.
    """

    module: Module
    filter: RecordFilter
    has_columns = True
    folded = RecordFilter.DAYS

    def __init__(self, request: SignedInRequest, module: Module, database: BaseDatabase | None = None) -> None:
        self.database = database
        super().__init__(
            request,
            module,
            filter=RecordFilter(request.GET, queryset=_scope(module, database), in_database=database is not None),
            columns=record_columns(module, database),
            orders=ORDERS_IN_DATABASE if database else RECORD_ORDERS,
            default_order=["row_number"] if database else ["-database_id", "-row_number"],
            name="database" if database else "records",
            here=database.get_absolute_url() if database else reverse("records", args=[module]),
        )

    @classmethod
    def of_query(cls, request: SignedInRequest, module: Module) -> "RecordList":
        """The list of the database that `?database=` names, or of the whole module; 404 for what is not there."""
        key = request.GET.get("database", "")
        if not key:
            return cls(request, module)
        return cls(request, module, get_database_for(request.user, module, int(key) if KEY.fullmatch(key) else 0))

    @property
    def scope(self) -> RecordQuerySet:
        return _scope(self.module, self.database)

    @property
    def status(self) -> str:
        return self.filter.form.cleaned_data["status"] if self.filter.form.is_valid() else ""

    @property
    def can_order_held(self) -> bool:
        if not self.filter.form.is_valid():
            return False
        asked = self.filter.form.cleaned_data
        return bool(asked["state"]) or self.filter.asks_for_held or asked["status"] not in ("", *Status.of_the_pool())

    @cached_property
    def total(self) -> int:
        if self._found is not None:
            return self._found[1]
        if self.filter.errors:
            return 0
        return self._narrowed_counts[self.status] if self.filter.narrows else self._stored_total()

    @cached_property
    def _narrowed_counts(self) -> dict[str, int]:
        return self.filter.count_statuses()

    @cached_property
    def _found(self) -> tuple[list[int], int] | None:
        """The keys of what a search finds, or of some if these are many, and how many they are: names are taken to
        pieces once, not to count and again to put in order. None without a search."""
        if not (self.filter.form.is_valid() and self.filter.form.cleaned_data["q"]):
            return None
        return self.rows.some_ids_and_total(FEW + 1)

    @property
    def ordered_rows(self) -> RecordQuerySet:
        """In the list's order. Few records, and those of one person, cost only what they are, not what all are."""
        rows = self.scope.with_ids(self._found[0]) if self._found and self.total <= FEW else self.rows
        rows = in_order(rows, self.orders, self.sort) if self.sort else rows.order_by(*self.default_order)
        return rows.found_first() if self._is_of_one_person or self.total <= FEW else rows

    @property
    def _is_of_one_person(self) -> bool:
        return self.filter.form.is_valid() and bool(self.filter.form.cleaned_data["staff"])

    def _stored_total(self) -> int:
        subject, kind = (self.database, "database") if self.database else (self.module, "module")
        return get_figure(f"{kind}.{self.status or 'records'}").value(subject)

    @cached_property
    def page(self) -> Page:
        # The keys of the page come from an index; only the rows of the page are then read.
        page = page_of(self.request, self.ordered_rows.values_list("pk", flat=True), total=self.total)
        rows = self.module.Record.objects.select_related("assignee", "batch", "database__product", "reservation__staff")
        if "data" not in fields_of(self.columns):
            rows = rows.defer("data")
        found = rows.in_bulk(page.object_list)
        page.object_list = [found[pk] for pk in page.object_list if pk in found]
        return page

    def export_url(self, format: str) -> str:
        url = reverse("export_records", args=[self.module, format])
        return url + self._query(view=None, database=str(self.database.pk) if self.database else None)

    @property
    def status_tabs(self) -> list[Tab]:
        """Old data's status and conflicts are shown where there are any."""
        subject, kind = (self.database, "database") if self.database else (self.module, "module")
        tabs = [Tab("", _("All"), f"{kind}.records", subject, self.url(status=None))]
        for name, label in STATUS_LABELS.items():
            figure = f"{kind}.{name}"
            if name not in ("invalid", "conflict") or get_figure(figure).value(subject):
                tabs.append(Tab(name, label, figure, subject, self.url(status=name)))
        return self._narrowed(tabs) if self.filter.narrows else tabs

    def _narrowed(self, tabs: list[Tab]) -> list[Tab]:
        counts = self._narrowed_counts
        return [replace(tab, figure="list.tab", subject=Narrowed(tab.url, counts[tab.status])) for tab in tabs]


SHOWN = {
    "current": _("With the staff member"),
    "archived": _("Archived"),
    "invalid": _("Old status"),
    "received": _("Received"),
    "left": _("Left"),
}


class BatchList:
    """The rows behind one of a batch's counts, as `?show=` names it."""

    EVENTS = ("received", "left")
    """Who came and went; for admins alone, because those who left are with somebody else now."""

    def __init__(self, request: SignedInRequest, batch: BaseBatch) -> None:
        self.request = request
        self.batch = batch
        self.show = request.GET.get("show") or "current"
        if self.show not in self.figures:
            raise Http404
        self.operation = self._asked_operation() if self.has_events else None

    def _asked_operation(self) -> UUID | None:
        """`?operation=`: of those who came or went, those of that one."""
        try:
            return UUID(self.request.GET.get("operation") or "")
        except ValueError:
            return None

    @property
    def figures(self) -> list[str]:
        """The counts that this person can open."""
        return [name for name in SHOWN if self.request.user.is_admin or name not in self.EVENTS]

    @property
    def tabs(self) -> list[tuple[str, Promise, str]]:
        """Those who are not with the staff member now. Old data's status is shown where there is any."""
        shown = [name for name in self.figures if name != "current" and (name != "invalid" or self.batch.invalid_count)]
        return [(name, SHOWN[name], f"batch.{name}") for name in shown]

    @property
    def has_left(self) -> bool:
        """It is about records that are not with the staff member now."""
        return self.show != "current"

    @property
    def has_events(self) -> bool:
        return self.show in self.EVENTS

    @cached_property
    def page(self) -> Page:
        figure = get_figure(f"batch.{self.show}")
        rows = figure.rows_of(self.batch)
        if not self.has_events:
            rows = rows.select_related("database__product").order_by("row_number")
        if self.operation:
            return page_of(self.request, rows.filter(pgh_context=self.operation))
        return page_of(self.request, rows, total=figure.value(self.batch))
