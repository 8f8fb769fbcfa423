"""Invalid records as admins see them: those that wait, staff member by staff member, and those that were archived."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import django_filters
from django.core.paginator import Page
from django.db.models import Count
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.filters import CustomerFilter
from crm.distribution.models import BaseDatabase
from crm.distribution.querysets import RecordQuerySet
from crm.figures import get_figure
from crm.pages import page_of
from crm.registry import Module, module_of


@dataclass(frozen=True)
class Waiting:
    """The invalid records of one staff member in one module.

    `short` of them cannot be replaced now: their databases have not so many available, or are archived. With
    `contested`, there is enough for theirs, but not for those of others too.
    """

    user: User
    module: Module
    states: dict[str, int]
    short: int
    contested: bool

    @property
    def pk(self) -> int:
        return self.user.pk

    def records(self) -> RecordQuerySet:
        """All that are with the staff member."""
        return self.module.Record.objects.held_by(self.user)


@dataclass(frozen=True)
class Supply:
    """How many invalid records of a database are to be replaced, and how many of them could be now."""

    database: BaseDatabase
    wanted: int

    @property
    def missing(self) -> int:
        available = 0 if self.database.archived_at else self.database.available_count
        return max(0, self.wanted - available)


def waiting(module: Module) -> list[Waiting]:
    """One for each staff member who has any, by name."""
    records = module.Record.objects.marked_invalid().order_by()
    counts = list(records.values_list("assignee", "database").annotate(n=Count("pk")))
    wanted: Counter[int] = Counter()
    for _user, database, n in counts:
        wanted[database] += n
    databases = module.Database.objects.in_bulk(wanted)
    found = []
    for user in User.objects.filter(pk__in={user for user, _database, _n in counts}):
        own = [Supply(databases[database], n) for staff, database, n in counts if staff == user.pk]
        states = {"marked_invalid": sum(each.wanted for each in own)}
        contested = any(Supply(each.database, wanted[each.database.pk]).missing for each in own)
        found.append(Waiting(user, module, states, sum(each.missing for each in own), contested))
    return found


def supplies(records: RecordQuerySet) -> list[Supply]:
    """For each database of these invalid records, by name."""
    module = module_of(records.model)
    counts = dict(records.order_by().values_list("database").annotate(n=Count("pk")))
    databases = module.Database.objects.filter(pk__in=counts).order_by("name", "pk")
    return [Supply(database, counts[database.pk]) for database in databases]


class InvalidFilter(CustomerFilter):
    """And of which database."""

    database = django_filters.ModelChoiceFilter(label=_("Database"), queryset=None, empty_label=_("All databases"))

    def __init__(self, *args: Any, module: Module, **options: Any) -> None:
        super().__init__(*args, **options)
        self.filters["database"].queryset = module.Database.objects.order_by("name")


class InvalidList:
    """The records that wait as invalid, as the URL filters them. 404 in a module that does not validate."""

    url_name: ClassVar[str] = "invalid_records"
    figure: ClassVar[str] = "module.marked_invalid"
    ordering: ClassVar[tuple[str, ...]] = ("assignee__name", "assignee_id", "-batch_id", "row_number")
    related: ClassVar[tuple[str, ...]] = ("assignee", "batch", "database")
    prefetched: ClassVar[tuple[str, ...]] = ()

    def __init__(self, request: SignedInRequest, module: Module) -> None:
        if not module.policy.validates:
            raise Http404
        self.request = request
        self.module = module
        self.filter = InvalidFilter(request.GET, queryset=self.scope, module=module)

    def get_absolute_url(self) -> str:
        return reverse(self.url_name, args=[self.module])

    @property
    def scope(self) -> RecordQuerySet:
        return self.module.Record.objects.marked_invalid()

    @property
    def rows(self) -> RecordQuerySet:
        """What the filter matches."""
        return self.filter.qs

    @cached_property
    def total(self) -> int:
        return self.rows.order_by().count() if self.filter.narrows else get_figure(self.figure).value(self.module)

    @cached_property
    def page(self) -> Page:
        # Only the rows of the page are read; the others are no more than their keys and what orders them.
        keys = self.rows.order_by(*self.ordering).values_list("pk", flat=True)
        page = page_of(self.request, keys, total=self.total)
        records = self.module.Record.objects.select_related(*self.related).prefetch_related(*self.prefetched)
        found = records.in_bulk(page.object_list)
        page.object_list = [found[pk] for pk in page.object_list if pk in found]
        return page


class ArchivedList(InvalidList):
    """The records that were taken out as invalid, the newest first. `staff` is who had them last."""

    url_name = "archived_records"
    figure = "module.archived"
    ordering = ("-archived_at", "-pk")
    related = ("assignee", "batch", "database", "archived_by")
    prefetched = ("replacements",)

    @property
    def scope(self) -> RecordQuerySet:
        return self.module.Record.objects.archived()
