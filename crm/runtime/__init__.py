"""What runs beneath Django: the environment, and the PostgreSQL that comes with the checkout.

Here, and only here, it is decided which database a process uses: `DATABASE_URL` if it is set, in the
environment or in `.env` beside manage.py; otherwise the embedded server, whose files lie in `.local/pg`.
"""

import os
from pathlib import Path

import environ

from crm.runtime.postgres import Cluster, Lease

ROOT = Path(__file__).resolve().parents[2]

env = environ.Env()
if (ROOT / ".env").exists():
    env.read_env(ROOT / ".env")  # what the environment already names wins


def embedded_cluster() -> Cluster:
    """The embedded PostgreSQL of this checkout. Looks only; starts nothing.

    `FIFTY_PG_DIR` puts its files elsewhere (a relative path starts at the checkout), `FIFTY_PG_DURABLE=0` trades
    safety in a power cut for speed (tests), `FIFTY_PG_ACCOUNT` names the account that runs it for root.
    """
    return Cluster(
        ROOT / env.str("FIFTY_PG_DIR", default=".local/pg"),
        durable=env.bool("FIFTY_PG_DURABLE", default=True),
        account=env.str("FIFTY_PG_ACCOUNT", default=""),
    )


def database_url() -> str:
    """The URL of the database to use. Starts nothing, so that settings can ask."""
    return env.str("DATABASE_URL", default="") or embedded_cluster().database_url()


def ensure_database() -> Lease | None:
    """Have the database run for as long as this process lives; None where DATABASE_URL names a server.

    Raises postgres.StartError with a message for the user.
    """
    if env.str("DATABASE_URL", default=""):
        return None
    return embedded_cluster().ensure()


def is_configured() -> bool:
    """Whether anybody has said how to run: with a secret, in demo mode, or with a database of their own, into which no
    demo is put unasked.
    """
    return any(os.environ.get(name) for name in ("DEMO", "SECRET_KEY", "DATABASE_URL"))


def use_demo_defaults() -> None:
    """Switch demo mode on for whoever has configured nothing. A web server started otherwise refuses instead."""
    if not is_configured():
        os.environ["DEMO"] = "1"
