"""What a repair costs, against the least that it has to do: one UPDATE of the same rows."""

from collections.abc import Iterator

from django.db import connection, transaction

from integrity.models import Run
from integrity.runs import make_run, work_run
from tests.bench.ground import Result, empty, make_database, once, settle, team_of

RECORDS, DAMAGED = 1_000_000, 100_000

WHICH = f"SELECT id FROM memberwd_record WHERE status = 'assigned' ORDER BY id LIMIT {DAMAGED}"


def repair() -> Iterator[Result]:
    """100,000 of a million records have the old status; the UPDATE gives it to them, with all triggers at work."""
    empty()
    make_database(RECORDS, team=team_of(50))
    settle()
    plain = once(_update)
    settle()
    repaired = once(_repair)
    yield Result("repair of 100,000 of 1,000,000 : one UPDATE of the same rows", repaired, plain, 5)


def _update() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE memberwd_record SET status = 'invalid' WHERE id IN ({WHICH})")


def _repair() -> None:
    done = work_run(make_run(by=None, origin="command", kind=Run.Kind.REPAIR, codes=["legacy_invalid_status"]))
    if (done.state, done.repaired, done.remaining) != ("finished", DAMAGED, 0):
        raise RuntimeError(f"{done.state} {done.repaired} {done.remaining} {done.error}")
