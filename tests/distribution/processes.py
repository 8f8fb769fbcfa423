"""Processes of their own on the database of the tests."""

import os
import sys

from django.conf import settings
from django.db import connection

from crm.runtime import database_url


def manage(*arguments: str) -> dict:
    """The options for `subprocess` to run manage.py with these arguments."""
    address, _, query = database_url().partition("?")
    url = f"{address.rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")
    return {
        "args": [sys.executable, "manage.py", *arguments],
        "cwd": settings.BASE_DIR,
        "env": {**os.environ, "DATABASE_URL": url, "DEMO": "1"},
    }
