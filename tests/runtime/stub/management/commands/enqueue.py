"""Hands tasks to the cluster: each sleeps so many seconds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django_q.tasks import async_task


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("seconds", nargs="+", type=float)

    def handle(self, *_args: Any, **options: Any) -> None:
        for seconds in options["seconds"]:
            async_task("time.sleep", seconds)
