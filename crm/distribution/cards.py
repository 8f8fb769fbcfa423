"""The batch cards of a staff member: in which order, and where they go on."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.access import batches_for
from crm.distribution.holdings import with_states
from crm.distribution.models import BaseBatch, BaseRecord
from crm.registry import Module

ORDERS: dict[str, Promise] = {"newest": _("Newest"), "name": _("Name"), "to_do": _("Most to do")}


def cards(module: Module, user: User, *, order: str = "") -> list[BaseBatch]:
    """The person's batches with records, pinned ones first, each with its counts; in a fixed number of queries."""
    batches = with_states(module, batches_for(user, module).holding())
    if order == "name":
        batches.sort(key=lambda batch: str(batch).casefold())
    elif order == "to_do":
        batches.sort(key=lambda batch: -batch.states["to_do"])
    batches.sort(key=lambda batch: not batch.is_pinned)
    return batches


def last_worked(among: Iterable[Module], user: User) -> BaseBatch | None:
    """Of the batches with something to do, the one in which the person noted something last, with its counts. What was
    noted before a record came to them was noted by somebody else.
    """
    found: list[tuple[datetime, int, Module]] = []
    for module in among:
        to_do = module.Record.objects.held_by(user).in_state("to_do").order_by().values("batch")
        theirs = module.Record.objects.filter(assignee=user, batch__in=to_do, worked_at__gte=F("assigned_at"))
        if last := theirs.order_by("-worked_at").values_list("worked_at", "batch").first():
            found.append((*last, module))
    if not found:
        return None
    _at, key, module = max(found, key=lambda each: each[0])
    return with_states(module, module.Batch.objects.select_related("database__product").filter(pk=key))[0]


def next_to_do(batch: BaseBatch) -> BaseRecord | None:
    """The first record to do after the one last worked; else the first to do, else the first; None of none."""
    rows = batch.module.Record.objects.filter(batch=batch).assigned().order_by("row_number", "pk")
    to_do = rows.in_state("to_do")
    last = rows.exclude(worked_at=None).order_by("-worked_at").first()
    after = to_do.filter(row_number__gt=last.row_number).first() if last else None
    return after or to_do.first() or rows.first()
