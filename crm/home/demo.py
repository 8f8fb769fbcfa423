"""Demo data: a small team in the middle of its week. Invented people; the same every time.

Everything is made through the services, as the team itself would have made it.
"""

import csv
import io
import random
from dataclasses import dataclass, field

from django.db import connection, transaction

from crm.accounts.models import Role, User
from crm.accounts.services import add_person
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.databases import archive_database
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.models import BaseBatch, BaseDatabase
from crm.errors import Refused
from crm.products.models import Product
from crm.products.services import add_product
from crm.registry import get_module

PASSWORD = "fifty-demo-50"  # noqa: S105 (printed at the start; demo mode only)
PRODUCTS = ["Kopi Senja", "Batik Raya", "Laut Biru"]
PEOPLE = [
    ("owner", "Ratna Owner", Role.OWNER),
    ("admin", "Bagus Admin", Role.ADMIN),
    ("admin2", "Melati Admin", Role.ADMIN),
    ("sari", "Sari Wulandari", Role.STAFF),
    ("dewi", "Dewi Anggraini", Role.STAFF),
    ("budi", "Budi Hartono", Role.STAFF),
    ("tono", "Tono Saputra", Role.STAFF),
    ("lina", "Lina Marlina", Role.STAFF),
    ("joko", "Joko Prabowo", Role.STAFF),
    ("maya", "Maya Kusuma", Role.STAFF),
    ("rudi", "Rudi Firmansyah", Role.STAFF),
]

FIRST = ["Adi", "Bayu", "Citra", "Dian", "Eka", "Fajar", "Gita", "Hana", "Indra", "Joni", "Kartika", "Laras", "Mega"]
LAST = ["Nugroho", "Oktavia", "Pratama", "Rahayu", "Santoso", "Utami", "Wijaya", "Yuliana", "Zulkarnain", "Lestari"]
CITIES = ["Jakarta", "Bandung", "Surabaya", "Medan", "Makassar", "Semarang", "Denpasar", "Palembang"]
BANKS = ["BCA", "BRI", "Mandiri", "BNI"]


@dataclass
class Handover:
    """A batch of the story: who gets how many, and how many of those are recalled or passed on to somebody else."""

    staff: str
    count: int
    recalled: int = 0
    passed_on: int = 0
    passed_to: str = ""


@dataclass
class List:
    """A database of the story."""

    module: str
    product: str
    name: str
    rows: int
    handovers: list[Handover] = field(default_factory=list)
    archived: bool = False


STORY = [
    List("records", "Kopi Senja", "Pelanggan Maret", 240, [Handover("sari", 40), Handover("budi", 30, recalled=6)]),
    List("records", "Batik Raya", "Newsletter 2026", 180, [Handover("dewi", 25, passed_on=10, passed_to="maya")]),
    List("records", "Laut Biru", "Pameran Juni", 90),
    List("bonanza", "Kopi Senja", "Bonanza April", 150, [Handover("tono", 50), Handover("lina", 20, recalled=20)]),
    List("bonanza", "Laut Biru", "Bonanza Mei", 120, [Handover("joko", 35, recalled=5), Handover("sari", 15)]),
    List("bonanza", "Batik Raya", "Bonanza lama", 60, [Handover("rudi", 12)], archived=True),
    List("memberwd", "Kopi Senja", "Member WD Senin", 60, [Handover("sari", 50)]),
    List("memberwd", "Batik Raya", "Member WD Rabu", 110, [Handover("maya", 30, passed_on=5, passed_to="rudi")]),
    List("memberwd", "Laut Biru", "Member WD Jumat", 80, [Handover("rudi", 20), Handover("dewi", 20, recalled=3)]),
]


def is_empty() -> bool:
    return not User.objects.exists() and not Product.objects.exists()


@transaction.atomic
def seed(*, scale: int) -> None:
    """Makes the demo data, with `scale` times the rows. Raises Refused when there is data already."""
    if not is_empty():
        raise Refused("There are people or products already; demo data goes into an empty database only.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")  # the lottery of the records, the same every time
    people = {
        username: add_person(
            username=username,
            name=name,
            role=role,
            email=f"{username}@fifty.example",
            password=PASSWORD,
            by=None,
        )
        for username, name, role in PEOPLE
    }
    products = {name: add_product(name=name, by=people["owner"]) for name in PRODUCTS}
    dice = random.Random(50)  # noqa: S311 (invented names)
    for number, chapter in enumerate(STORY):
        database = _import(chapter, products[chapter.product], chapter.rows * scale, number, dice, people["admin"])
        for handover in chapter.handovers:
            _hand_over(database, handover, people)
        if chapter.archived:
            archive_database(database=database, by=people["admin"])


def _import(chapter: List, product: Product, rows: int, number: int, dice: random.Random, by: User) -> BaseDatabase:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["Username", "Nama Lengkap", "No HP", "Kota", "Bank"])
    for row in range(rows):
        name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
        username = f"{name.split()[0].lower()}{number}{row:04d}"
        # 0800 numbers belong to nobody: the demo must not lead to a real person's phone.
        phone = f"0800{number}{row:06d}"
        writer.writerow([username, name, phone, dice.choice(CITIES), dice.choice(BANKS)])
    upload = receive_upload(
        module=get_module(chapter.module),
        product=product,
        name=chapter.name,
        file_name=f"{chapter.name.lower().replace(' ', '-')}.csv",
        content=[file.getvalue().encode()],
        by=by,
    )
    return import_upload(upload, by)


def _hand_over(database: BaseDatabase, handover: Handover, people: dict[str, User]) -> BaseBatch:
    module, admin = database.module, people["admin"]
    batch = assign_random(
        module=module, database=database, staff=people[handover.staff], count=handover.count, by=admin
    ).batch
    if handover.recalled:
        chosen = batch.records.assigned().order_by("row_number").values_list("pk", flat=True)[: handover.recalled]
        recall_records(records=module.Record.objects.with_ids(chosen), by=people["admin2"])
    if handover.passed_on:
        chosen = batch.records.assigned().order_by("row_number").values_list("pk", flat=True)[: handover.passed_on]
        transfer_records(records=module.Record.objects.with_ids(chosen), to=people[handover.passed_to], by=admin)
    return batch
