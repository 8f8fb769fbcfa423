"""`manage.py add_product NAME`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.errors import Refused
from crm.products import services


class Command(BaseCommand):
    help = "Adds a product and prints its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            product = services.add_product(name=options["name"], by=None)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"product": product.pk, "name": product.name}))
        else:
            self.stdout.write(f"Added product {product.pk}: {product.name}")
