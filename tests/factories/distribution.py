"""Databases, batches, records and uploads. The stored counts are the triggers': no factory sets them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from crm.distribution.models import (
    BaseDatabase,
    LeftOutRow,
    ModuleSettings,
    OutcomeLine,
    SavedView,
    Submission,
    Upload,
    UploadPart,
)
from crm.registry import Module, get_module
from tests.factories.accounts import UserFactory
from tests.factories.products import ProductFactory


@dataclass(frozen=True)
class Factories:
    """Those of one module."""

    database: type[DjangoModelFactory]
    batch: type[DjangoModelFactory]
    record: type[DjangoModelFactory]


@cache
def _factories(key: str) -> Factories:
    module = get_module(key)

    class DatabaseFactory(DjangoModelFactory):
        class Meta:
            model = module.Database

        product = factory.SubFactory(ProductFactory)
        name = factory.Sequence(lambda n: f"Database {n}")

    class BatchFactory(DjangoModelFactory):
        """A card without records."""

        class Meta:
            model = module.Batch

        database = factory.SubFactory(DatabaseFactory)
        staff = factory.SubFactory(UserFactory)
        created_by = factory.SelfAttribute("staff")

    class RecordFactory(DjangoModelFactory):
        """A record in the pool; with `assigned=True`, with the staff member of `batch`."""

        class Meta:
            model = module.Record

        class Params:
            assigned = factory.Trait(
                status="assigned",
                batch=factory.SubFactory(BatchFactory, database=factory.SelfAttribute("..database")),
                assignee=factory.SelfAttribute("batch.staff"),
                assigned_by=factory.SelfAttribute("batch.staff"),
                assigned_at=factory.LazyFunction(timezone.now),
            )

        database = factory.SubFactory(DatabaseFactory)
        row_number = factory.Sequence(lambda n: n + 2)
        customer_id = factory.Sequence(lambda n: f"customer{n}")

    return Factories(DatabaseFactory, BatchFactory, RecordFactory)


def factories_of(module: Module) -> Factories:
    return _factories(module.key)


def fill(database: BaseDatabase, count: int, **fields: Any) -> list[int]:
    """Puts `count` records into the database with one statement; their keys."""
    record = factories_of(database.module).record
    rows: Iterable = record.build_batch(count, database=database, **fields)
    return [row.pk for row in database.module.Record.objects.bulk_create(rows)]


class UploadFactory(DjangoModelFactory):
    """A file that has just been received, without content."""

    class Meta:
        model = Upload

    module = "records"
    product = factory.SubFactory(ProductFactory)
    name = factory.Sequence(lambda n: f"Upload {n}")
    file_name = factory.Sequence(lambda n: f"upload{n}.csv")


class UploadPartFactory(DjangoModelFactory):
    class Meta:
        model = UploadPart

    upload = factory.SubFactory(UploadFactory)
    number = 0
    content = b"id\nA1\n"


class LeftOutRowFactory(DjangoModelFactory):
    class Meta:
        model = LeftOutRow

    upload = factory.SubFactory(UploadFactory)
    row_number = factory.Sequence(lambda n: n + 2)
    kind = LeftOutRow.Kind.REJECTED
    reason = "No customer id and no usable phone."


class SubmissionFactory(DjangoModelFactory):
    class Meta:
        model = Submission

    token = factory.LazyFunction(uuid4)
    user = factory.SubFactory(UserFactory)


class ModuleSettingsFactory(DjangoModelFactory):
    """As they are before anybody has set them."""

    class Meta:
        model = ModuleSettings

    module = "records"


class SavedViewFactory(DjangoModelFactory):
    class Meta:
        model = SavedView

    user = factory.SubFactory(UserFactory)
    page = "records/records"
    name = factory.Sequence(lambda n: f"View {n}")


class OutcomeLineFactory(DjangoModelFactory):
    """Of a record that there is not."""

    class Meta:
        model = OutcomeLine

    module = "records"
    record_id = factory.Sequence(lambda n: n + 1)
    staff = factory.SubFactory(UserFactory)
    what = "response"
    value = "yes"
    operation = factory.LazyFunction(uuid4)
