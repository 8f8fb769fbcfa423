"""Demo data: a small team in the middle of its week.

Everything is made through the services, as the team itself would have made it. Days pass in between: all times that
are there, in the rows and in their history alike, move back together.
"""

import csv
import io
import random
from datetime import timedelta

import pgtrigger
from django.db import connection, transaction
from django.utils import timezone

from crm.accounts.models import User
from crm.accounts.services import add_person, look
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.batches import pin_batch, rename_batch
from crm.distribution.databases import archive_database
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.models import BaseBatch, BaseDatabase, Validation
from crm.distribution.settings import change_settings
from crm.distribution.validation import archive_invalid, replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.home.demo_reservations import reserve
from crm.home.demo_story import (
    AT_REST,
    BANKS,
    CITIES,
    DAYS,
    FIRST,
    GRACE,
    LAST,
    LATER,
    PEOPLE,
    PRODUCTS,
    STORY,
    WRONG,
    Handover,
    List,
    Step,
)
from crm.products.models import Product
from crm.products.services import add_product
from crm.registry import Module, get_module, modules

PASSWORD = "fifty-demo-50"  # noqa: S105 (printed at the start; demo mode only)

ADMINS_BEGIN = timedelta(minutes=25)
"""So long before the staff, today."""

__all__ = ["PASSWORD", "PEOPLE", "is_empty", "seed"]

TIMES = """
    SELECT c.table_name, array_agg(c.column_name::text)
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND c.data_type = 'timestamp with time zone'
          AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'django%'
    GROUP BY 1
"""


def is_empty() -> bool:
    return not User.objects.exists() and not Product.objects.exists()


@transaction.atomic
def seed(*, scale: int) -> None:
    """Makes the demo data, with `scale` times the rows. Raises Refused when there is data already."""
    if not is_empty():
        raise Refused("There are people or products already; demo data goes into an empty database only.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")  # the lottery of the records, the same every time
    dice = random.Random(50)  # noqa: S311 (invented names)
    team = {
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
    products = {
        name: add_product(name=name, message_template=template, by=team["owner"], **GRACE.get(name, {}))
        for name, template in PRODUCTS.items()
    }
    for module in modules():
        change_settings(module=module, by=team["owner"], most_per_request=50, most_replacements=10)
    databases = [
        _import(chapter, products[chapter.product], chapter.rows * scale, number, dice, team["admin"])
        for number, chapter in enumerate(STORY)
    ]
    _let_pass(timedelta(minutes=50))
    for chapter, database in zip(STORY, databases, strict=True):
        for handover in chapter.handovers:
            _hand_over(database, handover, team)
        if chapter.archived:
            archive_database(database=database, by=team["admin"])
    before = max(DAYS)
    for days_ago, steps in DAYS.items():
        # What was noted so many days ago stays so when today's admins begin earlier, even just after midnight.
        _let_pass(timedelta(days=before - days_ago) - (ADMINS_BEGIN if days_ago == 0 else timedelta()))
        before = days_ago
        for name, handover in LATER.get(days_ago, []):
            _hand_over(next(each for each in databases if each.name == name), handover, team)
        reserve(days_ago, team, databases)
        _day(days_ago, steps, team, dice)


def _day(days_ago: int, steps: list[Step], team: dict[str, User], dice: random.Random) -> None:
    """The admins begin; then everybody works a little in each module."""
    for module in modules():
        module.policy.demo(days_ago, team)
        if module.policy.validates and days_ago == 1:
            _answer_invalid(module, team["admin"])
    if days_ago == 0:
        _let_pass(ADMINS_BEGIN)
    for username, person in team.items():
        if person.role == "staff" and username not in AT_REST:
            if days_ago == 1:
                look(by=person)
            for module in modules():
                _work(module, person, days_ago, steps, dice)


def _work(module: Module, person: User, days_ago: int, steps: list[Step], dice: random.Random) -> None:
    """One step after the other, each on the next records that nothing has been noted on."""
    for step in steps:
        to_do = module.Record.objects.held_by(person).in_state("to_do").order_by("batch", "row_number")
        ids = list(to_do.values_list("pk", flat=True)[: step.count + dice.choice([0, 0, 1])])
        if not ids:
            return
        records = module.Record.objects.with_ids(ids)
        note_outcome(
            records=records,
            by=person,
            reach=step.reach,
            response=step.response,
            note=step.note,
            # A date does not move with the times.
            follow_up_on=timezone.localdate() + step.follow_up - timedelta(days=days_ago) if step.follow_up else None,
        )
        if module.policy.validates and step.valid is not None:
            mark = Validation.VALID if step.valid else Validation.INVALID
            validate_records(
                records=records, by=person, validation=mark, reason="" if step.valid else dice.choice(WRONG)
            )


def _answer_invalid(module: Module, admin: User) -> None:
    """Half of those who wait get others in their place, one is archived without, and the rest goes on waiting."""
    waiting = module.Record.objects.marked_invalid()
    people = list(waiting.order_by("assignee").values_list("assignee", flat=True).distinct())
    replaced, archived = people[: len(people) // 2], people[len(people) // 2 :][:1]
    if replaced:
        replace_invalid(records=waiting.filter(assignee__in=replaced), by=admin)
    if archived:
        archive_invalid(records=waiting.filter(assignee__in=archived), by=admin)


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


def _hand_over(database: BaseDatabase, handover: Handover, team: dict[str, User]) -> BaseBatch:
    module, admin, staff = database.module, team["admin"], team[handover.staff]
    batch = assign_random(module=module, database=database, staff=staff, count=handover.count, by=admin).batch
    if handover.recalled:
        chosen = batch.records.assigned().order_by("row_number").values_list("pk", flat=True)[: handover.recalled]
        recall_records(records=module.Record.objects.with_ids(chosen), by=team["admin2"])
    if handover.passed_on:
        chosen = batch.records.assigned().order_by("row_number").values_list("pk", flat=True)[: handover.passed_on]
        transfer_records(records=module.Record.objects.with_ids(chosen), to=team[handover.passed_to], by=admin)
    if handover.name:
        rename_batch(batch=batch, name=handover.name, by=staff)
        pin_batch(batch=batch, pinned=True, by=staff)
    return batch


def _let_pass(time: timedelta) -> None:
    """Moves every time that is stored back by so much; the triggers would forbid it, or write history about it."""
    with connection.cursor() as cursor:
        cursor.execute(TIMES)
        tables = cursor.fetchall()
        with pgtrigger.ignore():
            for table, columns in tables:
                moved = ", ".join(f'"{column}" = "{column}" - make_interval(secs => %s)' for column in columns)
                some = " OR ".join(f'"{column}" IS NOT NULL' for column in columns)
                cursor.execute(f'UPDATE "{table}" SET {moved} WHERE {some}', [time.total_seconds()] * len(columns))  # noqa: S608 (names)
