"""What reservations do to records, and the log of conflicts."""

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.models import Conflict
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from integrity.check import names_of
from integrity.ground import Ground, Step

CODES = (
    "missing_reserved",
    "stale_reserved",
    "missing_conflict",
    "stale_conflict",
    "conflict_on_unassigned",
    "conflict_reason_stale",
    "kept_despite_broken",
)

# Neither held for a request nor archived is a record in conflict, or kept out of one; nor is one kept without a word.
CLEAR = """
    UPDATE {records} r SET is_reservation_conflict = false, reservation_id = NULL, invalid_reason = '',
        kept_despite = '{{}}', kept_note = ''
    WHERE r.id = ANY(%(ids)s::bigint[]) AND r.status IN ('requested', 'archived')
          AND (r.is_reservation_conflict OR r.reservation_id IS NOT NULL OR r.invalid_reason <> ''
               OR r.kept_despite <> '{{}}' OR r.kept_note <> '')
       OR r.id = ANY(%(ids)s::bigint[]) AND r.status = 'assigned'
          AND (r.kept_despite <> '{{}}') <> (r.kept_note <> '')
"""

# What is open in the log and is no conflict, or another one, is over.
CLOSE = """
    UPDATE "{conflicts}" c SET closed_at = now(), resolution = 'integrity.repair'
    WHERE c.module = {module} AND c.closed_at IS NULL AND c.record_id = ANY(%(ids)s::bigint[]) AND NOT EXISTS (
        SELECT 1 FROM {records} r JOIN "{reservations}" v ON v.id = r.reservation_id
        WHERE r.id = c.record_id AND r.is_reservation_conflict AND r.reservation_id = c.reservation_id
              AND r.assignee_id = c.staff_id AND v.staff_id = c.reserved_by_id
    )
"""
# What it says of a conflict that there is: the record's list and customer are what they are.
CORRECT = """
    UPDATE "{conflicts}" c SET database_id = r.database_id, product_id = v.product_id, customer_id = r.customer_id
    FROM {records} r JOIN "{reservations}" v ON v.id = r.reservation_id
    WHERE c.module = {module} AND c.closed_at IS NULL AND c.record_id = ANY(%(ids)s::bigint[]) AND r.id = c.record_id
          AND (c.database_id, c.product_id, c.customer_id)
              IS DISTINCT FROM (r.database_id, v.product_id, r.customer_id::text)
"""
OPEN = """
    INSERT INTO "{conflicts}"
        (module, record_id, database_id, product_id, customer_id, staff_id, reservation_id, reserved_by_id)
    SELECT {module}, r.id, r.database_id, v.product_id, r.customer_id, r.assignee_id, v.id, v.staff_id
    FROM {records} r JOIN "{reservations}" v ON v.id = r.reservation_id
    WHERE r.id = ANY(%(ids)s::bigint[]) AND r.is_reservation_conflict AND NOT EXISTS (
        SELECT 1 FROM "{conflicts}" c WHERE c.module = {module} AND c.record_id = r.id AND c.closed_at IS NULL
    )
    RETURNING id
"""
STANDING = """
    SELECT id FROM "{conflicts}" WHERE module = {module} AND closed_at IS NULL AND record_id = ANY(%(ids)s::bigint[])
    ORDER BY id
"""
# An entry of a record that is gone is of no touched record.
OF_NOBODY = """
    SELECT c.record_id FROM "{conflicts}" c WHERE c.module = {module} AND c.closed_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM {records} r WHERE r.id = c.record_id)
"""
OF_ENTRIES = 'SELECT record_id FROM "{conflicts}" WHERE module = {module} AND id = ANY(%(ids)s::bigint[])'


def settle(ground: Ground) -> None:
    """All records that the repair may have touched: what was put back may be covered."""
    for module in modules():
        ids = ground.touched(module.Record)
        ground.execute(CLEAR.format(**names_of(module)), {"ids": ids})
        module.Record.objects.settle(ids)


def write_log(ground: Ground) -> None:
    """The images of what is there are taken before anything is new, in whatever module."""
    entries = ground.targets(["conflict_log_mismatch"], Conflict)
    of_modules = []
    for module in modules():
        names = _names(module)
        ids = ground.touched(module.Record)
        ids += [pk for (pk,) in ground.execute(OF_ENTRIES.format(**names), {"ids": entries})]
        if ground.has_targets("conflict_log_mismatch"):
            ids += [pk for (pk,) in ground.execute(OF_NOBODY.format(**names))]
        if ids:
            of_modules.append((names, ids))
            ground.touch(Conflict, [pk for (pk,) in ground.execute(STANDING.format(**names), {"ids": ids})])
    ground.take_images(Conflict)
    for names, ids in of_modules:
        ground.execute(CLOSE.format(**names), {"ids": ids})
        ground.execute(CORRECT.format(**names), {"ids": ids})
        ground.touch(Conflict, [pk for (pk,) in ground.execute(OPEN.format(**names), {"ids": ids})])


def _names(module: Module) -> dict[str, str]:
    tables = {"conflicts": Conflict._meta.db_table, "reservations": Reservation._meta.db_table}
    return names_of(module) | tables


def _records() -> list[type[Model]]:
    return [module.Record for module in modules()]


STEPS = [
    Step(CODES, _("So the reservations say that cover it."), settle, _records, True),
    Step(("conflict_log_mismatch",), _("The log says what the flags say."), write_log, lambda: [Conflict], True),
]
