"""While somebody holds every row that there is, each page can be read, and whoever changes something is told."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import connection, connections

from crm.registry import modules
from tests.structure.test_permissions import ALLOWED, MATRIX, browsers, requests_of, send, world

__all__ = ["browsers", "world"]

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"accounts", "products", "notices", "reservations", "distribution", "integrity", *(m.key for m in modules())}


@contextmanager
def every_row_held() -> Iterator[None]:
    """By another connection; nobody here waits for long."""
    other = connections.create_connection("default")
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            for model in apps.get_models():
                if model._meta.app_label in OURS:
                    cursor.execute(f'SELECT 1 FROM "{model._meta.db_table}" FOR UPDATE')
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '30ms'")
        yield
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def test_each_page_is_shown_and_no_change_fails_without_a_word(world, browsers):
    for browser in browsers.values():
        browser.raise_request_exception = False
    wrong = {}
    with every_row_held():
        for name, page in MATRIX.items():
            role = page.by if page.by in ALLOWED[page.who] else sorted(ALLOWED[page.who])[0]
            for method, url, data in requests_of(name, world):
                answer = send(browsers[role], method, url, data)
                good = (*page.opens, 302) if method == "GET" else (*page.opens, 302, 404, 409, 422)
                if answer.status_code not in good:
                    wrong[f"{method} {name}"] = answer.status_code
    assert wrong == {}
