"""Runs: started by a person, a command or the clock, worked one at a time, and never silently lost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from crm.accounts.models import User
from crm.errors import Refused
from crm.registry import modules
from integrity.checks import checks
from integrity.models import Result, Run
from integrity.scan import run_checks

log = structlog.get_logger(__name__)

AT_WORK = 50_003
"""The advisory lock of whoever works a run. PostgreSQL gives it up when the worker ends, however it ends."""


def start_run(*, by: User | None, origin: str, module: str = "") -> Run:
    """A health check that a task will work, of one module or of everything. One of the same that has not ended is not
    started again. Raises Refused for a module that there is not.
    """
    with transaction.atomic():
        run = Run.objects.open().filter(modules=[module] if module else [], codes=[]).first()
        if run is None:
            run = make_run(by=by, origin=origin, keys=[module] if module else [])
            async_task("integrity.tasks.work", run.pk)
    return run


def make_run(*, by: User | None, origin: str, keys: Sequence[str] = (), codes: Sequence[str] = ()) -> Run:
    """Raises Refused for a module or a check that there is not."""
    known = [module.key for module in modules()]
    if unknown := [key for key in keys if key not in known]:
        raise Refused(_("There is no module %(name)s.") % {"name": ", ".join(unknown)})
    if unknown := [code for code in codes if code not in checks()]:
        raise Refused(_("There is no check %(name)s.") % {"name": ", ".join(unknown)})
    return Run.objects.create(by=by, origin=origin, modules=list(keys), codes=list(codes))


def work_run(run: Run) -> Run:
    """Works the run to its end, after whatever other run is at work; as it is if somebody has worked it already."""
    with _alone():
        waiting = Run.objects.filter(pk=run.pk, state=Run.State.WAITING)
        if waiting.update(state=Run.State.RUNNING, started_at=timezone.now()):
            run.refresh_from_db()
            _work(run)
    run.refresh_from_db()
    return run


def _work(run: Run) -> None:
    progress = ProgressOfRun(run.pk)
    error = _("It ended before its time; the log says more.")
    results: list[Result] = []
    try:
        results = run_checks(run, told=progress)
        unasked = [f"{result.code} ({result.module}): {result.error}" for result in results if result.error]
        error = "\n".join([_("Not every check could be asked."), *unasked]) if unasked else ""
    finally:
        progress.close()
        with transaction.atomic():
            Result.objects.bulk_create(results)
            state = Run.State.FAILED if error else Run.State.FINISHED
            Run.objects.filter(pk=run.pk).update(state=state, error=error, finished_at=timezone.now(), progress=100)


def end_interrupted() -> int:
    """Says of runs whose worker is gone that they were interrupted; how many there were. Scheduled every minute."""
    if not Run.objects.filter(state=Run.State.RUNNING).exists():
        return 0
    with _alone(wait=False) as alone:
        if not alone:
            return 0
        gone = Run.objects.filter(state=Run.State.RUNNING)
        text = _("Its worker ended before it did. Nothing is known of what it had not looked at; start it again.")
        return gone.update(state=Run.State.INTERRUPTED, error=text, finished_at=timezone.now())


@contextmanager
def _alone(*, wait: bool = True) -> Iterator[bool]:
    """Whether nobody else is at work; with `wait`, once nobody is."""
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SET lock_timeout = 0")
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", [AT_WORK])
            finally:
                cursor.execute("RESET lock_timeout")
            alone = True
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [AT_WORK])
            alone = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [AT_WORK])


class ProgressOfRun:
    """Writes progress through a connection of its own, so that it shows while the checks see one moment."""

    def __init__(self, pk: int) -> None:
        self._pk = pk
        self._connection: BaseDatabaseWrapper = connections.create_connection("default")

    def __call__(self, percent: int) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("UPDATE integrity_run SET progress = %s WHERE id = %s", [percent, self._pk])

    def close(self) -> None:
        self._connection.close()
