"""`manage.py add_person USERNAME --role staff|admin|owner`: the first owner, and people by script."""

import getpass
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm.accounts import password_links, services
from crm.accounts.models import Role
from crm.errors import Refused


class Command(BaseCommand):
    help = "Adds a person. Without --password it asks for one at a terminal, else prints a link to set one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--password", default="", help="seen by others on this machine: better leave it out")
        parser.add_argument("--name", default="")
        parser.add_argument("--email", default="")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["json"]
        password = options["password"] or ("" if as_json or not sys.stdin.isatty() else _ask())
        described = {key: options[key] for key in ("username", "role", "name", "email")}
        try:
            person = services.add_person(**described, password=password, by=None)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        if password and (weakness := services.weakness_of(password, person)):
            self.stderr.write(f"Note: this is a weak password. {weakness}")
        link = "" if password else password_links.make_link(person, site=settings.SITE_URL)
        if as_json:
            self.stdout.write(
                json.dumps({"person": person.pk, "username": person.username, "role": person.role, "link": link})
            )
        elif link:
            self.stdout.write(f"Added {person.username} ({person.role}). To set a password: {link}")
        else:
            self.stdout.write(f"Added {person.username} ({person.role}).")


def _ask() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password (again): ") != password:
        raise CommandError("The two passwords are different. Nobody was added.")
    if not password:
        raise CommandError("The password is empty. Nobody was added.")
    return password
