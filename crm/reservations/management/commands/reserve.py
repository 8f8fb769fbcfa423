"""Reserves a customer for a staff member."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.accounts.models import User
from crm.errors import Refused
from crm.products.models import Product
from crm.reservations.services import add_reservation


class Command(BaseCommand):
    help = (
        "Reserves a customer of a product for a staff member, at once. Prints how many records came out of the pools"
        " and how many are in conflict. Exits 1, with the reason and nothing changed, when that cannot be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", required=True, help="the product's name")
        parser.add_argument("--customer", required=True, help="the customer's id")
        parser.add_argument("--staff", required=True, help="the username of the owner")
        parser.add_argument("--phone", default="", help="the customer's phone")
        parser.add_argument("--permanent", action="store_true", help="it never ends by itself")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, product: str, customer: str, staff: str, phone: str, **options: Any) -> None:
        found = Product.objects.filter(name__iexact=product).first()
        if found is None:
            raise CommandError(f"There is no product {product!r}. Add it with: manage.py add_product {product!r}")
        person = User.objects.filter(username=staff.lower()).first()
        if person is None:
            raise CommandError(f"There is nobody with the username {staff!r}.")
        try:
            effect = add_reservation(
                product=found,
                customer_id=customer,
                phone=phone,
                staff=person,
                is_permanent=options["permanent"],
                by=None,
            )
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        pk = effect.reservations[0].pk
        if options["json"]:
            self.stdout.write(
                json.dumps({"reservation": pk, "reserved": effect.reserved, "conflicts": effect.conflicts})
            )
        else:
            self.stdout.write(
                f"Reservation {pk}: {effect.reserved} records reserved, {effect.conflicts} records in conflict."
            )
