"""Who may see which reservation: admins all, staff their own. Whoever may not gets 404."""

from django.shortcuts import get_object_or_404

from crm.accounts.models import User
from crm.reservations.models import Reservation, ReservationQuerySet


def reservations_for(user: User) -> ReservationQuerySet:
    reservations = Reservation.objects.select_related("product", "staff", "created_by", "decided_by").with_end()
    return reservations if user.is_admin else reservations.of(user)


def get_reservation_for(user: User, pk: int) -> Reservation:
    """Selected `with_end`."""
    return get_object_or_404(reservations_for(user), pk=pk)


def get_own_reservation(user: User, pk: int) -> Reservation:
    """One's own, for those who ask; Http404 for everybody else, admins too."""
    return get_object_or_404(Reservation.objects.of(user), pk=pk)
