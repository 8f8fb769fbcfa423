"""Ends a reservation."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.reservations.models import Reservation
from crm.reservations.services import release_reservations


class Command(BaseCommand):
    help = (
        "Releases an active reservation. Prints how many records are back in the pools and how many are in conflict no"
        " more. Exits 1 when there is no such reservation, or it is not active."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reservation", type=int, help="the reservation's number")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, reservation: int, **options: Any) -> None:
        found = Reservation.objects.filter(pk=reservation)
        effect = release_reservations(reservations=found, by=None)
        if not effect.done:
            known = found.first()
            if known is None:
                raise CommandError(f"There is no reservation {reservation}.")
            raise CommandError(f"Reservation {reservation} is {known.get_status_display().lower()}, not active.")
        if options["json"]:
            self.stdout.write(json.dumps({"released": effect.freed, "conflicts_cleared": effect.cleared}))
        else:
            self.stdout.write(
                f"Released: {effect.freed} records are back in the pools, {effect.cleared} conflicts are cleared."
            )
