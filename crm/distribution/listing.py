"""A list as its URL describes it: filter, order and columns, and the saved views that are names for such URLs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django import forms
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from crm.accounts.access import SignedInRequest
from crm.distribution.columns import Column
from crm.distribution.exports import MOST_XLSX_ROWS
from crm.distribution.filters import StrictFilter
from crm.distribution.models import SavedView
from crm.distribution.ordering import Order, in_order
from crm.distribution.saved_views import arrangement, views_of
from crm.figures import Figure, declare
from crm.pages import page_of
from crm.registry import Module


@dataclass(frozen=True)
class Chip:
    """A filter that is on: what it says, and the URL of the list without it."""

    label: str | Promise
    value: str
    without: str


@dataclass(frozen=True)
class Header:
    """A column's header: the URL that sorts by it, where one can, and how it is sorted now (for aria-sort)."""

    column: Column
    url: str
    sorted: str


@dataclass(frozen=True)
class Narrowed:
    """What a tab over a list is about while the list is filtered: `value` of the rows that the filter leaves. `pk` is
    the list's URL with the tab's choice.
    """

    pk: str
    value: int


declare(Figure("list.tab", _lazy("Rows of this list, as it is filtered, in this state."), stored=lambda tab: tab.value))


class Exportable(ABC):
    """A list that can be had as a file."""

    @property
    @abstractmethod
    def total(self) -> int:
        """How many rows the list has."""

    @abstractmethod
    def export_url(self, format: str) -> str:
        """The file of exactly this list."""

    @property
    def csv_url(self) -> str:
        return self.export_url("csv")

    @property
    def xlsx_url(self) -> str:
        return self.export_url("xlsx")

    @property
    def is_too_long_for_xlsx(self) -> bool:
        return self.total > MOST_XLSX_ROWS


class Listing(Exportable):
    """`here` is the URL of the list, `kind` what its saved views are for, `name` what its exports are called. A list
    that is about no one module has none.
    """

    name: str
    has_columns = False
    """The columns can be chosen."""

    folded: tuple[str, ...] = ()
    """Fields of the filter that are shown on demand."""

    def __init__(
        self,
        request: SignedInRequest,
        module: Module | None,
        *,
        filter: StrictFilter,
        columns: Sequence[Column],
        orders: Mapping[str, Order],
        default_order: Sequence[Any],
        name: str,
        here: str,
    ) -> None:
        self.request = request
        self.module: Any = module  # None for a list over all of them, which has a `kind` of its own
        self.filter = filter
        self.available_columns = columns
        self.orders = orders
        self.default_order = default_order
        self.name = name
        self.here = here

    # --- Rows ---

    @property
    def rows(self) -> Any:
        """What the filter matches, as a queryset of the rows' own kind."""
        return self.filter.qs

    @property
    def ordered_rows(self) -> QuerySet:
        return in_order(self.rows, self.orders, self.sort) if self.sort else self.rows.order_by(*self.default_order)

    @cached_property
    def page(self) -> Page:
        return page_of(self.request, self.ordered_rows, total=self.total)

    @cached_property
    def total(self) -> int:
        return self.rows.order_by().count()

    # --- Order ---

    @property
    def can_order_held(self) -> bool:
        """The list is of records that are or were with somebody, so that the orders of those make sense."""
        return True

    @cached_property
    def sort(self) -> str:
        """The order that is asked for, if there is one of that name here; a minus in front for descending."""
        asked = self.request.GET.get("sort", "")
        order = self.orders.get(asked.removeprefix("-"))
        return asked if order and (self.can_order_held or not order.held) else ""

    @property
    def headers(self) -> list[Header]:
        return [self._header(column) for column in self.columns if not column.in_file_only]

    def _header(self, column: Column) -> Header:
        name = column.sort.removeprefix("-")
        if name not in self.orders:
            return Header(column, "", "")
        changes = {"sort": _other_way(self.sort) if self.sort.removeprefix("-") == name else column.sort}
        if self.orders[name].held and not self.can_order_held:
            changes["status"] = "assigned"
        now = ""
        if self.sort.removeprefix("-") == name:
            now = "descending" if self.sort.startswith("-") else "ascending"
        return Header(column, self.url(**changes), now)

    # --- Columns ---

    @cached_property
    def columns(self) -> list[Column]:
        """Those that are chosen, in their own order; the first is always there."""
        chosen = set(self.request.GET.getlist("cols")) if self.has_columns else set()
        if not chosen & {column.key for column in self.available_columns}:
            return [column for column in self.available_columns if column.default or not self.has_columns]
        first, *others = self.available_columns
        return [first, *(column for column in others if column.key in chosen)]

    # --- URLs ---

    def url(self, **changes: str | None) -> str:
        """The list with these changes, on its first page; None takes a key out."""
        return self.here + self._query(**changes)

    def _query(self, **changes: str | None) -> str:
        query = QueryDict(mutable=True)
        for key, values in self.request.GET.lists():
            if key != "page" and key not in changes and any(values):
                query.setlist(key, [value for value in values if value])
        query.update({key: value for key, value in changes.items() if value})
        return f"?{query.urlencode()}" if query else ""

    def kept(self, *left_out: str) -> list[tuple[str, str]]:
        """What a form of this list has to send along with its own fields."""
        return [
            (key, value)
            for key, values in self.request.GET.lists()
            for value in values
            if key not in left_out and key != "page"
        ]

    @property
    def kept_by_filter(self) -> list[tuple[str, str]]:
        return self.kept(*(field.name for field in self.filter.form.visible_fields()))

    @property
    def kept_by_columns(self) -> list[tuple[str, str]]:
        return self.kept("cols")

    @property
    def default_columns_url(self) -> str:
        return self.url(cols=None)

    @property
    def url_of_page(self) -> str:
        """This page of the list."""
        number = self.page.number
        return self.url(page=str(number) if number > 1 else None)

    def export_url(self, format: str) -> str:
        args = [self.module, format] if self.module else [format]
        return reverse(f"export_{self.name}", args=args) + self._query(view=None)

    # --- Filters ---

    @property
    def filter_fields(self) -> list[forms.BoundField]:
        """Those that are always in sight."""
        return [field for field in self.filter.form.visible_fields() if field.name not in self.folded]

    @property
    def folded_fields(self) -> list[forms.BoundField]:
        return [self.filter.form[name] for name in self.folded]

    @property
    def has_folded_error(self) -> bool:
        return any(name in self.filter.form.errors for name in self.folded)

    @property
    def chips(self) -> list[Chip]:
        form = self.filter.form
        if not form.is_valid():
            return []
        return [
            Chip(field.label, _said(field, form.cleaned_data[name]), self.url(**{name: None}))
            for name, field in form.fields.items()
            if form.cleaned_data[name] and not isinstance(field.widget, forms.HiddenInput)
        ]

    @property
    def is_filtered(self) -> bool:
        return any(self.request.GET.get(name) for name in self.filter.form.fields)

    @property
    def cleared(self) -> str:
        """The list without any filter."""
        return self.url(**dict.fromkeys(self.filter.form.fields))

    # --- Saved views ---

    @property
    def kind(self) -> str:
        return f"{self.module.key}/{self.name}" if self.module else self.name

    @cached_property
    def views(self) -> list[SavedView]:
        return list(views_of(self.request.user, self.kind))

    @property
    def view(self) -> SavedView | None:
        """The one that was opened; the list may have been changed since."""
        key = self.request.GET.get("view", "")
        return next((view for view in self.views if str(view.pk) == key), None)

    @property
    def arrangement(self) -> str:
        """What a saved view keeps."""
        return arrangement(self.kind, self.request.GET)

    @property
    def is_changed(self) -> bool:
        """The opened view is not what is shown."""
        return self.view is not None and self.view.query != self.arrangement

    @property
    def view_tabs(self) -> list[tuple[SavedView, str]]:
        """Each view and the URL that opens it."""
        tabs = []
        for view in self.views:
            query = QueryDict(view.query, mutable=True)
            query["view"] = str(view.pk)
            tabs.append((view, f"{self.here}?{query.urlencode()}"))
        return tabs


def _other_way(sort: str) -> str:
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def _said(field: forms.Field, value: Any) -> str:
    if isinstance(value, date):
        return date_format(value, "j M Y")
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        return next(str(label) for choice, label in field.widget.choices if choice == value)
    return _("“%(text)s”") % {"text": value} if isinstance(value, str) else str(value)
