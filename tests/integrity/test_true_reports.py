"""What a repair says of itself is what another process finds afterwards, whatever was damaged.

PLANTS=all asks it of every kind of damage; else of one kind for each check.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from psycopg import sql

from integrity.models import Run
from integrity.reports import repair_report
from integrity.runs import make_run, work_run
from tests.conftest import browser_of
from tests.distribution.processes import manage
from tests.integrity.conftest import planned_anew
from tests.integrity.plants import PLANTS
from tests.integrity.test_repair import at_once, name_of
from tests.integrity.world import World
from tests.template_database import server, template_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.proof]

SOME = None if os.environ.get("PLANTS") == "all" else 1

# Health checks by somebody who knows nothing of the repair: for each line, all that is found now.
LOOKER = """
import json, sys
from django.db import connection
from integrity.runs import make_run, work_run
for line in sys.stdin:
    run = work_run(make_run(by=None, origin="command"))
    found = sorted(run.findings.values_list("code", "module", "object", "object_id", "field"))
    print(json.dumps({"state": run.state, "error": run.error, "found": found}), flush=True)
    connection.close()
"""


@contextmanager
def looker() -> Iterator[Any]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process: Any = subprocess.Popen(**manage("shell", "-v0", "-c", LOOKER), **pipes)

    def look() -> dict[str, Any]:
        process.stdin.write("look\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    try:
        yield look
    finally:
        process.stdin.close()
        process.wait(timeout=30)


@contextmanager
def database_of_its_own() -> Iterator[str]:
    """Its name. PostgreSQL copies only a database that nobody is connected to, and to that of the tests others are."""
    usual = connection.settings_dict["NAME"]
    name = f"{usual}_own"
    copy(template_database(), name)
    connection.settings_dict["NAME"] = name
    try:
        yield name
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
        drop(name)


@contextmanager
def as_it_is(name: str) -> Iterator[Any]:
    """Keeps a copy of that database; what it yields puts it back."""
    kept = f"{name}_kept"
    copy(name, kept)
    try:
        yield lambda: copy(kept, name)
    finally:
        drop(kept)


def copy(source: str, target: str) -> None:
    connection.close()
    drop(target)
    with server() as maintenance:
        text = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        maintenance.execute(sql.SQL(text).format(sql.Identifier(target), sql.Identifier(source)))


def drop(name: str) -> None:
    with server() as maintenance:
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.slow("each kind of damage is done to a database of its own, and another process looks at it")
def test_what_a_repair_says_is_what_another_process_finds():
    asked = 0
    with database_of_its_own() as database:
        with transaction.atomic():
            planned_anew()
            world = World()
        with as_it_is(database) as put_back, looker() as look:
            for sown in at_once(plant for plants in PLANTS.values() for plant in plants[:SOME]):
                with transaction.atomic():
                    planned_anew()  # the tasks are not late, however long ago the copy was made
                    for module, plant in sown:
                        plant.sow(world, module)
                name = name_of(sown)
                damaged = look()
                done = work_run(make_run(by=world.admin, origin="page", kind=Run.Kind.REPAIR))
                report = repair_report(done)
                assert done.proof, (name, report)
                after = look()
                assert (after["state"], after["error"]) == ("finished", ""), name
                found = {tuple(each) for each in after["found"]}
                places = ("code", "module", "object", "object_id", "field")
                assert found == set(done.proof.findings.values_list(*places)), name
                assert report["found"] == len(damaged["found"]), name
                assert report["needs_decision"] + report["remaining"] == len(found), name
                assert report["repaired"] == len({tuple(each) for each in damaged["found"]} - found), name
                page = browser_of(world.admin).get(done.get_absolute_url()).content.decode()
                assert ("Nothing remains" in page) == (not found), name
                assert ("Not everything is right yet" in page) == bool(found), name
                asked += len(sown)
                put_back()
    assert asked >= len(PLANTS)
