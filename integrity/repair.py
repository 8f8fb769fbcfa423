"""Repair: look, change, look again. What it says it has repaired, it has looked at once more before it has kept it.

A preview is the same, and is taken back at its end: what it shows is what a repair would do.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.db import IntegrityError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.errors import Refused
from crm.history import operation
from integrity.checks import checks
from integrity.decisions import hints_and_more
from integrity.ground import Ground, settle_alerts
from integrity.models import Change, Finding, Result, Run
from integrity.naming import named
from integrity.repairs import STEPS
from integrity.scan import end, run_checks, unasked
from integrity.touched import with_patience

log = structlog.get_logger(__name__)

MOST_PASSES = 3
"""One pass reaches the end, but where the repair of a row shows what was hidden behind it."""

AT_ONCE = 5000


class NotProved(Exception):
    """The proof has failed: what was to be repaired is still there, or something is there that was not."""


class _Preview(Exception):
    """Ends a preview, and takes back what it has done."""

    def __init__(self, changes: list[Change], numbers: dict[str, int], waiting: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.changes = changes
        self.numbers = numbers
        self.waiting = waiting


def repair(run: Run, *, told: Callable[[int], None] = lambda percent: None) -> None:
    """Works a run of the kind repair or preview to its end, and keeps in it what came of it.

    Everything it changes is changed in one transaction, and only if all checks of its scope, asked once more in that
    transaction, no longer find what it set out to repair, and nothing new.
    """
    results = run_checks(run, told=lambda percent: told(percent // 2))
    if error := unasked(results):
        end(run, results, error)
        return
    try:
        with_patience(lambda: _work(run, results, told))
    except _Preview as preview:
        vars(run).update(preview.numbers, verified=True)
        _mark_waiting(run, preview.waiting)
        end(run, results)
        Change.objects.bulk_create(preview.changes, batch_size=AT_ONCE)
    except (NotProved, Refused) as reason:
        _refuse(run, results, str(reason))
    except IntegrityError as error:
        log.exception("integrity.repair_refused", run=run.pk)
        # What would be right for one row is refused because of another that nobody can repair.
        _refuse(
            run,
            results,
            _("Nothing was changed: PostgreSQL refuses the repair. %(error)s") % {"error": str(error).splitlines()[0]},
        )


def _refuse(run: Run, results: Sequence[Result], reason: str) -> None:
    waiting = run.findings.filter(needs_decision=True).count()
    found = sum(result.count for result in results)
    vars(run).update(repaired=0, needs_decision=waiting, remaining=found - waiting, verified=False)
    end(run, results, reason, state=Run.State.REFUSED)


def _work(run: Run, results: Sequence[Result], told: Callable[[int], None]) -> None:
    """Changes, proves, and keeps both; raises _Preview with the changes of a preview, of which nothing is kept."""
    with operation("integrity.repair", by=run.by) as run.context:
        ground = Ground(run)
        ground.lock_tables(_guards_to_change(run))
        found = run
        for _number in range(MOST_PASSES):
            changed = ground.changes
            ground.set_out(found, hints_and_more(run))
            for step in STEPS:
                if step.is_for(run):
                    ground.work(step)
            if found is not run:
                found.delete()
            proof = look_again(run, told=lambda percent: told(50 + percent // 2))
            _mark_left(ground, proof)
            # What could not be done in this pass may be possible after it, unless it has changed nothing. What was
            # left to an admin in the first, who has decided about it, is done in the second.
            is_first = found is run
            if not _to_do(run, proof) or (ground.changes == changed and not (is_first and run.decisions)):
                break
            found = proof
        ground.execute("SET CONSTRAINTS ALL IMMEDIATE")
        _prove(run, proof, ground)
        _compare_with_preview(run)
        numbers = _numbers(run, proof)
        waiting = list(proof.findings.filter(needs_decision=True).values_list(*PLACE))
        if run.kind == Run.Kind.PREVIEW:
            raise _Preview([_copy(each) for each in run.changes.all()], numbers, waiting)
        _mark_waiting(run, waiting)
        settle_alerts(ground)
        vars(run).update(numbers, verified=True)
        end(run, results)


def _copy(change: Change) -> Change:
    change.pk = None
    return change


def look_again(run: Run, *, told: Callable[[int], None] = lambda percent: None) -> Run:
    """A health check of the same scope, in the transaction of the repair or of the undo."""
    proof = Run.objects.create(
        of=run,
        by=run.by,
        origin=run.origin,
        modules=run.modules,
        codes=run.codes,
        state=Run.State.RUNNING,
        started_at=timezone.now(),
    )
    results = run_checks(proof, told=told)
    if error := unasked(results):
        raise NotProved(error)
    end(proof, results)
    return proof


def _guards_to_change(run: Run) -> list[tuple[str, str]]:
    """Those to be put back, and those that may be removed: the model's label, and how it is declared."""
    left_out = {name for name, pk in run.left_out if not int(pk)}
    guards = run.findings.filter(code="guard_missing").exclude(object__in=left_out)
    if not any(each["code"] == "guard_missing" for each in run.decisions):
        guards = guards.filter(needs_decision=False)
    return list(guards.values_list("object", "expected"))


# What a step has left to an admin.
MARK_LEFT = f"""
    UPDATE "{Finding._meta.db_table}" f SET needs_decision = true FROM integrity_left l
    WHERE f.run_id = %s AND NOT f.needs_decision
          AND (f.code, f.object, f.object_id) = (l.code, l.object, l.object_id) AND l.field IN ('', f.field)
"""


def _mark_left(ground: Ground, proof: Run) -> None:
    ground.execute(MARK_LEFT, [proof.pk])


# Of what was found before a repair, that which an admin has to decide about after it.
MARK_WAITING = f"""
    UPDATE "{Finding._meta.db_table}" f SET needs_decision = w.code IS NOT NULL
    FROM "{Finding._meta.db_table}" o LEFT JOIN unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
         AS w (code, module, object, object_id, field)
         ON (w.code, w.module, w.object, w.object_id, w.field) = (o.code, o.module, o.object, o.object_id, o.field)
    WHERE f.run_id = %s AND o.id = f.id AND f.needs_decision <> (w.code IS NOT NULL)
"""


def _mark_waiting(run: Run, places: Sequence[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*places, strict=True)] or [[] for _name in PLACE]
    with connection.cursor() as cursor:
        cursor.execute(MARK_WAITING, [*columns, run.pk])


PLACE = ("code", "module", "object", "object_id", "field")
"""A violation by its place. Its values may be others after a step."""


def _left_out(run: Run) -> set[tuple[str, int]]:
    return {(name, int(pk)) for name, pk in run.left_out}


def _still_wrong(run: Run, proof: Run) -> list[tuple[Any, ...]]:
    """What could be repaired, was not left out, and is there."""
    places = proof.findings.filter(needs_decision=False).order_by(*PLACE).values_list(*PLACE)
    left_out = _left_out(run)
    return [place for place in places if (place[2], place[3]) not in left_out]


def _to_do(run: Run, proof: Run) -> bool:
    """Something that can be repaired is there, or something that was decided."""
    decided = {each["code"] for each in run.decisions}
    return bool(_still_wrong(run, proof)) or proof.findings.filter(needs_decision=True, code__in=decided).exists()


# What was decided, and is there all the same.
STILL_THERE = f"""
    SELECT v.code, v.module, v.object, v.object_id, v.field FROM "{Finding._meta.db_table}" v
    JOIN integrity_target t ON (t.code, t.object, t.object_id, t.field) = (v.code, v.object, v.object_id, v.field)
    WHERE v.run_id = %s AND t.decision IS NOT NULL ORDER BY 1, 2, 3, 4, 5
"""

# A row that was repaired may now be seen to need a decision, say of a record that is assigned again. So may another
# column of a row that its check has left to an admin: the counts of a list of which records are missing.
NEW = f"""
    SELECT code, module, object, object_id, field FROM "{Finding._meta.db_table}" v
    WHERE v.run_id = %(proof)s AND NOT EXISTS (
        SELECT 1 FROM "{Finding._meta.db_table}" f
        WHERE f.run_id = %(run)s AND (f.code, f.module, f.object, f.object_id, f.field)
              = (v.code, v.module, v.object, v.object_id, v.field)
    ) AND NOT (v.needs_decision AND (EXISTS (
        SELECT 1 FROM integrity_change c WHERE c.run_id = %(run)s AND (c.object, c.object_id) = (v.object, v.object_id)
    ) OR EXISTS (
        SELECT 1 FROM "{Finding._meta.db_table}" f
        WHERE f.run_id = %(run)s AND (f.code, f.module, f.object, f.object_id)
              = (v.code, v.module, v.object, v.object_id)
    ))) ORDER BY 1, 2, 3, 4, 5
"""


def _prove(run: Run, proof: Run, ground: Ground) -> None:
    # What was decided of a row may need another that was left out: then both wait.
    undone = [] if run.left_out else ground.execute(STILL_THERE, [proof.pk])
    if left := [*_still_wrong(run, proof), *undone]:
        raise NotProved(
            _("Nothing was changed: this would still be wrong after the repair. %(what)s") % {"what": _listed(left)}
        )
    with connection.cursor() as cursor:
        cursor.execute(NEW, {"run": run.pk, "proof": proof.pk})
        if appeared := cursor.fetchall():
            text = _("Nothing was changed: this would be new after the repair. %(what)s")
            raise NotProved(text % {"what": _listed(appeared)})


def _listed(places: Sequence[tuple[Any, ...]]) -> str:
    kinds = Counter((code, name, field) for code, _module, name, _pk, field in places)
    parts = []
    for (code, name, field), count in kinds.most_common(5):
        pks = [str(pk) for c, _m, n, pk, f in places if (c, n, f) == (code, name, field)][:5]
        parts.append(f"{checks()[code].title} ({name} {', '.join(pks)}: {field}; {count})")
    return "; ".join(parts)


# The number of a row that is yet to come a preview cannot know, nor can it of what happens to that row later. What
# follows from the rows that were found comes to something else where some of them were left out.
NOT_SHOWN = f"""
    SELECT 1 FROM integrity_change c WHERE c.run_id = %(run)s AND (c.before IS NULL OR NOT EXISTS (
        SELECT 1 FROM integrity_change n
        WHERE n.run_id = %(run)s AND n.before IS NULL AND (n.object, n.object_id) = (c.object, c.object_id)
    )) AND NOT EXISTS (
        SELECT 1 FROM integrity_change p WHERE p.run_id = %(preview)s AND p.object = c.object
            AND (p.object_id = c.object_id OR c.before IS NULL)
            AND (p.before IS NOT DISTINCT FROM c.before OR %(partly)s AND NOT EXISTS (
                SELECT 1 FROM "{Finding._meta.db_table}" f
                WHERE f.run_id = %(preview)s AND (f.object, f.object_id) = (c.object, c.object_id)))
    ) LIMIT 1
"""
LEFT_OUT = """
    SELECT c.object, c.object_id FROM integrity_change c
    JOIN unnest(%s::text[], %s::bigint[]) AS o (object, id) ON (o.object, o.id) = (c.object, c.object_id)
    WHERE c.run_id = %s AND c.object_id <> 0 ORDER BY 1, 2 LIMIT 1
"""


def _compare_with_preview(run: Run) -> None:
    """Raises Refused when it would change what its preview did not show, what was different then, or what was left
    out.
    """
    if run.of is None:
        return
    left_out = [(str(name), int(pk)) for name, pk in run.left_out]
    with connection.cursor() as cursor:
        cursor.execute(LEFT_OUT, [[name for name, _pk in left_out], [pk for _name, pk in left_out], run.pk])
        if row := cursor.fetchone():
            text = _("Nothing was changed: what is ticked changes %(row)s, which is not ticked.")
            raise Refused(text % {"row": named([row])[row].name})
        cursor.execute(NOT_SHOWN, {"run": run.pk, "preview": run.of.pk, "partly": bool(left_out)})
        if cursor.fetchone():
            raise Refused(_("The data has moved since the preview. Nothing was changed; look at a new preview."))


GONE = f"""
    SELECT count(*) FROM "{Finding._meta.db_table}" f WHERE f.run_id = %(run)s AND NOT EXISTS (
        SELECT 1 FROM "{Finding._meta.db_table}" v
        WHERE v.run_id = %(proof)s AND (f.code, f.module, f.object, f.object_id, f.field)
              = (v.code, v.module, v.object, v.object_id, v.field)
    )
"""


def _numbers(run: Run, proof: Run) -> dict[str, int]:
    """Read from what is there now; nothing here works them out from what was done."""
    waiting = proof.findings.filter(needs_decision=True).count()
    with connection.cursor() as cursor:
        cursor.execute(GONE, {"run": run.pk, "proof": proof.pk})
        [repaired] = cursor.fetchone()
    return {"repaired": repaired, "needs_decision": waiting, "remaining": proof.total - waiting}
