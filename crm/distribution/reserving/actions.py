"""What admins do with chosen reservations: the words, the forms, and what is said then."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from crm.accounts.models import User
from crm.distribution.forms import ConfirmForm
from crm.distribution.reserving.forms import MoveForm, RejectForm
from crm.distribution.reserving.selection import MOST_NAMED
from crm.errors import Refused
from crm.reservations import services
from crm.reservations.models import Reservation, ReservationQuerySet
from crm.reservations.services import Effect


@dataclass(frozen=True)
class Action:
    """An action on chosen reservations. `fits` selects those that it can be done with."""

    title: Promise
    button: Promise
    icon: str
    fits: Callable[[ReservationQuerySet], ReservationQuerySet]
    run: Callable[[ReservationQuerySet, dict[str, Any], User], Effect]
    done: Any
    """What is said of `n`, which are so `many` in words."""
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
        return said(self.done % {"n": effect.done, "many": grouped(effect.done)}, effect), undone


def grouped(number: int) -> str:
    """With the separators that pages show."""
    return number_format(number, force_grouping=True)


def said(first: str, effect: Effect) -> str:
    """With what it did to records."""
    lines = [
        (effect.reserved, ngettext("%(n)s record reserved.", "%(n)s records reserved.", effect.reserved)),
        (
            effect.freed,
            ngettext("%(n)s record is back in the pool.", "%(n)s records are back in the pools.", effect.freed),
        ),
        (
            effect.conflicts,
            ngettext("%(n)s record is in conflict now.", "%(n)s records are in conflict now.", effect.conflicts),
        ),
        (effect.cleared, ngettext("%(n)s conflict cleared.", "%(n)s conflicts cleared.", effect.cleared)),
    ]
    return " ".join([first, *(text % {"n": grouped(n)} for n, text in lines if n > 0)])


def _undone(effect: Effect) -> list[str]:
    lines = list(effect.refused[:MOST_NAMED])
    if more := len(effect.refused) - len(lines):
        lines.append(ngettext("And %(n)s more.", "And %(n)s more.", more) % {"n": grouped(more)})
    if effect.late:
        text = ngettext(
            "%(n)s reservation was not in the state for it, and stays as it is.",
            "%(n)s reservations were not in the state for it, and stay as they are.",
            effect.late,
        )
        lines.insert(0, text % {"n": grouped(effect.late)})
    return lines


def _keep(permanent: bool) -> Callable[[ReservationQuerySet, dict[str, Any], User], Effect]:
    def run(reservations: ReservationQuerySet, answers: dict[str, Any], by: User) -> Effect:
        asked = reservations.count()
        done = services.change_permanence(reservations=reservations, permanent=permanent, by=by)
        return Effect(done=done, late=asked - done)

    return run


def _move(reservations: ReservationQuerySet, answers: dict[str, Any], by: User) -> Effect:
    """Of those that stay it is said which ones the new owner has already."""
    to = answers["staff"]
    effect = services.move_reservations(reservations=reservations, to=to, by=by)
    theirs = reservations.active().of(to).exclude(pk__in=[each.pk for each in effect.reservations]).count()
    if not theirs:
        return effect
    text = ngettext(
        "%(n)s reservation belongs to %(name)s already.", "%(n)s reservations belong to %(name)s already.", theirs
    )
    stays = text % {"n": grouped(theirs), "name": to}
    return replace(effect, late=effect.late - theirs, refused=(stays, *effect.refused))


ACTIONS: dict[str, Action] = {
    "approve": Action(
        title=gettext_lazy("Approve reservations"),
        button=gettext_lazy("Approve"),
        icon="check",
        fits=ReservationQuerySet.pending,
        run=lambda reservations, answers, by: services.approve_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(many)s reservation approved.", "%(many)s reservations approved.", "n"),
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
        done=ngettext_lazy("%(many)s reservation rejected.", "%(many)s reservations rejected.", "n"),
        explanation=gettext_lazy("Whoever asked is told. No record changes."),
    ),
    "release": Action(
        title=gettext_lazy("Release reservations"),
        button=gettext_lazy("Release"),
        icon="lock-open",
        fits=ReservationQuerySet.active,
        run=lambda reservations, answers, by: services.release_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(many)s reservation released.", "%(many)s reservations released.", "n"),
        explanation=gettext_lazy("The customers are free for everybody. It can be restored while they are."),
        stops=True,
    ),
    "restore": Action(
        title=gettext_lazy("Restore reservations"),
        button=gettext_lazy("Restore"),
        icon="arrow-path",
        fits=ReservationQuerySet.ended,
        run=lambda reservations, answers, by: services.restore_reservations(reservations=reservations, by=by),
        done=ngettext_lazy("%(many)s reservation restored.", "%(many)s reservations restored.", "n"),
        explanation=gettext_lazy("Where the customer is still free. The days begin anew."),
        starts=True,
    ),
    "move": Action(
        title=gettext_lazy("Move reservations"),
        button=gettext_lazy("Move"),
        icon="arrows-right-left",
        fits=ReservationQuerySet.active,
        form=MoveForm,
        run=_move,
        done=ngettext_lazy("%(many)s reservation moved.", "%(many)s reservations moved.", "n"),
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
        done=ngettext_lazy("%(many)s reservation is permanent now.", "%(many)s reservations are permanent now.", "n"),
        explanation=gettext_lazy("They do not end by themselves. No record changes."),
    ),
    "limit": Action(
        title=gettext_lazy("Make reservations end again"),
        button=gettext_lazy("Not permanent"),
        icon="clock",
        fits=lambda reservations: reservations.standing().filter(is_permanent=True),
        run=_keep(False),
        done=ngettext_lazy(
            "%(many)s reservation is not permanent any more.", "%(many)s reservations are not permanent any more.", "n"
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
