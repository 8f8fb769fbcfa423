"""Runs: started by a person, a command or the clock, worked one at a time, and never silently lost.

A run is a row that waits. Whoever works runs holds an advisory lock, and works all that wait before giving it up; the
task of a run that finds somebody at work leaves it to them. What is left all the same (a worker that was killed, a task
that was lost) is taken up by the schedule, a minute later at most.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from crm.accounts.models import User
from crm.errors import Refused
from crm.locks import alone_with
from crm.registry import modules
from crm.schedules import tried_again
from integrity.checks import checks
from integrity.models import Result, Run
from integrity.repair import repair
from integrity.scan import Scope, end, run_checks, unasked
from integrity.undo import undo

KEEP_RUNS = timedelta(days=90)

PROGRESS_SECONDS = 0.2
"""Nobody sees it change more often."""

log = structlog.get_logger(__name__)

AT_WORK = 50_003
"""The advisory lock of whoever works runs. PostgreSQL gives it up when the worker ends, however it ends."""


def start_run(*, by: User, module: str = "") -> Run:
    """A health check that a task will work, of one module or of everything. One of the same that somebody has started
    in the browser and that has not ended is not started again. Raises Refused for a module that there is not.
    """
    keys = check_scope([module] if module else [], [])
    with transaction.atomic():
        same = Run.objects.filter(kind=Run.Kind.CHECK, origin=Run.Origin.PAGE, modules=keys)
        if run := same.open().first():
            return run
        # Two clicks at once make one run: a constraint lets only one wait.
        run, is_new = same.get_or_create(
            state=Run.State.WAITING, defaults={"by": by, "origin": Run.Origin.PAGE, "modules": keys}
        )
        if is_new:
            async_task("integrity.runs.work_waiting")
    return run


def start_preview(
    *, by: User, keys: Sequence[str] = (), codes: Sequence[str] = (), decisions: Sequence[dict[str, Any]] = ()
) -> Run:
    """What a repair of these modules and checks, or of everything, would do, and what these `decisions`
    (integrity.decisions) would; a task works it. Changes nothing.
    """
    scope = check_scope(keys, codes)
    return _start(
        Run(kind=Run.Kind.PREVIEW, by=by, modules=scope, codes=list(codes), decisions=_checked(scope, codes, decisions))
    )


def _checked(keys: Sequence[str], codes: Sequence[str], decisions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = {check.code for check, _module in Scope(keys, codes).asked()}
    if outside := [each["code"] for each in decisions if each["code"] not in asked]:
        raise Refused(_("This repair is not about %(name)s.") % {"name": ", ".join(outside)})
    of_all = [each["code"] for each in decisions if not each["only"]]
    if len(of_all) != len(set(of_all)):
        raise Refused(_("Decide each check in one way, or row by row."))
    return list(decisions)


def start_repair(*, preview: Run, by: User, left_out: Sequence[tuple[str, int]] = ()) -> Run:
    """What that preview shows, but for the rows `left_out` (object, id); a task works it.

    It changes nothing when the data has moved since. Raises Refused for what is no preview that has ended well.
    """
    if preview.kind != Run.Kind.PREVIEW or preview.state != Run.State.FINISHED:
        raise Refused(_("There is no preview of this: look at a new one."))
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=preview.pk)
        if preview.followers.filter(kind=Run.Kind.REPAIR).exclude(state__in=NOTHING_CHANGED).exists():
            raise Refused(_("This preview was carried out already; look at a new one."))
        return _start(
            Run(
                kind=Run.Kind.REPAIR,
                by=by,
                of=preview,
                modules=preview.modules,
                codes=preview.codes,
                decisions=preview.decisions,
                left_out=[list(each) for each in left_out],
            )
        )


def start_undo(*, repaired: Run, by: User) -> Run:
    """Takes back what that repair has changed; a task works it. Raises Refused for what is no repair, or is undone."""
    check_undo(repaired)
    return _start(Run(kind=Run.Kind.UNDO, by=by, of=repaired, modules=repaired.modules, codes=repaired.codes))


def check_undo(repaired: Run) -> None:
    """Raises Refused for what is no repair, has changed nothing, or is undone."""
    if repaired.kind != Run.Kind.REPAIR or not repaired.changes.exists():
        raise Refused(_("Only a repair that has changed something can be undone."))
    if not repaired.changes.filter(undone_at=None).exists():
        raise Refused(_("This repair was undone already."))
    if repaired.followers.filter(kind=Run.Kind.UNDO).open().exists():
        raise Refused(_("This repair is being undone."))


NOTHING_CHANGED = (Run.State.REFUSED, Run.State.FAILED, Run.State.INTERRUPTED)
"""How a repair ends that has changed nothing."""


def _start(run: Run) -> Run:
    run.origin = Run.Origin.PAGE
    with transaction.atomic():
        run.save()
        async_task("integrity.runs.work_waiting")
    return run


def make_run(
    *,
    by: User | None,
    origin: str,
    keys: Sequence[str] = (),
    codes: Sequence[str] = (),
    kind: str = Run.Kind.CHECK,
    of: Run | None = None,
    decisions: Sequence[dict[str, Any]] = (),
) -> Run:
    """A run for `work_run`, of an undo with the repair, of a repair with what was decided. Raises Refused for a module
    or a check that there is not, for both not together, or for what cannot be undone.
    """
    if kind == Run.Kind.UNDO and of:
        check_undo(of)
    scope = check_scope(keys, codes)
    return Run.objects.create(
        by=by,
        origin=origin,
        kind=kind,
        of=of,
        modules=scope,
        codes=list(codes),
        decisions=_checked(scope, codes, decisions),
    )


def check_scope(keys: Sequence[str], codes: Sequence[str]) -> list[str]:
    """The modules, if there is something to ask about them; raises Refused otherwise."""
    known = [module.key for module in modules()]
    if unknown := [key for key in keys if key not in known]:
        raise Refused(_("There is no module %(name)s.") % {"name": ", ".join(unknown)})
    if unknown := [code for code in codes if code not in checks()]:
        raise Refused(_("There is no check %(name)s.") % {"name": ", ".join(unknown)})
    if not Scope(keys, codes).asked():
        raise Refused(_("These checks are not about these modules."))
    return list(keys)


def work_run(run: Run) -> Run:
    """Works the run to its end, after whoever is at work; as it is if they have worked it already."""
    with alone_with(AT_WORK, wait=True):
        _end_interrupted()
        _work(run)
    run.refresh_from_db()
    return run


def work_waiting() -> int:
    """Works all runs that wait, the oldest first; how many. None while somebody else is at work: they do it.

    The task of each run that is started, and scheduled every minute.
    """
    worked = 0
    with alone_with(AT_WORK) as alone:
        if alone:
            _end_interrupted()
            while run := Run.objects.filter(state=Run.State.WAITING).order_by("pk").first():
                _work(run)
                worked += 1
    return worked


@tried_again
def run_night() -> None:
    """The health check of every night, of everything. Scheduled at HEALTH_CHECK_AT."""
    _forget_old()
    make_run(by=None, origin=Run.Origin.SCHEDULE)
    work_waiting()


def _forget_old() -> None:
    """What was found long ago goes, but for the newest run that has asked a check: `since` is carried on from it."""
    newest = Result.objects.filter(error="").order_by("code", "module", "-run_id").distinct("code", "module")
    Run.objects.filter(finished_at__lt=timezone.now() - KEEP_RUNS).exclude(pk__in=newest.values("run")).delete()


def _end_interrupted() -> None:
    """Says of runs whose worker is gone that they were interrupted. For whoever has the lock: nobody is at work."""
    gone = Run.objects.filter(state=Run.State.RUNNING)
    ended = {"state": Run.State.INTERRUPTED, "finished_at": timezone.now()}
    text = _("Its worker ended before it did. Nothing is known of what it had not looked at; start it again.")
    gone.filter(kind=Run.Kind.CHECK).update(error=text, **ended)
    # What a repair or an undo has changed is kept together with how it ended.
    gone.update(error=_("Its worker ended before it did. Nothing was changed; start it again."), **ended)


def _work(run: Run) -> None:
    waiting = Run.objects.filter(pk=run.pk, state=Run.State.WAITING)
    if not waiting.update(state=Run.State.RUNNING, started_at=timezone.now()):
        return
    run.refresh_from_db()
    progress = ProgressOfRun(run.pk)
    try:
        WORK[run.kind](run, progress)
    except Exception:
        log.exception("integrity.run_failed", run=run.pk)
        end(run, [], _("It ended before its time; the log says more. Nothing was changed."))
        raise
    finally:
        progress.close()


def _check(run: Run, progress: Callable[[int], None]) -> None:
    results = run_checks(run, told=progress)
    end(run, results, unasked(results))


WORK: dict[str, Callable[[Run, Callable[[int], None]], None]] = {
    Run.Kind.CHECK: _check,
    Run.Kind.PREVIEW: lambda run, progress: repair(run, told=progress),
    Run.Kind.REPAIR: lambda run, progress: repair(run, told=progress),
    Run.Kind.UNDO: lambda run, progress: undo(run, told=progress),
}


class ProgressOfRun:
    """Writes progress through a connection of its own, so that it shows while the checks see one moment; a few times a
    second at most.

    What cannot be written is in the log, and the checks go on.
    """

    def __init__(self, pk: int) -> None:
        self._pk = pk
        self._connection: BaseDatabaseWrapper = connections.create_connection("default")
        self._written_at = time.monotonic()

    def __call__(self, percent: int) -> None:
        if time.monotonic() - self._written_at < PROGRESS_SECONDS:
            return
        self._written_at = time.monotonic()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("UPDATE integrity_run SET progress = %s WHERE id = %s", [percent, self._pk])
        except DatabaseError:
            log.exception("integrity.progress_failed", run=self._pk)

    def close(self) -> None:
        self._connection.close()
