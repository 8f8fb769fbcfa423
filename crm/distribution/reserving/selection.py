"""The reservations that an action is about, and what is shown of them before."""

from collections.abc import Callable
from functools import cached_property

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, Count, Sum, Value
from django.db.models.functions import MD5, Cast, Concat
from django.http import Http404
from django.utils.translation import gettext as _

from crm.accounts.access import SignedInRequest
from crm.distribution.forms import KEY, SelectionForm
from crm.distribution.reserving.covered import with_counts
from crm.distribution.reserving.lists import ReservationList
from crm.errors import Refused
from crm.pages import safe_path
from crm.registry import modules
from crm.reservations.models import Reservation, ReservationQuerySet

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

    def as_shown(self, expected: str) -> ReservationQuerySet:
        """The same ones, however the filter may match in a moment. Raises Refused when these are not, or not as, those
        whose fingerprint was `expected`.
        """
        frozen = Reservation.objects.filter(pk__in=list(self.reservations.values_list("pk", flat=True)))
        if fingerprint(frozen) != expected:
            raise Refused(_("These reservations have changed since they were shown. Nothing was changed; look again."))
        return frozen

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
        """The records that name these: those kept out of the pools, those in conflict, and both."""
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
