"""Requests: a staff member asks for records of a database, an admin or the rule approves.

A request that waits holds its records: they are out of the pool and name it. Locks are taken in one order: the staff
member, the request, the records.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import User
from crm.distribution.assignment import back_to_pool, lock_working
from crm.distribution.draw import draw
from crm.distribution.models import Status
from crm.distribution.validation import settings_of
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Kind
from crm.notices.services import notify
from records.models import AutoApprove, Batch, Database, Record, Request
from records.policy import MODULE


@dataclass(frozen=True)
class Decided:
    """`done` requests were decided; `skipped` had been decided, or withdrawn, before."""

    done: int
    skipped: int


def request_records(*, database: Database, quantity: int, by: User) -> Request:
    """Asks for `quantity` records of the database and holds them; approved at once where the rule says so.

    Raises Refused: too many for one request, too few in the pool, or the database is archived.
    """
    most = settings_of(MODULE).most_per_request
    if not 1 <= quantity <= most:
        raise Refused(_("Ask for 1 to %(most)s records at once.") % {"most": most})
    if database.archived_at:
        raise Refused(_("This database is archived; its records cannot be requested."))
    with operation("request.make", by=by):
        lock_working(by)
        request = Request.objects.create(database=database, staff=by, quantity=quantity)
        held = draw(MODULE, database, quantity)
        _hold(request, held)
        if approves_itself(database):
            _approve(request, by=None)
    return request


def approves_itself(database: Database) -> bool:
    """The database's own setting, or else the module's."""
    if database.auto_approve == AutoApprove.INHERIT:
        return settings_of(MODULE).auto_approve
    return database.auto_approve == AutoApprove.AUTO


def approve_requests(*, requests: Iterable[Request], by: User) -> Decided:
    """Hands the records of each waiting request to the one who asked, in a new batch each."""
    with operation("request.approve", by=by):
        waiting = _locked(requests)
        for request in waiting:
            _approve(request, by=by)
        return Decided(len(waiting), len(list(requests)) - len(waiting))


def reject_requests(*, requests: Iterable[Request], by: User, reason: str = "") -> Decided:
    """Turns waiting requests down; their records go back to the pool."""
    with operation("request.reject", by=by):
        waiting = _locked(requests)
        for request in waiting:
            _close(request, Request.State.REJECTED, by, reason.strip())
            text = _("Your request for %(n)d records of %(database)s was not approved.")
            text %= {"n": request.quantity, "database": request.database}
            notify(users=[request.staff], kind=Kind.REQUEST_DECIDED, text=f"{text} {reason.strip()}".strip())
        return Decided(len(waiting), len(list(requests)) - len(waiting))


def cancel_request(*, request: Request, by: User) -> None:
    """Takes one's own waiting request back; its records go back to the pool. Raises Refused when it was decided."""
    with operation("request.cancel", by=by):
        waiting = _locked([request])
        if not waiting:
            raise Refused(_("This request was decided already."))
        _close(waiting[0], Request.State.CANCELLED, by, "")


def _locked(requests: Iterable[Request]) -> list[Request]:
    """Those of the requests that still wait, locked in the order of their keys, their people first."""
    keys = [request.pk for request in requests]
    waiting = Request.objects.pending().filter(pk__in=keys)
    for staff in User.objects.filter(pk__in=waiting.values("staff")).order_by("pk"):
        lock_working(staff)
    return list(waiting.select_related("staff", "database").order_by("pk").select_for_update(of=["self"]))


def _hold(request: Request, ids: list[int]) -> None:
    held = Record.objects.with_ids(ids).in_pool().update(status=Status.REQUESTED, request=request)
    if held != len(ids):
        raise RuntimeError(f"{held} of {len(ids)} locked records were held")


def _approve(request: Request, *, by: User | None) -> None:
    """Exactly as many as were asked for. `by` is None for the rule; the batch then names the one who asked."""
    ids = Record.objects.filter(request=request).locked_ids()
    if len(ids) != request.quantity:
        raise Refused(
            _("Request %(number)s holds %(held)s records instead of %(quantity)s. Run the health check.")
            % {"number": request.pk, "held": len(ids), "quantity": request.quantity}
        )
    batch = Batch.objects.create(database=request.database, staff=request.staff, created_by=by or request.staff)
    Record.objects.with_ids(ids).update(
        status=Status.ASSIGNED,
        request=None,
        assignee=request.staff,
        assigned_by=by or request.staff,
        assigned_at=Now(),
        batch=batch,
    )
    Request.objects.filter(pk=request.pk).update(
        state=Request.State.APPROVED, decided_at=Now(), decided_by=by, batch=batch
    )
    request.refresh_from_db()
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


def _close(request: Request, state: str, by: User, reason: str) -> None:
    back_to_pool(Record, Record.objects.filter(request=request).locked_ids())
    Request.objects.filter(pk=request.pk).update(state=state, decided_at=Now(), decided_by=by, reason=reason[:300])
