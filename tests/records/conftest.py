"""A database of Normal DB that staff can ask for records."""

import pytest
from django.test import Client

from records.models import Database
from records.policy import MODULE
from tests.distribution.sql import Witness, run
from tests.factories.distribution import factories_of, fill


@pytest.fixture
def large_keys(db):
    """Keys of four digits and more, which a template could show with a separator."""
    for table in ("records_database", "records_request", "records_batch"):
        keys = f"pg_get_serial_sequence('{table}', 'id')"
        run(f"SELECT setval({keys}, greatest(nextval({keys}), 5000))")


@pytest.fixture
def database(large_keys) -> Database:
    """Ten records, all available."""
    made = factories_of(MODULE).database(name="June")
    fill(made, 10)
    return made


@pytest.fixture
def witness(database) -> Witness:
    """Counts the rows beside the triggers, from now on."""
    return Witness(MODULE)


@pytest.fixture
def phone(staff) -> Client:
    """The staff member's browser."""
    client = Client()
    client.force_login(staff)
    return client
