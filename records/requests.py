"""Requests: a staff member asks for records of a database, an admin or the rule approves.

A request that waits holds its records: they are out of the pool and name it. Locks are taken in one order: the staff
member, the request, the records.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.coverage import back_to_pool, not_for
from crm.distribution.draw import TooFew, check_in_use, draw
from crm.distribution.models import ModuleSettings, Status
from crm.distribution.settings import settings_of
from crm.errors import Refused
from crm.history import at_the_end, operation
from crm.notices.models import Kind
from crm.notices.services import alert, notify, settle
from records.models import AutoApprove, Batch, Database, Record, Request
from records.policy import MODULE


@dataclass
class Decided:
    """`done` requests, for `records` records, were decided; `late` had been decided, or withdrawn, before; `refused`
    ones say why not.

    `swapped` held records were not free any more, and others of the same database took their place.
    """

    done: int = 0
    records: int = 0
    late: int = 0
    swapped: int = 0
    refused: list[str] = field(default_factory=list)


def request_records(*, database: Database, quantity: int, by: User) -> Request:
    """Asks for `quantity` records of the database and holds them; approved at once where the rule says so.

    Raises Refused: too many for one request, too few in the pool, or the database is archived.
    """
    most = settings_of(MODULE).most_per_request
    if not 1 <= quantity <= most:
        raise Refused(_("Ask for 1 to %(most)s records at once.") % {"most": most})
    with operation("request.make", by=by):
        lock_working(by)
        check_in_use(database)
        request = Request.objects.create(database=database, staff=by, quantity=quantity)
        _hold(request, _draw(database, quantity))
        if approves_itself(database):
            _approve(request, by=None)
        else:
            _raise_alert(request)
        return request


def approves_itself(database: Database, set_so: ModuleSettings | None = None) -> bool:
    """The database's own setting, or else the module's (`set_so`, where the caller has it)."""
    if database.auto_approve == AutoApprove.INHERIT:
        return (set_so or settings_of(MODULE)).auto_approve
    return database.auto_approve == AutoApprove.AUTO


def change_auto_approve(*, database: Database, auto_approve: AutoApprove, by: User) -> None:
    with operation("database.auto_approve", by=by):
        Database.objects.filter(pk=database.pk).exclude(auto_approve=auto_approve).update(auto_approve=auto_approve)


def approve_requests(*, requests: Iterable[Request], by: User) -> Decided:
    """Hands the records of each waiting request to the one who asked, in a new batch each.

    Each is decided by itself: one that cannot be approved goes on waiting, and the others are.
    """
    asked = [request.pk for request in requests]
    with operation("request.approve", by=by):
        people = User.objects.working().filter(pk__in=Request.objects.filter(pk__in=asked).values("staff"))
        for staff in people.order_by("pk"):
            lock_working(staff)
        waiting = _locked(asked)
        decided = Decided(late=len(asked) - len(waiting))
        for request in waiting:
            try:
                with transaction.atomic():
                    decided.swapped += _approve(request, by=by)
                decided.done += 1
                decided.records += request.quantity
            except Refused as refused:
                decided.refused.append(f"{request.staff}, {request.database}: {refused}")
        return decided


def reject_requests(*, requests: Iterable[Request], by: User | None, reason: str = "") -> Decided:
    """Turns waiting requests down; their records go back to the pool."""
    asked, reason = [request.pk for request in requests], reason.strip()
    with operation("request.reject", by=by):
        waiting = _locked(asked)
        for request in waiting:
            _close(request, Request.State.REJECTED, by, reason)
            text = _("Your request for %(n)d records of %(database)s was not approved.")
            text %= {"n": request.quantity, "database": request.database}
            notify(
                users=[request.staff],
                kind=Kind.REQUEST_DECIDED,
                text=f"{text} {reason}".strip(),
                url=reverse("my_requests"),
            )
        records = sum(request.quantity for request in waiting)
        return Decided(done=len(waiting), records=records, late=len(asked) - len(waiting))


def cancel_request(*, request: Request, by: User) -> None:
    """Takes one's own waiting request back; its records go back to the pool. Raises Refused when it was decided."""
    with operation("request.cancel", by=by):
        waiting = _locked([request.pk])
        if not waiting:
            raise Refused(_("This request was decided already. Nothing was changed."))
        _close(waiting[0], Request.State.CANCELLED, by, "")


def lock_requests_of(person: User) -> list[int]:
    """Locks what somebody has asked for and not yet got; the keys of the records that are held for it."""
    waiting = Request.objects.of(person).pending().order_by("pk").select_for_update(of=["self"], no_key=True)
    return list(Record.objects.filter(request__in=list(waiting)).values_list("pk", flat=True))


def cancel_requests_of(person: User, *, by: User | None) -> None:
    """Somebody leaves: what they asked for goes back to the pool."""
    with operation("request.cancel", by=by):
        for request in _locked(list(Request.objects.of(person).pending().values_list("pk", flat=True))):
            _close(request, Request.State.CANCELLED, by, "")


def _locked(keys: list[int]) -> list[Request]:
    """Those of the requests that still wait, locked, and all that they hold.

    In the order of their databases, whose counts then change one after the other as everybody changes them.
    """
    waiting = Request.objects.pending().filter(pk__in=keys).select_related("staff", "database")
    requests = list(waiting.order_by("pk").select_for_update(of=["self"], no_key=True))
    Record.objects.filter(request__in=requests).locked_ids()
    return sorted(requests, key=lambda request: (request.database_id, request.pk))


def _draw(database: Database, count: int) -> list[int]:
    try:
        return draw(MODULE, database, count)
    except TooFew as few:
        text = ngettext(
            "Only %(possible)d record is available, %(count)d were asked for. Nothing was changed.",
            "Only %(possible)d records are available, %(count)d were asked for. Nothing was changed.",
            few.possible,
        ) % {"possible": few.possible, "count": count}
        raise TooFew(text if few.possible < count else str(few), few.possible) from few


def _hold(request: Request, ids: list[int]) -> None:
    held = Record.objects.with_ids(ids).in_pool().update(status=Status.REQUESTED, request=request)
    if held != len(ids):
        raise RuntimeError(f"{held} of {len(ids)} locked records were held")


def _approve(request: Request, *, by: User | None) -> int:
    """Exactly as many as were asked for; returns how many others took the place of what is not held any more.

    `by` is None for the rule; the records then name the one who asked.
    """
    lock_working(request.staff)
    check_in_use(request.database)
    held = Record.objects.filter(request=request).locked_ids()
    reserved = not_for(Record, held, request.staff_id)
    back_to_pool(Record, sorted(reserved))
    missing = request.quantity - len(held) + len(reserved)
    if missing > 0:
        _hold(request, _draw(request.database, missing))
    batch = Batch.objects.create(database=request.database, staff=request.staff, created_by=by or request.staff)
    given = Record.objects.filter(request=request).update(
        status=Status.ASSIGNED,
        request=None,
        assignee=request.staff,
        assigned_by=by or request.staff,
        assigned_at=Now(),
        batch=batch,
    )
    if given != request.quantity:
        raise RuntimeError(f"request {request.pk} held {given} records instead of {request.quantity}")
    request.state, request.batch = Request.State.APPROVED, batch
    Request.objects.filter(pk=request.pk).update(
        state=request.state, decided_at=Now(), decided_by=by, batch=request.batch
    )
    notify(
        users=[request.staff],
        kind=Kind.REQUEST_DECIDED,
        text=ngettext(
            "Your request is approved: %(n)d record of %(database)s is yours.",
            "Your request is approved: %(n)d records of %(database)s are yours.",
            request.quantity,
        )
        % {"n": request.quantity, "database": request.database},
        url=batch.get_absolute_url(),
    )
    _settle_alert(request)
    return missing


def _close(request: Request, state: str, by: User | None, reason: str) -> None:
    back_to_pool(Record, Record.objects.filter(request=request).locked_ids())
    Request.objects.filter(pk=request.pk).update(state=state, decided_at=Now(), decided_by=by, reason=reason[:300])
    _settle_alert(request)


def _about(request: Request) -> str:
    return f"request/{request.pk}/"


def _settle_alert(request: Request) -> None:
    at_the_end(_about(request), partial(settle, about=_about(request)))


def _raise_alert(request: Request) -> None:
    alert(
        users=User.objects.admins(),
        kind=Kind.REQUEST_MADE,
        text=ngettext(
            "%(name)s asks for %(n)d record of %(database)s.",
            "%(name)s asks for %(n)d records of %(database)s.",
            request.quantity,
        )
        % {"name": request.staff, "n": request.quantity, "database": request.database},
        url=reverse("requests"),
        about=_about(request),
    )
