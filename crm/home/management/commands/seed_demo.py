"""Fills an empty database with the demo team."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm.errors import Refused
from crm.home import demo


class Command(BaseCommand):
    help = "Fills an empty database with demo data: an invented team, its products, lists and batches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scale", type=int, default=1, help="this many times the rows")
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there is data already")
        parser.add_argument("--print-sign-ins", action="store_true", help="only print who can sign in")

    def handle(self, *, scale: int, if_empty: bool, print_sign_ins: bool, **_options: Any) -> None:
        # The passwords are public.
        if not settings.DEMO:
            raise CommandError("Demo data is for demo mode only: set DEMO=1.", returncode=1)
        if scale < 1:
            raise CommandError("--scale must be 1 or more.", returncode=1)
        if print_sign_ins:
            self._print_sign_ins()
            return
        if if_empty and not demo.is_empty():
            return
        try:
            demo.seed(scale=scale)
        except Refused as refused:
            raise CommandError(str(refused), returncode=1) from refused
        self._print_sign_ins()

    def _print_sign_ins(self) -> None:
        people = ", ".join(f"{username} ({role})" for username, _name, role in demo.PEOPLE)
        self.stdout.write(f"Demo sign-ins: {people}; the password of each: {demo.PASSWORD}")
