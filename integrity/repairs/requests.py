"""Requests that wait hold exactly what they ask for; those that were answered have their batch."""

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.distribution.coverage import back_to_pool
from crm.distribution.draw import TooFew, draw
from crm.registry import Module, modules
from integrity.check import names_of
from integrity.checks.requests import answers
from integrity.ground import Ground, Step

# The latest numbers of the list go back.
SURPLUS = """
    SELECT h.id FROM (
        SELECT o.id, o.request_id, row_number() OVER (PARTITION BY o.request_id ORDER BY o.row_number) AS place
        FROM {records} o WHERE o.request_id = ANY(%(ids)s::bigint[]) AND o.status = 'requested'
    ) h JOIN {requests} q ON q.id = h.request_id AND q.state = 'pending' WHERE h.place > q.quantity ORDER BY 1
"""
MISSING = """
    SELECT q.id, q.database_id, q.quantity - count(r.id) FROM {requests} q
    LEFT JOIN {records} r ON r.request_id = q.id AND r.status = 'requested'
    WHERE q.id = ANY(%(ids)s::bigint[]) AND q.state = 'pending'
    GROUP BY q.id HAVING count(r.id) < q.quantity ORDER BY q.id
"""
HOLD = """
    UPDATE {records} SET status = 'requested', request_id = %(request)s WHERE id = ANY(%(ids)s::bigint[])
"""
BATCH = """
    UPDATE {requests} q SET batch_id = e.batch_id
    FROM (SELECT DISTINCT ON (h.pgh_obj_id) h.* FROM {request_events} h JOIN {batches} b
              ON b.id = h.batch_id AND b.database_id = h.database_id AND b.staff_id = h.staff_id
          WHERE h.pgh_obj_id = ANY(%(ids)s::bigint[]) ORDER BY h.pgh_obj_id, h.pgh_id DESC) e
    WHERE q.id = e.pgh_obj_id AND q.state = 'approved' AND q.batch_id IS DISTINCT FROM e.batch_id
"""
NO_BATCH = "UPDATE {requests} SET batch_id = NULL WHERE id = ANY(%(ids)s::bigint[]) AND state <> 'approved'"


def asking() -> list[Module]:
    return [module for module in modules() if module.policy.asking]


def hold_no_more(ground: Ground) -> None:
    for module in asking():
        if ids := ground.targets(["stuck_request"], module.Request):
            surplus = ground.execute(SURPLUS.format(**_names(module)), {"ids": ids})
            back_to_pool(module.Record, [pk for (pk,) in surplus])


def hold_enough(ground: Ground) -> None:
    """Drawn from the pool as for a new request. Where the pool has too few, an admin decides."""
    for module in asking():
        for request, database, missing in ground.execute(
            MISSING.format(**_names(module)), {"ids": ground.targets(["stuck_request"], module.Request)}
        ):
            try:
                drawn = draw(module, module.Database.objects.get(pk=database), missing)
            except TooFew:
                ground.leave("stuck_request", module.Request._meta.label_lower, [request])
                continue
            ground.touch(module.Record, drawn)
            ground.take_images(module.Record)
            ground.execute(HOLD.format(**_names(module)), {"request": request, "ids": drawn})


def have_their_batch(ground: Ground) -> None:
    for module in asking():
        if ids := ground.targets(["request_without_batch"], module.Request):
            ground.execute(BATCH.format(**_names(module)), {"ids": ids})
            ground.execute(NO_BATCH.format(**_names(module)), {"ids": ids})
            # What is still wrong the history does not know.
            left = {row[2] for row in ground.execute(answers(module).sql.replace("%", "%%"))}
            ground.leave("request_without_batch", module.Request._meta.label_lower, sorted(left & set(ids)))


def _names(module: Module) -> dict[str, str]:
    return names_of(module) | {"request_events": f'"{module.Request.pgh_event_model._meta.db_table}"'}


def _models() -> list[type[Model]]:
    return [each for module in asking() for each in (module.Record, module.Request)]


STEPS = [
    Step(("stuck_request",), _("Its request holds more than it asks for."), hold_no_more, _models),
    Step(("stuck_request",), _("Drawn for a request that held too few."), hold_enough, _models),
    Step(("request_without_batch",), _("So the history says."), have_their_batch, _models),
]
