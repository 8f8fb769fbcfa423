"""The database that each worker's is a copy of: migrated once, and kept for as long as the migrations are the same."""

import ast
import hashlib
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

PREFIX = "template_fifty_"


def template_database() -> str:
    """Its name on the server of the tests; migrates it if there is none for these migrations. Two may ask at once."""
    with server() as maintenance:
        maintenance.execute("SELECT pg_advisory_lock(hashtext(%s))", [PREFIX])  # until this connection is closed
        name = PREFIX + fingerprint()
        found = maintenance.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        existing = {row[0] for row in found}
        if name not in existing:
            for old in existing:
                maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
            unfinished = PREFIX + "unfinished"
            maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            migrate(unfinished)
            maintenance.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name))
            )
    return name


@contextmanager
def own_database() -> Iterator[None]:
    """The name of this worker's database is its own meanwhile, and free: what a run that was killed has left is
    dropped, with whoever still hangs on it. Raises RuntimeError while another run goes on.
    """
    name = connection.settings_dict["TEST"]["NAME"] or f"test_{connection.settings_dict['NAME']}"
    with server() as maintenance:
        found = maintenance.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if not (found and found[0]):
            raise RuntimeError(f"Another run of the tests is using {name}. Wait for it, or end it.")
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        yield


@contextmanager
def server() -> Iterator[psycopg.Connection]:
    """A connection to the server that belongs to none of the tests' databases."""
    parameters: dict[str, Any] = connection.get_connection_params() | {"dbname": "postgres", "autocommit": True}
    parameters = {key: parameters[key] for key in ("dbname", "user", "password", "host", "port") if key in parameters}
    with psycopg.connect(**parameters, autocommit=True) as maintenance:
        yield maintenance


def migrate(name: str) -> None:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def fingerprint() -> str:
    """Of everything that decides what migrating makes: the migrations, what ours import of ours, and the packages."""
    files = {Path(inspect.getfile(type(each))) for each in MigrationLoader(None).disk_migrations.values()}
    files |= {imported for file in files if is_ours(file) for imported in imports_of(file) if is_ours(imported)}
    files.add(settings.BASE_DIR / "requirements-dev.txt")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def is_ours(file: Path) -> bool:
    return file.is_relative_to(settings.BASE_DIR) and "site-packages" not in file.parts


def imports_of(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for name in names:
            yield Path(getattr(importlib.import_module(name), "__file__", None) or "")
