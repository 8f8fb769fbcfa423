"""The list of records: what it covers, its filters, its length and its page."""

from functools import cached_property

from django.core.paginator import Page
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.distribution.filters import STATUS_LABELS, RecordFilter
from crm.distribution.models import BaseBatch, BaseDatabase
from crm.distribution.querysets import RecordQuerySet
from crm.figures import get_figure
from crm.pages import page_of
from crm.registry import Module


class RecordList:
    """The records of a module, or of one of its databases, as the URL filters them.

    Where the filter is one that a figure counts, the length is that figure, so that the number that was clicked and
    the list it opens cannot differ, and no page counts rows that are counted already.
    """

    def __init__(self, request: SignedInRequest, module: Module, database: BaseDatabase | None = None) -> None:
        self.request = request
        self.module = module
        self.database = database
        self.filter = RecordFilter(request.GET, queryset=self.scope)

    @property
    def scope(self) -> RecordQuerySet:
        if self.database:
            return self.module.Record.objects.filter(database=self.database)
        return self.module.Record.objects.all()

    @property
    def rows(self) -> RecordQuerySet:
        """What the filter matches. One that makes no sense matches nothing: an action on all that match must not
        be about more than somebody asked for."""
        return self.filter.qs if self.filter.form.is_valid() else self.scope.none()

    @property
    def status(self) -> str:
        return self.filter.form.cleaned_data["status"] if self.filter.form.is_valid() else ""

    @cached_property
    def total(self) -> int:
        if not self.filter.form.is_valid():
            return 0
        narrowed = [name for name, value in self.filter.form.cleaned_data.items() if value and name != "status"]
        return self.rows.order_by().count() if narrowed else self._stored_total()

    def _stored_total(self) -> int:
        subject, kind = (self.database, "database") if self.database else (self.module, "module")
        return get_figure(f"{kind}.{self.status or 'records'}").value(subject)

    @cached_property
    def page(self) -> Page:
        # The keys of the page come from an index alone; only the rows of the page are then read.
        ordering = ["row_number"] if self.database else ["-database_id", "-row_number"]
        keys = self.rows.order_by(*ordering).values_list("pk", flat=True)
        page = page_of(self.request, keys, total=self.total)
        found = self.module.Record.objects.select_related("assignee", "batch", "database").in_bulk(page.object_list)
        page.object_list = [found[pk] for pk in page.object_list if pk in found]
        return page

    @property
    def tabs(self) -> list[tuple[str, Promise, str, BaseDatabase | Module]]:
        """Each status: its value in the URL, its name, its figure and what that is about."""
        subject, kind = (self.database, "database") if self.database else (self.module, "module")
        tabs: list[tuple[str, Promise, str, BaseDatabase | Module]] = [("", _("All"), f"{kind}.records", subject)]
        for name, label in STATUS_LABELS.items():
            figure = f"{kind}.{name}"
            # Old data's status and conflicts are shown where there are any.
            if name not in ("invalid", "conflict") or get_figure(figure).value(subject):
                tabs.append((name, label, figure, subject))
        return tabs


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

    @property
    def figures(self) -> list[str]:
        """The counts that this person can open."""
        return [name for name in SHOWN if self.request.user.is_admin or name not in self.EVENTS]

    @property
    def tabs(self) -> list[tuple[str, Promise, str]]:
        """Old data's status is shown where there is any."""
        shown = [name for name in self.figures if name != "invalid" or self.batch.invalid_count]
        return [(name, SHOWN[name], f"batch.{name}") for name in shown]

    @property
    def has_events(self) -> bool:
        return self.show in self.EVENTS

    @cached_property
    def page(self) -> Page:
        figure = get_figure(f"batch.{self.show}")
        rows = figure.rows_of(self.batch)
        if not self.has_events:
            rows = rows.select_related("assignee", "database").order_by("row_number")
        return page_of(self.request, rows, total=figure.value(self.batch))
