"""Ends the reservations whose time is over, as the nightly task does."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from crm.reservations.expiry import preview_expiry, run_expiry


class Command(BaseCommand):
    help = (
        "Ends the reservations whose time is over and warns the owners of those that end soon. Safe to run at any time,"
        " and twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        night = preview_expiry() if options["dry_run"] else run_expiry()
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(night), "dry_run": options["dry_run"]}))
        elif options["dry_run"]:
            self.stdout.write(f"{night.expired} would end, {night.warned} owners' warnings would be sent.")
        else:
            self.stdout.write(
                f"{night.expired} ended: {night.freed} records are back in the pools, {night.cleared} conflicts are"
                f" cleared. {night.warned} warnings sent."
            )
