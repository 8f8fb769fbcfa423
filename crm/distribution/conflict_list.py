"""The log of conflicts as a list: its columns, its order, and whether it is shown row by row or counted."""

from typing import Any

from django.db.models import Case, CharField, F, OuterRef, QuerySet, Subquery, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.access import SignedInRequest
from crm.distribution.columns import Column
from crm.distribution.conflict_filter import BY, STATES, ConflictFilter, how
from crm.distribution.conflict_log import Conflict, ConflictQuerySet
from crm.distribution.listing import Listing, Narrowed
from crm.distribution.ordering import Order
from crm.distribution.reserving.figures import TEAM
from crm.registry import get_module, modules


def _module(key: str) -> str:
    return str(get_module(key).label)


def _person(name: str | None, username: str | None) -> str:
    return name or username or ""


def _state(closed_at: Any) -> str:
    return str(STATES["resolved" if closed_at else "open"][0])


COLUMNS = [
    Column("customer", gettext_lazy("Customer"), ("customer_id",)),
    Column("product", gettext_lazy("Product"), ("product__name",), in_file_only=True),
    Column("database", gettext_lazy("Database"), ("database_name",)),
    Column("module", gettext_lazy("Module"), ("module",), _module, in_file_only=True),
    Column("staff", gettext_lazy("Was with"), ("staff__name", "staff__username"), _person),
    Column("reserved_by", gettext_lazy("Reserved by"), ("reserved_by__name", "reserved_by__username"), _person),
    Column("opened", gettext_lazy("Began"), ("opened_at",), sort="-opened"),
    Column("state", gettext_lazy("State"), ("closed_at",), _state, sort="-closed"),
    Column("how", gettext_lazy("Resolved how"), ("resolution",), how, in_file_only=True),
    Column("by", gettext_lazy("By"), ("closed_by__name", "closed_by__username"), _person, in_file_only=True),
    Column("closed", gettext_lazy("Ended"), ("closed_at",), in_file_only=True),
    Column("note", gettext_lazy("Note"), ("note",), in_file_only=True),
]

ORDERS = {
    "opened": Order(("opened_at", "pk")),
    "closed": Order((F("closed_at").asc(nulls_first=True), "opened_at", "pk")),
}


def database_name() -> Case:
    """What the database of each is called; nothing for one that is gone."""
    return Case(
        *(
            When(
                module=module.key,
                then=Subquery(module.Database.objects.filter(pk=OuterRef("database_id")).values("name")),
            )
            for module in modules()
        ),
        output_field=CharField(),
    )


class ConflictList(Listing):
    """The log as the URL filters and sorts it."""

    filter: ConflictFilter
    folded = ConflictFilter.DAYS

    def __init__(self, request: SignedInRequest) -> None:
        super().__init__(
            request,
            None,
            filter=ConflictFilter(request.GET, self.scope),
            columns=COLUMNS,
            orders=ORDERS,
            default_order=["-opened_at", "-pk"],
            name="conflicts",
            here=reverse("conflicts"),
        )

    @property
    def scope(self) -> ConflictQuerySet:
        related = ("product", "staff", "reserved_by", "closed_by")
        return Conflict.objects.select_related(*related)

    @property
    def ordered_rows(self) -> QuerySet:
        return super().ordered_rows.annotate(database_name=database_name())

    @property
    def is_too_long_for_xlsx(self) -> bool:
        return not self.by and super().is_too_long_for_xlsx

    @property
    def state(self) -> str:
        return self.filter.form.cleaned_data["state"] if self.filter.form.is_valid() else ""

    @property
    def tabs(self) -> list[tuple[str, str | Promise, str, Any, str]]:
        """Each state: its value, its name, its figure, what that is about, and the list of it."""
        each = {"": (_("All"), "conflicts.all"), **STATES}
        tabs: list[tuple[str, str | Promise, str, Any, str]] = []
        for name, (label, figure) in each.items():
            url = self.url(state=name or None, by=None)
            subject: Any = TEAM
            if self.filter.narrows:
                rows = self.filter.but_with(state=name).qs
                figure, subject = "list.tab", Narrowed(url, rows.order_by().count())
            tabs.append((name, label, figure, subject, url))
        return tabs

    @property
    def chosen_tab(self) -> str | None:
        """None while it is counted, not listed."""
        return None if self.by else self.state

    @property
    def summaries(self) -> list[tuple[str, str | Promise, str]]:
        """The ways to look at it: row by row, or counted for each day or person. Their names and URLs."""
        return [("", _("Log"), self.url(by=None)), *((by, label, self.url(by=by)) for by, label in BY.items())]

    @property
    def by(self) -> str:
        asked = self.request.GET.get("by", "")
        return asked if asked in BY else ""
