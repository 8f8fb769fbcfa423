"""The environment of the tests, set before anything of crm reads it (loaded with `-p tests.environment`).

The tests have a PostgreSQL of their own beside that of `make run`: without fsync, and never with data that
anybody wants to keep. DATABASE_URL points them at another server.
"""

import os

os.environ["DEMO"] = "1"
os.environ.setdefault("FIFTY_PG_DIR", ".local/pg-test")
os.environ.setdefault("FIFTY_PG_DURABLE", "0")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from crm.runtime import ensure_database

lease = ensure_database()
