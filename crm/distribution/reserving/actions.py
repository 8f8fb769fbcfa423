"""What admins do with chosen reservations: the words, the forms, and what is said then."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, Count, Sum, Value
from django.db.models.functions import MD5, Cast, Concat
from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from crm.accounts.access import SignedInRequest
from crm.accounts.models import User
from crm.distribution.forms import KEY, ConfirmForm, SelectionForm
from crm.distribution.reserving.covered import with_counts
from crm.distribution.reserving.forms import MoveForm, RejectForm
from crm.distribution.reserving.lists import ReservationList
from crm.errors import Refused
from crm.pages import safe_path
from crm.registry import modules
from crm.reservations import services
from crm.reservations.models import Reservation, ReservationQuerySet
from crm.reservations.services import Effect

MOST_NAMED = 10
"""So many of what is chosen, or of what was refused, are named one by one."""


class Chosen:
    """The reservations that an action is about: the one that `?only=` names, those ticked, or all that the list's
    filter matches. Afterwards one sees `next`.
    """

    def __init__(self, request: SignedInRequest, fits: Callable[[ReservationQuerySet], ReservationQuerySet]) -> None:
        form = SelectionForm(request.POST)
        if not form.is_valid():
            raise Http404
        only = request.GET.get("only", "")
        if only and not KEY.fullmatch(only):
            raise Http404
        self.ids: list[int] = [int(only)] if only else form.cleaned_data["ids"]
        self.everything: bool = form.cleaned_data["everything"] and not only
        self.list = ReservationList(request)
        self.fits = fits
        self.next = safe_path(request, form.cleaned_data["next"], self.list.here)

    @property
    def reservations(self) -> ReservationQuerySet:
        return self.list.rows if self.everything else Reservation.objects.filter(pk__in=self.ids)

    def frozen(self) -> ReservationQuerySet:
        """The same ones, however the filter may match by now."""
        return Reservation.objects.filter(pk__in=list(self.reservations.values_list("pk", flat=True)))

    @cached_property
    def count(self) -> int:
        return self.reservations.order_by().count()

    @cached_property
    def fitting(self) -> int:
        """How many of them it can be done with now."""
        return self.fits(self.reservations).order_by().count()

    @property
    def others(self) -> int:
        return self.count - self.fitting

    @property
    def named(self) -> list[Reservation]:
        return list(
            self.fits(self.reservations).select_related("product", "staff").order_by("customer_key")[:MOST_NAMED]
        )

    @property
    def unnamed(self) -> int:
        return max(0, self.fitting - MOST_NAMED)

    @cached_property
    def touched(self) -> dict[str, int]:
        """The records that these keep out of the pools, and that are in conflict with them."""
        sums = with_counts(self.fits(self.reservations).order_by()).aggregate(
            reserved=Sum("reserved_now", default=0), conflict=Sum("conflict_now", default=0)
        )
        return {**sums, "any": sums["reserved"] + sums["conflict"]}

    @cached_property
    def matched(self) -> dict[str, int]:
        """The records of their customers: in the pools, with staff members, and all."""
        ids = list(self.fits(self.reservations).values_list("pk", flat=True))
        counts = {"pool": 0, "held": 0}
        for module in modules():
            every = module.Record.objects.all()
            by_status = every.with_ids(every.match_ids(ids)).order_by().values_list("status").annotate(n=Count("pk"))
            for status, n in by_status:
                counts["pool"] += n if status in ("available", "reserved") else 0
                counts["held"] += n if status == "assigned" else 0
        return {**counts, "any": sum(counts.values())}


def fingerprint(reservations: ReservationQuerySet) -> str:
    """What the user was shown: how many, which, how they stood and whose they were."""
    facts = Concat(
        *[
            part
            for name in ("pk", "status", "staff_id", "is_permanent")
            for part in (Cast(name, CharField()), Value("/"))
        ]
    )
    found = reservations.order_by().aggregate(n=Count("pk"), which=MD5(StringAgg(facts, ",", order_by="pk")))
    return f"{found['n']};{found['which'] or ''}"


@dataclass(frozen=True)
class Action:
    """An action on chosen reservations. `fits` selects those that it can be done with."""

    title: Promise
    button: Promise
    icon: str
    fits: Callable[[ReservationQuerySet], ReservationQuerySet]
    run: Callable[[ReservationQuerySet, dict[str, Any], User], Effect]
    done: Any
    """What is said of `n`."""
    form: type[ConfirmForm] = ConfirmForm
    explanation: Promise | str = ""
    starts: bool = False
    """They come into force: what they would cover is shown before."""
    stops: bool = False
    """They lose their effect: what they cover now is shown before."""
    is_final: bool = False

    def take(self, reservations: ReservationQuerySet, answers: dict[str, Any], by: User) -> tuple[str, list[str]]:
        """What was done, in words, and what was not. Raises Refused, with all reasons, when nothing was."""
        effect = self.run(reservations, answers, by)
        undone = _undone(effect)
        if not effect.done:
            raise Refused("\n".join([*undone, _("Nothing was changed.")]))
        return said(self.done % {"n": effect.done}, effect), undone


def said(first: str, effect: Effect) -> str:
    """With what it did to records."""
    lines = [
        (effect.reserved, ngettext("%(n)d record reserved.", "%(n)d records reserved.", effect.reserved)),
        (
            effect.freed,
            ngettext("%(n)d record is back in the pool.", "%(n)d records are back in the pools.", effect.freed),
        ),
        (
            effect.conflicts,
            ngettext("%(n)d record is in conflict now.", "%(n)d records are in conflict now.", effect.conflicts),
        ),
        (effect.cleared, ngettext("%(n)d conflict cleared.", "%(n)d conflicts cleared.", effect.cleared)),
    ]
    return " ".join([first, *(text % {"n": n} for n, text in lines if n > 0)])


def _undone(effect: Effect) -> list[str]:
    lines = list(effect.refused[:MOST_NAMED])
    if more := len(effect.refused) - len(lines):
        lines.append(ngettext("And %(n)d more.", "And %(n)d more.", more) % {"n": more})
    if effect.late:
        text = ngettext(
            "%(n)d reservation was not in the state for it, and stays as it is.",
            "%(n)d reservations were not in the state for it, and stay as they are.",
            effect.late,
        )
        lines.insert(0, text % {"n": effect.late})
    return lines


def _keep(permanent: bool) -> Callable[[ReservationQuerySet, dict[str, Any], User], Effect]:
    def run(reservations: ReservationQuerySet, answers: dict[str, Any], by: User) -> Effect:
        asked = reservations.count()
        done = services.change_permanence(reservations=reservations, permanent=permanent, by=by)
        return Effect(done=done, late=asked - done)

    return run


ACTIONS: dict[str, Action] = {
    "approve": Action(
        title=gettext_lazy("Approve reservations"),
        button=gettext_lazy("Approve"),
        icon="check",
        fits=ReservationQuerySet.pending,
        run=lambda reservations, answers, by: services.approve_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(n)d reservation approved.", "%(n)d reservations approved.", "n"),
        starts=True,
    ),
    "reject": Action(
        title=gettext_lazy("Reject reservations"),
        button=gettext_lazy("Reject"),
        icon="x-mark",
        fits=ReservationQuerySet.pending,
        form=RejectForm,
        run=lambda reservations, answers, by: services.reject_reservations(
            reservations=reservations, reason=answers["reason"], by=by
        ),
        done=ngettext_lazy("%(n)d reservation rejected.", "%(n)d reservations rejected.", "n"),
        explanation=gettext_lazy("Whoever asked is told. No record changes."),
    ),
    "release": Action(
        title=gettext_lazy("Release reservations"),
        button=gettext_lazy("Release"),
        icon="lock-open",
        fits=ReservationQuerySet.active,
        run=lambda reservations, answers, by: services.release_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(n)d reservation released.", "%(n)d reservations released.", "n"),
        explanation=gettext_lazy("The customers are free for everybody. It can be restored while they are."),
        stops=True,
    ),
    "restore": Action(
        title=gettext_lazy("Restore reservations"),
        button=gettext_lazy("Restore"),
        icon="arrow-path",
        fits=ReservationQuerySet.ended,
        run=lambda reservations, answers, by: services.restore_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(n)d reservation restored.", "%(n)d reservations restored.", "n"),
        explanation=gettext_lazy("Where the customer is still free. The days begin anew."),
        starts=True,
    ),
    "move": Action(
        title=gettext_lazy("Move reservations"),
        button=gettext_lazy("Move"),
        icon="arrows-right-left",
        fits=ReservationQuerySet.active,
        form=MoveForm,
        run=lambda reservations, answers, by: services.move_reservations(
            reservations=reservations, to=answers["staff"], by=by
        ),
        done=ngettext_lazy("%(n)d reservation moved.", "%(n)d reservations moved.", "n"),
        explanation=gettext_lazy(
            "Records stay with whoever has them; they are in conflict from now on if that is not the new owner. The"
            " days begin anew."
        ),
        stops=True,
    ),
    "keep": Action(
        title=gettext_lazy("Make reservations permanent"),
        button=gettext_lazy("Make permanent"),
        icon="lock-closed",
        fits=lambda reservations: reservations.standing().filter(is_permanent=False),
        run=_keep(True),
        done=ngettext_lazy("%(n)d reservation is permanent now.", "%(n)d reservations are permanent now.", "n"),
        explanation=gettext_lazy("They do not end by themselves. No record changes."),
    ),
    "limit": Action(
        title=gettext_lazy("Make reservations end again"),
        button=gettext_lazy("Not permanent"),
        icon="clock",
        fits=lambda reservations: reservations.standing().filter(is_permanent=True),
        run=_keep(False),
        done=ngettext_lazy(
            "%(n)d reservation is not permanent any more.", "%(n)d reservations are not permanent any more.", "n"
        ),
        explanation=gettext_lazy(
            "They end when their days are over, which may be with the next nightly run. No record changes."
        ),
    ),
}

# Those that are offered over a list of this status; over any other, all.
OFFERED: dict[str, tuple[str, ...]] = {
    "pending": ("approve", "reject", "keep", "limit"),
    "active": ("release", "move", "keep", "limit"),
    "ending": ("keep", "release", "move"),
    "ended": ("restore",),
    "rejected": (),
}
OF_STATUS: dict[str, tuple[str, ...]] = {
    Reservation.Status.PENDING: ("approve", "reject"),
    Reservation.Status.ACTIVE: ("release", "move"),
    Reservation.Status.EXPIRED: ("restore",),
    Reservation.Status.RELEASED: ("restore",),
    Reservation.Status.REJECTED: (),
}
"""The same for one, in its row."""


@dataclass(frozen=True)
class Offer:
    """A button that leads to an action."""

    verb: str
    label: Promise
    icon: str

    @property
    def url(self) -> str:
        return reverse("act_on_reservations", args=[self.verb])


def offers(verbs: tuple[str, ...]) -> list[Offer]:
    return [Offer(verb, ACTIONS[verb].button, ACTIONS[verb].icon) for verb in verbs]


def offered_over(status: str) -> list[Offer]:
    return offers(OFFERED.get(status, tuple(ACTIONS)))


def offered_for(reservation: Reservation) -> list[Offer]:
    """All that can be done with it, for its own page."""
    if reservation.status in (Reservation.Status.PENDING, Reservation.Status.ACTIVE):
        return offers((*OF_STATUS[reservation.status], "limit" if reservation.is_permanent else "keep"))
    return offers(OF_STATUS[reservation.status])
