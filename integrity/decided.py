"""What is done where an admin has decided: with the services that there are, on the ground of a repair."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import User
from crm.distribution.assignment import recall_records, transfer_records
from crm.distribution.coverage import back_to_pool
from crm.distribution.imports.models import LeftOutRow, State, Upload
from crm.distribution.models import DATABASE_COUNTS, Status
from crm.distribution.triggers import seal_of
from crm.errors import Refused
from crm.identity import customer_key_sql
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import move_reservations, reject_reservations, release_reservations
from integrity.check import names_of
from integrity.checks.counts import OF_IMPORT, PURGED, ROWS_OF_DATABASES
from integrity.checks.guards import place_of
from integrity.checks.history import kept_columns
from integrity.checks.requests import answers
from integrity.checks.uploads import databases_of_uploads
from integrity.ground import Decided, Ground
from integrity.guards import Blocked, before_image, faults, guarded_models, remove


def recall(ground: Ground, decided: Decided) -> None:
    for module, ids in _records_of(decided):
        recall_records(records=_still(decided, module.Record.objects.with_ids(ids)), by=_by(ground, decided))


def _still(decided: Decided, rows: Any) -> Any:
    """Those of the records or reservations whose owner does not work, where that is what was decided about: somebody
    may have got them before they were locked.
    """
    owner = {"assignee_not_working": "assignee__in", "reservation_owner_not_working": "staff__in"}.get(decided.code)
    return rows.exclude(**{owner: User.objects.working()}) if owner else rows


def transfer(ground: Ground, decided: Decided) -> None:
    staff = _staff(decided)
    for module, ids in _records_of(decided):
        records = module.Record.objects.with_ids(ids)
        done = transfer_records(records=_still(decided, records), to=staff, by=_by(ground, decided))
        ground.touch(module.Batch, [batch.pk for batch in done.batches])
        # Those that somebody else has reserved stay where they are.
        stay = _still(decided, records).values_list("pk", flat=True)
        ground.leave(decided.code, module.Record._meta.label_lower, list(stay))


# Of the records of one customer, those of everybody but whoever has them first, or last.
BUT_FOR_ONE = """
    SELECT object, id FROM (
        SELECT a.*, first_value(assignee_id) OVER (
            PARTITION BY product_id, customer_key ORDER BY assigned_at {order}, object {order}, id {order}
        ) AS holder
        FROM ({assigned}) a
    ) h WHERE assignee_id <> holder
"""
ASSIGNED = """
    SELECT {record} AS object, r.id, d.product_id, r.customer_key, r.assignee_id, r.assigned_at
    FROM {records} r JOIN {databases} d ON d.id = r.database_id
    WHERE r.status = 'assigned' AND r.id IN (
        SELECT object_id FROM integrity_target WHERE object = {record} AND decision = %(number)s
    )
"""


def leave_with_one(order: str, ground: Ground, decided: Decided) -> None:
    assigned = " UNION ALL ".join(ASSIGNED.format(**names_of(module)) for module in modules())
    rows = ground.execute(BUT_FOR_ONE.format(order=order, assigned=assigned), {"number": decided.number})
    for module in modules():
        if ids := [pk for label, pk in rows if label == module.Record._meta.label_lower]:
            recall_records(records=module.Record.objects.with_ids(ids), by=_by(ground, decided))


# In the pool, and an earlier one of the customer is there, whatever has become of that meanwhile.
# By what the ids say, not by the stored keys: those may be of an old rule.
LATER = """
    SELECT r.id FROM {records} r
    JOIN unnest(%(ids)s::bigint[], %(firsts)s::bigint[]) AS twice (id, first) ON twice.id = r.id
    JOIN {records} o ON o.id = twice.first AND o.database_id = r.database_id AND {key_of_first} = {key}
    WHERE r.status IN ('available', 'reserved') ORDER BY r.id FOR KEY SHARE OF o
"""


def delete_later(ground: Ground, decided: Decided) -> None:
    first_of = {(each.object, each.object_id): int(each.expected) for each in decided.rows}
    for module, ids in _records_of(decided):
        label = module.Record._meta.label_lower
        keys = {"key": customer_key_sql("r.customer_id"), "key_of_first": customer_key_sql("o.customer_id")}
        later = LATER.format(**keys, **names_of(module))
        free = [pk for (pk,) in ground.execute(later, {"ids": ids, "firsts": [first_of[label, pk] for pk in ids]})]
        module.Record.objects.delete_ids(free)
        ground.leave(decided.code, label, sorted(set(ids) - set(free)))


def end_reservations(ground: Ground, decided: Decided) -> None:
    _end(ground, _still(decided, Reservation.objects.filter(pk__in=decided.ids(Reservation))))


def keep_one(keep_first: bool, ground: Ground, decided: Decided) -> None:
    """Ends the other, if the one that is to be kept has not ended meanwhile."""
    pairs = [(int(each.expected), each.object_id) for each in decided.rows]
    wanted = {ends: stays for stays, ends in pairs} if keep_first else dict(pairs)
    standing = set(Reservation.objects.standing().filter(pk__in=wanted.values()).values_list("pk", flat=True))
    _end(ground, Reservation.objects.filter(pk__in=[ends for ends, stays in wanted.items() if stays in standing]))


def _end(ground: Ground, reservations: Any) -> None:
    ids = list(reservations.values_list("pk", flat=True))
    release_reservations(reservations=Reservation.objects.filter(pk__in=ids).active(), by=ground.run.by)
    reject_reservations(reservations=Reservation.objects.filter(pk__in=ids).pending(), by=ground.run.by)


def move(ground: Ground, decided: Decided) -> None:
    """What only waits was asked for by somebody who does not work any more: it is rejected."""
    found = _still(decided, Reservation.objects.filter(pk__in=decided.ids(Reservation)))
    reject_reservations(reservations=found.pending(), by=ground.run.by)
    move_reservations(reservations=found.active(), to=_staff(decided), by=ground.run.by)


# A row that the history does not know gets an event as if it had just come, or changed; one that is gone, as if it had
# just been deleted.
COME = """
    INSERT INTO "{events}" (pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id, {columns})
    SELECT now(), CASE WHEN coalesce(n.pgh_label, 'delete') = 'delete' THEN 'insert' ELSE 'update' END,
           r."{pk}", _pgh_attach_context(), {of_row}
    FROM "{table}" r LEFT JOIN LATERAL (
        SELECT e.pgh_label FROM "{events}" e WHERE e.pgh_obj_id = r."{pk}" ORDER BY e.pgh_id DESC LIMIT 1
    ) n ON true
    WHERE r."{pk}" = ANY(%(ids)s::bigint[])
"""
GONE = """
    INSERT INTO "{events}" (pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id, {columns})
    SELECT now(), 'delete', e.pgh_obj_id, _pgh_attach_context(), {of_event}
    FROM (SELECT DISTINCT ON (pgh_obj_id) * FROM "{events}" WHERE pgh_obj_id = ANY(%(ids)s::bigint[])
          ORDER BY pgh_obj_id, pgh_id DESC) e
    WHERE e.pgh_label <> 'delete' AND NOT EXISTS (SELECT 1 FROM "{table}" r WHERE r."{pk}" = e.pgh_obj_id)
"""
SEAL = 'UPDATE "{table}" r SET seal = {seal} WHERE r.id = ANY(%(ids)s::bigint[])'


def take_as_it_is(ground: Ground, decided: Decided) -> None:
    for label in sorted({each.object for each in decided.rows}):
        model: Any = apps.get_model(label)
        columns = kept_columns(model)
        names = {
            "events": model.pgh_event_model._meta.db_table,
            "table": model._meta.db_table,
            "pk": model._meta.pk.column,
            "columns": ", ".join(f'"{name}"' for name in columns),
            "of_row": ", ".join(f'r."{name}"' for name in columns),
            "of_event": ", ".join(f'e."{name}"' for name in columns),
        }
        mine = [each for each in decided.rows if each.object == label]
        sealed = sorted({each.object_id for each in mine if each.hint == "import"})
        unknown = sorted({each.object_id for each in mine if each.hint != "import"})
        for text in (COME, GONE):
            ground.execute(text.format(**names), {"ids": unknown})
        if sealed:
            ground.execute(SEAL.format(seal=seal_of("r"), **names), {"ids": sealed})


# What came with a file, as it is there, and as the rows that were left out say.
IMPORT = """
    UPDATE {databases} d SET imported_count = w.imported, duplicate_count = w.duplicates, rejected_count = w.rejected,
        file_rows = CASE WHEN d.upload_id IS NULL THEN d.file_rows ELSE w.imported + w.duplicates + w.rejected END,
        {counts}
    FROM (
        SELECT d.id, coalesce(t.record_count, 0) + coalesce(p.n, 0) AS imported,
               count(o.id) FILTER (WHERE o.kind = 'duplicate') AS duplicates,
               count(o.id) FILTER (WHERE o.kind = 'rejected') AS rejected
        FROM {databases} d LEFT JOIN ({rows}) t ON t.id = d.id LEFT JOIN ({purged}) p ON p.id = d.id
        LEFT JOIN "{left_out}" o ON o.upload_id = d.upload_id
        WHERE d.id = ANY(%(ids)s::bigint[]) GROUP BY d.id, t.record_count, p.n
    ) w LEFT JOIN ({rows}) t ON t.id = w.id WHERE d.id = w.id
"""


def import_is_what_is_there(ground: Ground, decided: Decided) -> None:
    counts = ", ".join(f"{name} = coalesce(t.{name}, 0)" for name in DATABASE_COUNTS if name not in OF_IMPORT)
    for module in modules():
        if ids := decided.ids(module.Database):
            names = names_of(module) | {"left_out": LeftOutRow._meta.db_table, "counts": counts}
            text = IMPORT.format(rows=ROWS_OF_DATABASES.format(**names), purged=PURGED.format(**names), **names)
            ground.execute(text, {"ids": ids})


def ask_for_what_it_holds(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        for request in module.Request.objects.pending().filter(pk__in=ids):
            held = module.Record.objects.filter(request=request, status=Status.REQUESTED).count()
            if held:
                module.Request.objects.filter(pk=request.pk).update(quantity=held)
            else:
                ground.leave(decided.code, module.Request._meta.label_lower, [request.pk])


def reject(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        module.policy.reject(ids, ground.run.by, _("The list has too few records."))


NEXT_BATCH = """
    UPDATE {requests} q SET state = 'approved', decided_at = coalesce(q.decided_at, b.created_at), batch_id = b.id
    FROM {requests} o JOIN LATERAL (
        SELECT b.id, b.created_at FROM {batches} b
        WHERE b.staff_id = o.staff_id AND b.database_id = o.database_id AND b.created_at >= o.created_at
              AND NOT EXISTS (SELECT 1 FROM {requests} x WHERE x.batch_id = b.id AND x.id <> o.id)
        ORDER BY b.id LIMIT 1
    ) b ON true
    WHERE q.id = o.id AND o.id = %(id)s
    RETURNING q.id
"""


def give_their_batch(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        for pk in ids:
            if not ground.execute(NEXT_BATCH.format(**names_of(module)), {"id": pk}):
                ground.leave(decided.code, module.Request._meta.label_lower, [pk])


def cancel(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        held = module.Record.objects.filter(request__in=ids, status=Status.REQUESTED).values_list("pk", flat=True)
        back_to_pool(module.Record, list(held))
        still = {row[2] for row in ground.execute(answers(module).sql.replace("%", "%%"))}
        module.Request.objects.filter(pk__in=still & set(ids)).update(
            state="cancelled", batch=None, decided_at=Coalesce("decided_at", Now())
        )


# What came of a file: how many databases of its module are there, and of another.
CAME = """
    SELECT count(*) FILTER (WHERE module = %(module)s), count(*) FILTER (WHERE module <> %(module)s)
    FROM ({databases}) c WHERE c.upload_id = %(id)s
"""


def end_uploads(ground: Ground, decided: Decided) -> None:
    came = CAME.format(databases=databases_of_uploads())
    for upload in Upload.objects.filter(pk__in=decided.ids(Upload)):
        [(here, elsewhere)] = ground.execute(came, {"id": upload.pk, "module": upload.module})
        state, error, progress = State.FAILED, _("An admin has given it up."), 0
        if here:
            state, error, progress = State.IMPORTED, "", 100
        if elsewhere or here > 1 or upload.state in (state, State.UNDONE):
            ground.leave(decided.code, Upload._meta.label_lower, [upload.pk])
            continue
        ended = {"state": state, "state_at": timezone.now(), "error": error, "progress": progress}
        Upload.objects.filter(pk=upload.pk).update(**ended)


def remove_undeclared(ground: Ground, decided: Decided) -> None:
    wanted = {(each.object, each.field) for each in decided.rows}
    models = [model for model in guarded_models() if model._meta.label_lower in {label for label, _f in wanted}]
    for fault in faults(models):
        label, place = fault.guard.model._meta.label_lower, place_of(fault.guard)
        if fault.state == "undeclared" and (label, place) in wanted:
            image = before_image(fault)
            try:
                remove(fault)
            except Blocked:
                ground.leave(decided.code, label, [0], place)
                continue
            before = {"guard": fault.guard.name, "state": fault.state, **image}
            why = gettext_lazy("Decided: nobody has declared it.")
            ground.note(decided.code, fault.guard.model, before=before, after={"guard": ""}, why=why)


def _by(ground: Ground, decided: Decided) -> Any:
    """Who decides. At the command line nobody does; whoever gets the records stands for them."""
    return ground.run.by or decided.staff


def _staff(decided: Decided) -> User:
    if decided.staff is None:
        raise Refused(_("Say to which active staff member."))
    return decided.staff


def _records_of(decided: Decided) -> Iterable[tuple[Module, list[int]]]:
    for module in modules():
        if ids := decided.ids(module.Record):
            yield module, ids


def _requests_of(decided: Decided) -> Iterable[tuple[Module, list[int]]]:
    for module in modules():
        if module.policy.asking and (ids := decided.ids(module.Request)):
            yield module, ids


def records_and_batches() -> list[type[Model]]:
    return [each for module in modules() for each in (module.Record, module.Batch)]


def reservations_and_records() -> list[type[Model]]:
    return [Reservation, *(module.Record for module in modules())]


def requests_and_records() -> list[type[Model]]:
    return [each for module in modules() if module.policy.asking for each in (module.Request, module.Record)]


def databases() -> list[type[Model]]:
    return [module.Database for module in modules()]
