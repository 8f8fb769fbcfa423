"""Hands records out at random."""

import json
from argparse import ArgumentParser
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model, QuerySet

from crm.accounts.models import User
from crm.distribution.assignment import assign_random
from crm.distribution.models import BaseBatch
from crm.errors import Refused
from crm.registry import Module, get_module, modules

M = TypeVar("M", bound=Model)


class Command(BaseCommand):
    help = "Assigns exactly COUNT records of a database, drawn at random, to a staff member; or none, and exits 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--module", required=True, choices=[module.key for module in modules()])
        parser.add_argument("--database", required=True, type=int, help="the database's number")
        parser.add_argument("--staff", required=True, help="the staff member's username")
        parser.add_argument("--count", required=True, type=int)
        parser.add_argument("--batch", type=int, help="into this batch (where the module allows it)")
        parser.add_argument(
            "--by",
            help="the acting admin's username; without it the first owner or admin, or where there is none the staff"
            " member",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, module: str, database: int, staff: str, count: int, **options: Any) -> None:
        try:
            chosen = get_module(module)
            person = _found(User.objects.filter(username__iexact=staff), f"person {staff!r}")
            done = assign_random(
                module=chosen,
                database=_found(chosen.Database.objects.filter(pk=database), f"database {database} in {chosen.label}"),
                staff=person,
                count=count,
                batch=_batch(chosen, options["batch"]),
                by=_actor(options["by"]) or person,
            )
        except Refused as error:
            raise CommandError(str(error), returncode=1) from error
        result = {"batch": done.batch.pk, "assigned": done.count}
        text = f"{done.count} records assigned to {done.batch.staff} in batch {done.batch.pk}."
        self.stdout.write(json.dumps(result) if options["json"] else text)


def _found(rows: QuerySet[M], what: str) -> M:
    row = rows.first()
    if row is None:
        raise Refused(f"There is no {what}.")
    return row


def _batch(module: Module, pk: int | None) -> BaseBatch | None:
    return None if pk is None else _found(module.Batch.objects.filter(pk=pk), f"batch {pk} in {module.label}")


def _actor(username: str | None) -> User | None:
    admins = User.objects.admins()
    if username:
        return _found(admins.filter(username__iexact=username), f"active admin {username!r}")
    return admins.order_by("-role", "pk").first()
