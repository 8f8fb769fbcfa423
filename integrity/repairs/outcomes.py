"""The lines of work done: as the history of the records tells them."""

from django.utils.translation import gettext_lazy as _

from crm.distribution.models import OutcomeLine
from crm.registry import modules
from integrity.checks.outcomes import names
from integrity.ground import Ground, Step

# Lines that are wrong go, and all that their records miss come.
REMOVE = 'DELETE FROM "{lines}" WHERE module = {module} AND id = ANY(%(lines)s::bigint[]) RETURNING record_id'
ADD = """
    INSERT INTO "{lines}" (module, record_id, staff_id, what, value, at, operation)
    SELECT {module}, t.record_id, t.staff_id, t.what, t.value, t.at, t.operation FROM ({told}) t
    WHERE t.record_id = ANY(%(records)s::bigint[])
    ON CONFLICT (operation, module, record_id, what) DO NOTHING RETURNING id
"""


def write_lines(ground: Ground) -> None:
    """The images of what is there were taken when it was locked."""
    lines = ground.targets(["outcome_log_mismatch"], OutcomeLine)
    for module in modules():
        records = ground.targets(["outcome_log_mismatch"], module.Record)
        records += [pk for (pk,) in ground.execute(REMOVE.format(**names(module)), {"lines": lines})]
        if records:
            new = ground.execute(ADD.format(**names(module)), {"records": records})
            ground.touch(OutcomeLine, [pk for (pk,) in new])


STEPS = [
    Step(("outcome_log_mismatch",), _("So the history of the record tells it."), write_lines, lambda: [OutcomeLine]),
]
