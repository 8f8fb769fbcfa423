"""For the tests of people and sign-in: passwords that work, the sign-in form, and the tasks that wait."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from crm.accounts.models import User

PASSWORD = "kopi tubruk 50"


@pytest.fixture
def with_password():
    """Gives a person PASSWORD. Hashing is slow on purpose: only tests of passwords ask for it."""

    def with_password(person: User) -> User:
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])
        return person

    return with_password


@pytest.fixture
def enter():
    """Fills in the sign-in form."""

    def enter(username: str, password: str = PASSWORD, *, client: Client | None = None, **extra: Any):
        data = {"login": username, "password": password}
        return (client or Client()).post(reverse("account_login"), data, **extra)

    return enter


@pytest.fixture
def is_signed_in():
    """Whether a client's session opens a page."""

    def is_signed_in(client: Client) -> bool:
        return client.get(reverse("profile")).status_code == 200

    return is_signed_in


@pytest.fixture
def run_tasks():
    """Does what the task cluster would: runs what waits, in order."""

    def run_tasks() -> None:
        for waiting in OrmQ.objects.order_by("pk"):
            task = waiting.task
            function = task["func"] if callable(task["func"]) else import_string(task["func"])
            function(*task["args"], **task["kwargs"])
            waiting.delete()

    return run_tasks
