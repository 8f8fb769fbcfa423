"""The ground on which a repair works: what it is to repair, the rows that it may touch, and what they were.

`integrity_target`, a temporary table of the transaction, holds what has been found and is to be repaired. What each
step has changed of the rows that it may touch goes into `integrity_change`.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from crm.accounts.models import User
from crm.distribution.alerts import settle_invalid_alerts
from crm.registry import modules
from integrity.check import Text, key_of, module_of_model
from integrity.checks import checks
from integrity.models import Change, Finding, Run
from integrity.touched import Touched

TABLES = """
    DROP TABLE IF EXISTS integrity_target, integrity_left;
    CREATE TEMPORARY TABLE integrity_target (
        code text, object text, object_id bigint, field text, hint text, expected text, decision integer
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE integrity_left (code text, object text, object_id bigint, field text) ON COMMIT DROP
"""
TARGETS = f"""
    INSERT INTO integrity_target (code, object, object_id, field, hint, expected, decision)
    SELECT f.code, f.object, f.object_id, f.field, f.hint, f.expected, %(decision)s
    FROM "{Finding._meta.db_table}" f
    WHERE f.run_id = %(run)s AND NOT EXISTS (
        SELECT 1 FROM unnest(%(objects)s::text[], %(ids)s::bigint[]) AS o (object, id)
        WHERE o.object = f.object AND o.id = f.object_id
    )
"""
# A guard against which rows stood may be put back once they are repaired, or decided about.
REPARABLE = " AND (NOT f.needs_decision OR f.code = 'guard_missing' AND NOT f.hint = ANY(%(hints)s::text[]))"

# What was decided of some rows goes before what was decided of all.
DECIDED = """
    AND f.needs_decision AND f.code = %(code)s AND f.hint = ANY(%(hints)s::text[])
    AND (%(only)s::jsonb IS NULL OR EXISTS (
        SELECT 1 FROM jsonb_array_elements(%(only)s::jsonb) o
        WHERE o IN (jsonb_build_array(f.object, f.object_id), jsonb_build_array(f.object, f.object_id, f.field))))
    AND NOT EXISTS (SELECT 1 FROM integrity_target t WHERE t.decision IS NOT NULL
                    AND (t.code, t.object, t.object_id, t.field) = (f.code, f.object, f.object_id, f.field))
"""
LEFT_NO_MORE = """
    DELETE FROM integrity_left l USING integrity_target t
    WHERE (t.code, t.object, t.object_id) = (l.code, l.object, l.object_id) AND l.field IN ('', t.field)
"""

# A row that was updated is at another place of its table than before: only those are compared. A row that is new has
# no image, one that is gone has nothing after it.
CHANGES = """
    WITH now AS (
        SELECT t.object_id, t.row AS before, to_jsonb(m) AS after, m.ctid AS at
        FROM integrity_touched t LEFT JOIN "{table}" m ON m."{pk}" = t.object_id
        WHERE t.object = %(object)s AND t.at IS DISTINCT FROM m.ctid
    ), images AS (
        UPDATE integrity_touched t SET row = now.after, at = now.at FROM now
        WHERE t.object = %(object)s AND t.object_id = now.object_id
    ), meant AS MATERIALIZED (
        SELECT object_id, min(code) AS code FROM integrity_target
        WHERE object = %(object)s AND code = ANY(%(codes)s::text[]) GROUP BY 1
    )
    INSERT INTO integrity_change (run_id, number, code, module, object, object_id, before, after, why, row_hash)
    SELECT %(run)s, %(number)s + row_number() OVER (ORDER BY d.object_id),
           coalesce(m.code, (%(codes)s::text[])[1]), %(module)s, %(object)s, d.object_id,
           CASE WHEN d.after IS NULL THEN d.before WHEN d.before IS NOT NULL THEN (
               SELECT jsonb_object_agg(key, value) FROM jsonb_each(d.before) WHERE d.after -> key IS DISTINCT FROM value
           ) END,
           CASE WHEN d.before IS NULL THEN d.after WHEN d.after IS NOT NULL THEN (
               SELECT jsonb_object_agg(key, value) FROM jsonb_each(d.after) WHERE d.before -> key IS DISTINCT FROM value
           ) END,
           %(why)s, coalesce(md5(d.after::text), '')
    FROM now d LEFT JOIN meant m USING (object_id) WHERE d.before IS DISTINCT FROM d.after
"""


@dataclass(frozen=True)
class Step:
    """One kind of repair: what it is for, why a row becomes what it becomes, and whose rows it may change."""

    codes: tuple[str, ...]
    why: Text
    work: Callable[["Ground"], None]
    models: Callable[[], Iterable[type[Model]]]
    always: bool = False
    """Also in a repair of other checks: it puts right what the other steps have moved."""
    choice: str = ""
    """It carries out what an admin has decided so, and nothing without that."""

    def is_for(self, run: Run) -> bool:
        if self.choice:
            return any((each["code"], each["choice"]) == (self.codes[0], self.choice) for each in run.decisions)
        return self.always or not run.codes or bool(set(self.codes) & set(run.codes))


@dataclass(frozen=True)
class Target:
    """A finding that an admin has decided about."""

    object: str
    object_id: int
    field: str
    hint: str
    expected: str


@dataclass(frozen=True)
class Decided:
    """What one decision is about: the `number` it has among those of the run, its rows, and to whom they go."""

    number: int
    code: str
    staff: User | None
    rows: list[Target]

    def ids(self, model: type[Model]) -> list[int]:
        return sorted({each.object_id for each in self.rows if each.object == model._meta.label_lower})


class Ground(Touched):
    """Of one repair, inside its transaction."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.changes = 0
        self.execute(TABLES)

    def set_out(self, found: Run, choices: Sequence[tuple[Collection[str], str]] = ()) -> None:
        """What that run has found is to be repaired: finds the rows that this may touch, and locks them.

        `choices` are, for each decision of the run, the hints that it is for, and the SQL of what it touches besides.
        """
        left_out = [(str(name), int(pk)) for name, pk in self.run.left_out]
        values = {"run": found.pk, "objects": [name for name, _pk in left_out], "ids": [pk for _name, pk in left_out]}
        self.execute("DELETE FROM integrity_target")
        guards = checks()["guard_missing"].decisions
        self.execute(TARGETS + REPARABLE, {**values, "decision": None, "hints": list(guards)})
        decisions = sorted(enumerate(self.run.decisions), key=lambda each: each[1]["only"] is None)
        for number, each in decisions:
            only = None if each["only"] is None else json.dumps(each["only"])
            hints, also = choices[number]
            chosen = {"decision": number, "code": each["code"], "hints": list(hints), "only": only}
            self.execute(TARGETS + DECIDED, {**values, **chosen})
            if also:
                self.touch_rows(f"{also} FROM integrity_target t WHERE t.decision = {number}")
        self.execute(LEFT_NO_MORE)
        self.execute("ANALYZE integrity_target")
        self.touch_rows("SELECT object, object_id FROM integrity_target WHERE object_id <> 0")
        self.touch_what_belongs_to_them()
        self.execute("ANALYZE integrity_touched")
        self.lock_touched()
        for model in self.models():
            self.take_images(model)

    def targets(self, codes: Collection[str], model: type[Model], *, hints: Collection[str] | None = None) -> list[int]:
        """The rows of the model for which one of the checks, with one of the hints, is to be repaired."""
        rows = self.execute(
            """
            SELECT DISTINCT object_id FROM integrity_target
            WHERE code = ANY(%(codes)s::text[]) AND object = %(object)s AND decision IS NULL
                  AND (%(hints)s::text[] IS NULL OR hint = ANY(%(hints)s::text[])) ORDER BY 1
            """,
            {"codes": list(codes), "object": model._meta.label_lower, "hints": None if hints is None else list(hints)},
        )
        return [pk for (pk,) in rows]

    def has_targets(self, code: str) -> bool:
        return bool(self.execute("SELECT 1 FROM integrity_target WHERE code = %s AND decision IS NULL LIMIT 1", [code]))

    def is_target(self, code: str, model: type[Model], field: str) -> bool:
        """Of a guard: it is to be put back."""
        return bool(
            self.execute(
                "SELECT 1 FROM integrity_target WHERE (code, object, field) = (%s, %s, %s) AND decision IS NULL",
                [code, model._meta.label_lower, field],
            )
        )

    def decided(self, number: int) -> Decided | None:
        """What the decision of that number is about; None if it is about nothing that was found."""
        rows = self.execute(
            "SELECT object, object_id, field, hint, expected FROM integrity_target WHERE decision = %s"
            " ORDER BY 1, 2, 3",
            [number],
        )
        each = self.run.decisions[number]
        staff = User.objects.filter(pk=each["staff"]).first() if each["staff"] else None
        return Decided(number, each["code"], staff, [Target(*row) for row in rows]) if rows else None

    def leave(self, code: str, label: str, ids: Iterable[int], field: str = "") -> None:
        """These cannot be repaired: an admin decides. `field` names one guard of a table."""
        keys = list(ids)
        self.execute("INSERT INTO integrity_left SELECT %s, %s, unnest(%s::bigint[]), %s", [code, label, keys, field])
        self.execute(
            "DELETE FROM integrity_target t USING integrity_left l WHERE (t.code, t.object, t.object_id)"
            " = (l.code, l.object, l.object_id) AND (l.field = '' OR l.field = t.field)"
        )

    def take_images(self, model: type[Model]) -> None:
        self.execute(
            f"""
            UPDATE integrity_touched t SET row = to_jsonb(m), at = m.ctid FROM "{model._meta.db_table}" m
            WHERE t.object = %s AND t.row IS NULL AND m."{model._meta.pk.column}" = t.object_id
            """,
            [model._meta.label_lower],
        )

    def work(self, step: Step) -> None:
        """Takes the step, and keeps what has become different."""
        step.work(self)
        touched = self.models()
        for model in [model for model in dict.fromkeys(step.models()) if model in touched]:
            self.execute(
                CHANGES.format(table=model._meta.db_table, pk=model._meta.pk.column),
                {
                    "run": self.run.pk,
                    "number": self.changes,
                    "object": model._meta.label_lower,
                    "module": key_of(module_of_model(model)),
                    "codes": list(step.codes),
                    "why": str(step.why),
                },
            )
            [(self.changes,)] = self.execute(
                "SELECT coalesce(max(number), 0) FROM integrity_change WHERE run_id = %s", [self.run.pk]
            )

    def note(self, code: str, model: type[Model], *, before: Any, after: Any, why: Text) -> None:
        """Keeps a change of what is no row: a guard of the table."""
        self.changes += 1
        Change.objects.create(
            run=self.run,
            number=self.changes,
            code=code,
            module=key_of(module_of_model(model)),
            object=model._meta.label_lower,
            object_id=0,
            before=before,
            after=after,
            why=str(why),
        )


def settle_alerts(ground: Ground) -> None:
    """Whose invalid records wait is named by an alert, and nobody else."""
    for module in modules():
        if module.policy.validates and (ids := ground.touched(module.Record)):
            waiting = module.Record.objects.with_ids(ids).marked_invalid().order_by()
            settle_invalid_alerts(module, *User.objects.filter(pk__in=waiting.values("assignee")))
