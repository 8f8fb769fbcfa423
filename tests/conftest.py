"""What every test can use: the actors, and their browsers."""

import time

import pgtrigger
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.test import Client, TransactionTestCase

from tests.factories.accounts import UserFactory
from tests.template_database import own_database, template_database


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, django_db_blocker):
    """Each worker's database is a copy of one that was migrated before."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = template_database()
    with own_database():
        yield


@pytest.fixture(autouse=True, scope="session")
def flush_may_truncate():
    """Django empties the tables between transactional tests with TRUNCATE, which the triggers forbid to everybody."""
    teardown = TransactionTestCase._fixture_teardown

    def teardown_with_truncate(self):
        with pgtrigger.ignore():
            teardown(self)

    TransactionTestCase._fixture_teardown = teardown_with_truncate
    yield
    TransactionTestCase._fixture_teardown = teardown


@pytest.fixture(autouse=True, scope="session")
def passwords_are_hashed_quickly():
    """With the hasher of the settings, which is slow on purpose; here with little work and little memory."""
    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 64, 1


@pytest.fixture
def owner(db):
    return UserFactory(username="olivia", name="Olivia Owner", role="owner")


@pytest.fixture
def admin(db):
    return UserFactory(username="adam", name="Adam Admin", role="admin")


@pytest.fixture
def staff(db):
    return UserFactory(username="sari", name="Sari Staff")


@pytest.fixture
def other_staff(db):
    return UserFactory(username="tono", name="Tono Staff")


NOBODYS_PASSWORD = "nobody can enter it"


def browser_of(user, client: Client | None = None) -> Client:
    """Signed in, and asked for the password just now, as far as the session knows."""
    client = client or Client()
    if not user.has_usable_password() or user.password == NOBODYS_PASSWORD:
        user.password = NOBODYS_PASSWORD
        user.save(update_fields=["password"])  # once more, for what another test has written is taken back
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


@pytest.fixture
def desk(admin) -> Client:
    """The admin's browser."""
    return browser_of(admin)


@pytest.fixture
def phone(staff) -> Client:
    """The staff member's browser."""
    return browser_of(staff)


@pytest.fixture
def sign_in(client):
    """Signs a person in without a password and returns their client."""

    def sign_in(user) -> Client:
        return browser_of(user, client)

    return sign_in
