"""Stands in for the demo data."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true")
        parser.add_argument("--print-sign-ins", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.stdout.write("Sign in as olivia" if options["print_sign_ins"] else "Seeded")
