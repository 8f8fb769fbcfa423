"""Work done: the lines are those that the history of the records tells."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.models import OutcomeLine
from crm.distribution.outcomes import lines_of_history
from crm.registry import Module, modules
from integrity.check import Check, Look, everywhere, literal, names_of

CHECKS = [
    Check(
        "outcome_log_mismatch",
        _("The lines of work done are wrong"),
        _("Whatever staff have noted of a record, and nobody has taken back, has its line in the work done, and nothing"
          " else has one."),
        {
            "missing": _("Of %(object)s was noted: %(expected)s. The work done does not have it."),
            "stale": _("The work done has %(object)s as “%(actual)s”, and the history of the record does not."),
            "different": _("The work done has the %(field)s of %(object)s as “%(actual)s”, and it is “%(expected)s”."),
            "module": _("%(object)s is of “%(actual)s”, which is no module."),
        },
        applies=everywhere,
        decisions=("module",),
    ),
]  # fmt: skip

LOG = """
    WITH told AS MATERIALIZED ({told}), kept AS (
        SELECT * FROM "{lines}" WHERE module = {module}
    )
    SELECT 'outcome_log_mismatch', {record}, t.record_id, t.what,
           string_agg(concat_ws(' ', u.username, nullif(t.value, '')), ', ' ORDER BY t.at), '', 'missing'
    FROM told t JOIN "{users}" u ON u.id = t.staff_id
    WHERE NOT EXISTS (
        SELECT 1 FROM kept k WHERE (k.operation, k.record_id, k.what) = (t.operation, t.record_id, t.what)
    )
    GROUP BY t.record_id, t.what
    UNION ALL
    SELECT 'outcome_log_mismatch', {line}, k.id, 'what', '', concat_ws(' ', k.what, nullif(k.value, '')), 'stale'
    FROM kept k WHERE NOT EXISTS (
        SELECT 1 FROM told t WHERE (k.operation, k.record_id, k.what) = (t.operation, t.record_id, t.what)
    )
    UNION ALL
    SELECT 'outcome_log_mismatch', {line}, k.id, x.field, x.expected, x.actual, 'different'
    FROM told t JOIN kept k ON (k.operation, k.record_id, k.what) = (t.operation, t.record_id, t.what)
    CROSS JOIN LATERAL (VALUES
        ('staff_id', t.staff_id::text, k.staff_id::text), ('value', t.value, k.value), ('at', t.at::text, k.at::text)
    ) AS x (field, expected, actual)
    WHERE x.expected <> x.actual
"""
STRANGE = """
    SELECT 'outcome_log_mismatch', {line}, k.id, 'module', '', k.module, 'module' FROM "{lines}" k
    WHERE k.module NOT IN ({known})
"""


def names(module: Module) -> dict[str, str]:
    return {
        **names_of(module),
        "told": lines_of_history(names_of(module)["events"]),
        "line": literal(OutcomeLine._meta.label_lower),
        "lines": OutcomeLine._meta.db_table,
        "users": User._meta.db_table,
    }


def looks() -> Iterator[Look]:
    for module in modules():
        yield Look(("outcome_log_mismatch",), module, LOG.format(**names(module)))
    known = ", ".join(literal(module.key) for module in modules())
    strange = {"line": literal(OutcomeLine._meta.label_lower), "lines": OutcomeLine._meta.db_table, "known": known}
    yield Look(("outcome_log_mismatch",), None, STRANGE.format(**strange))
