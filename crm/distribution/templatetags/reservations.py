"""Showing reservations."""

from django import template

from crm.distribution.reserving.lists import status_label
from crm.reservations.models import Reservation

register = template.Library()


@register.simple_tag
def standing(reservation: Reservation) -> str:
    return status_label(reservation.status, reservation.decided_by_id, reservation.staff_id)
