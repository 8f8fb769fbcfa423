"""Undoing a repair as a whole: every row that has not changed since is again what it was before.

Guards that ask the rows go first, then the rows are put back, then the other guards go: the repair, backwards.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Notice
from crm.registry import modules
from integrity.checks import alerts
from integrity.checks.history import kept_columns
from integrity.ground import Ground, settle_alerts
from integrity.guards import put_back
from integrity.models import Change, Run
from integrity.repair import NotProved, look_again
from integrity.repairs import counts
from integrity.repairs.guards import ASK_THE_ROWS, ASK_WHEN_MADE
from integrity.repairs.history import event_triggers
from integrity.scan import end
from integrity.touched import with_patience

# The rows of the repair, each with what it was: of what several steps have changed, the earliest is kept. `is_silent`:
# the history did not know what it was, and is not told now.
ROWS = """
    DROP TABLE IF EXISTS integrity_undo;
    CREATE TEMPORARY TABLE integrity_undo ON COMMIT DROP AS
        SELECT c.object, c.object_id, (array_agg(c.row_hash ORDER BY c.number DESC))[1] AS row_hash,
               ''::text AS refused,
               (array_agg(c.before IS NULL ORDER BY c.number))[1] AS was_new,
               bool_or(c.code = 'history_mismatch') AS is_silent,
               (SELECT jsonb_object_agg(k.key, k.value ORDER BY o.number DESC)
                FROM integrity_change o CROSS JOIN LATERAL jsonb_each(o.before) k
                WHERE o.run_id = %(run)s AND o.before IS NOT NULL
                      AND (o.object, o.object_id) = (c.object, c.object_id)) AS before
        FROM integrity_change c WHERE c.run_id = %(run)s AND c.undone_at IS NULL AND c.object_id <> 0
        GROUP BY c.object, c.object_id;
    CREATE INDEX ON integrity_undo (object, object_id);
    INSERT INTO integrity_touched (object, object_id) SELECT object, object_id FROM integrity_undo
"""
REFUSE_CHANGED = """
    UPDATE integrity_undo u SET refused = %(why)s
    WHERE u.object = %(object)s AND u.row_hash IS DISTINCT FROM coalesce(
        (SELECT md5(to_jsonb(m)::text) FROM "{table}" m WHERE m."{pk}" = u.object_id), '')
"""
REFUSE_COUNTED = """
    UPDATE integrity_undo u SET refused = %(why)s FROM "{table}" m
    WHERE u.refused = '' AND u.object = %(object)s AND m."{pk}" = u.object_id AND NOT to_jsonb(m) @> u.before
"""
MINE = "integrity_undo u WHERE u.object = %(object)s AND u.refused = '' AND u.is_silent = %(silent)s"
ONE = " AND (%(one)s::bigint IS NULL OR u.object_id = %(one)s)"

# Two rows that get each other's value: what they are about to get back is put out of the way first, and told to nobody.
PARK = f"""
    UPDATE "{{table}}" t SET
        customer_id = CASE WHEN c.before ? 'customer_id' THEN 'parked ' || t.id ELSE t.customer_id END,
        row_number = CASE WHEN c.before ? 'row_number' THEN -t.id ELSE t.row_number END,
        replaces_id = CASE WHEN c.before ? 'replaces_id' THEN NULL ELSE t.replaces_id END
    FROM (SELECT u.* FROM {MINE} AND NOT u.was_new
          AND u.before ?| ARRAY['customer_id', 'row_number', 'replaces_id']::text[] {ONE}) c
    WHERE t.id = c.object_id
"""
TAKE_AWAY = f"""
    DELETE FROM "{{table}}" t WHERE t."{{pk}}" IN (SELECT u.object_id FROM {MINE} AND u.was_new {ONE})
"""
PUT_BACK = f"""
    UPDATE "{{table}}" t SET {{assignments}}
    FROM (SELECT u.* FROM {MINE} AND NOT u.was_new {ONE}) c
    JOIN "{{table}}" o ON o."{{pk}}" = c.object_id CROSS JOIN LATERAL jsonb_populate_record(o, c.before) p
    WHERE t."{{pk}}" = o."{{pk}}"
"""
BRING_BACK = f"""
    INSERT INTO "{{table}}" ({{columns}}) SELECT {{values}}
    FROM (SELECT u.* FROM {MINE} AND NOT u.was_new {ONE}) c
    CROSS JOIN LATERAL jsonb_populate_record(NULL::"{{table}}", c.before) p
    WHERE NOT EXISTS (SELECT 1 FROM "{{table}}" o WHERE o."{{pk}}" = c.object_id)
"""

# A record that comes back to the pool is news to the history only where that knows of its end.
TELL = f"""
    INSERT INTO "{{events}}" (pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id, {{kept}})
    SELECT now(), 'insert', t."{{pk}}", _pgh_attach_context(), {{of_row}}
    FROM "{{table}}" t JOIN (SELECT u.object_id FROM {MINE} AND NOT u.was_new {ONE}) c ON c.object_id = t."{{pk}}"
    WHERE (SELECT e.pgh_label FROM "{{events}}" e WHERE e.pgh_obj_id = t."{{pk}}" ORDER BY e.pgh_id DESC LIMIT 1)
          = 'delete'
"""


def undo(run: Run, *, told: Callable[[int], None] = lambda percent: None) -> None:
    """Works a run of the kind undo to its end. What was repaired from the history differs from it again afterwards, and
    is found again; all else is in the history as undone.
    """
    try:
        with_patience(lambda: _work(run, told))
    except (NotProved, Refused) as reason:
        end(run, [], str(reason), state=Run.State.REFUSED)


def _work(run: Run, told: Callable[[int], None]) -> None:
    repaired = run.of
    if repaired is None or repaired.kind != Run.Kind.REPAIR or repaired.state != Run.State.FINISHED:
        raise Refused(_("Only a repair that has changed something can be undone."))
    with operation("integrity.undo", by=run.by) as context:
        ground = Ground(run)
        guarded = repaired.changes.filter(code="guard_missing", undone_at=None)
        ground.lock_tables(list(guarded.values_list("object", "after__guard")))
        ground.execute(ROWS, {"run": repaired.pk})
        ground.lock_touched()
        for model in ground.models():
            names = {"table": model._meta.db_table, "pk": model._meta.pk.column}
            values = {"object": model._meta.label_lower, "why": _("It has changed since.")}
            ground.execute(REFUSE_CHANGED.format(**names), values)
        if not guarded.exists() and not ground.execute("SELECT 1 FROM integrity_undo WHERE refused = '' LIMIT 1"):
            raise Refused(_("All rows have changed since the repair, or were undone already. Nothing was changed."))
        _undo_guards(guarded, before_the_rows=True)
        _undo_rows(ground)
        _balance(ground, repaired, context)
        ground.execute("SET CONSTRAINTS ALL IMMEDIATE")
        _undo_guards(guarded, before_the_rows=False)
        told(50)
        _alerts(ground, repaired)
        look_again(run, told=lambda percent: told(50 + percent // 2))
        _keep(ground, run, repaired)


def _undo_guards(guarded: Any, *, before_the_rows: bool) -> None:
    for change in guarded.order_by("-number"):
        kind, has_values = change.before["kind"], change.before["plain"]
        if (kind in ASK_THE_ROWS or (kind in ASK_WHEN_MADE and not has_values)) == before_the_rows:
            try:
                put_back(change.before)
            except Refused as refused:
                change.not_undone = str(refused)
                change.save(update_fields=["not_undone"])


def _undo_rows(ground: Ground) -> None:
    try:
        with transaction.atomic():
            for model in ground.models():
                _put_back(ground, model)
            ground.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError:
        _one_by_one(ground)
    ground.execute("SET CONSTRAINTS ALL DEFERRED")


def _one_by_one(ground: Ground) -> None:
    """What PostgreSQL forbids today stays as the repair has left it, and says so; all else is undone."""
    rows = ground.execute("SELECT object, object_id FROM integrity_undo WHERE refused = '' ORDER BY 1, 2")
    for label, pk in rows:
        try:
            with transaction.atomic():
                _put_back(ground, apps.get_model(label), one=pk)
                ground.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError as error:
            why = _("PostgreSQL forbids what it was: %(error)s") % {"error": str(error).splitlines()[0]}
            ground.execute(
                "UPDATE integrity_undo SET refused = %s WHERE (object, object_id) = (%s, %s)", [why, label, pk]
            )
        ground.execute("SET CONSTRAINTS ALL DEFERRED")


def _put_back(ground: Ground, model: type[Model], *, one: int | None = None) -> None:
    columns = [f'"{each.column}"' for each in model._meta.concrete_fields if not each.generated]
    pk = f'"{model._meta.pk.column}"'
    names = {
        "table": model._meta.db_table,
        "pk": model._meta.pk.column,
        "columns": ", ".join(columns),
        "values": ", ".join(f"p.{name}" for name in columns),
        "assignments": ", ".join(f"{name} = p.{name}" for name in columns if name != pk),
    }
    if is_record := model in [module.Record for module in modules()]:
        tracked: Any = model
        kept = kept_columns(tracked)
        names["events"] = tracked.pgh_event_model._meta.db_table
        names["kept"] = ", ".join(f'"{name}"' for name in kept)
        names["of_row"] = ", ".join(f't."{name}"' for name in kept)
    listening = [trigger.get_pgid(model) for trigger in event_triggers(model)]
    for silent in (False, True):
        values = {"object": model._meta.label_lower, "silent": silent, "one": one}
        with ground.silencing(listening):
            if is_record:
                ground.execute(PARK.format(**names), values)
        with ground.silencing(listening if silent else []):
            for text in (TAKE_AWAY, PUT_BACK, BRING_BACK):
                ground.execute(text.format(**names), values)
            if is_record and not silent:
                ground.execute(TELL.format(**names), values)


def _balance(ground: Ground, repaired: Run, context: Any) -> None:
    """If all of it is undone, the books forget both: no record has come or gone. If not, or if the history was told of
    something that is never undone, what came and went is counted anew, in all batches and databases that it was about.
    """
    is_whole = not ground.execute("SELECT 1 FROM integrity_undo WHERE refused <> '' LIMIT 1")
    if is_whole and not any(each["code"] == "history_mismatch" for each in repaired.decisions):
        ground.execute(
            "UPDATE pghistory_context SET metadata = metadata || '{\"undone\": true}' WHERE id = ANY(%s::uuid[])",
            [[key for key in (repaired.context, context) if key]],
        )
        return
    for module in modules():
        for model in (module.Batch, module.Database):
            ground.touch(model, _owners(ground, module.Record, model))
    counts.batches(ground)
    counts.databases(ground)
    why = _("Not all that it counts could be undone: it was counted.")
    for module in modules():
        for model in (module.Batch, module.Database):
            names = {"table": model._meta.db_table, "pk": model._meta.pk.column}
            values = {"object": model._meta.label_lower, "why": why}
            ground.execute(REFUSE_COUNTED.format(**names), values)


def _owners(ground: Ground, record: Any, model: Any) -> Iterator[int]:
    column = "batch_id" if model._meta.model_name == "batch" else "database_id"
    ids = ground.touched(record)
    yield from record.objects.with_ids(ids).exclude(**{column: None}).values_list(column, flat=True).distinct()


def _alerts(ground: Ground, repaired: Run) -> None:
    """Nothing tells of what does not wait, but for what did so before the repair."""
    [look] = alerts.looks()
    stale = {row[2] for row in ground.execute(look.sql.replace("%", "%%"))}
    before = set(ground.touched(Notice))
    Notice.objects.filter(pk__in=stale - before).delete()
    if not repaired.changes.filter(code="alert_stale").exists():
        settle_alerts(ground)


def _keep(ground: Ground, run: Run, repaired: Run) -> None:
    ground.execute(
        """
        UPDATE integrity_change c SET not_undone = u.refused, undone_at = CASE WHEN u.refused = '' THEN now() END
        FROM integrity_undo u
        WHERE c.run_id = %s AND c.undone_at IS NULL AND (u.object, u.object_id) = (c.object, c.object_id)
        """,
        [repaired.pk],
    )
    guards = Change.objects.filter(run=repaired, object_id=0, undone_at=None)
    [(rows, refused)] = ground.execute("SELECT count(*), count(*) FILTER (WHERE refused <> '') FROM integrity_undo")
    rows += guards.values("object").distinct().count()
    refused += guards.exclude(not_undone="").values("object").distinct().count()
    guards.filter(not_undone="").update(undone_at=run.started_at)
    vars(run).update(repaired=rows - refused, remaining=refused, needs_decision=0, verified=True)
    end(run, [])
