"""What an admin can decide where Repair cannot tell what is right. A repair carries it out: it is shown before, proved
by the checks, and undone like everything else that it changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import User
from crm.distribution.assignment import recall_records, transfer_records
from crm.distribution.coverage import back_to_pool
from crm.distribution.imports.models import LeftOutRow, State, Upload
from crm.distribution.models import DATABASE_COUNTS, Status
from crm.distribution.triggers import seal_of
from crm.errors import Refused
from crm.notices.models import Kind
from crm.notices.services import notify
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import move_reservations, reject_reservations, release_reservations
from integrity.check import Text, names_of
from integrity.checks import checks
from integrity.checks.counts import OF_IMPORT, PURGED, ROWS_OF_DATABASES
from integrity.checks.guards import place_of
from integrity.checks.history import kept_columns
from integrity.checks.requests import answers
from integrity.checks.uploads import databases_of_uploads
from integrity.ground import Decided, Ground, Step
from integrity.guards import Blocked, before_image, faults, guarded_models, remove
from integrity.models import Run


@dataclass(frozen=True)
class Choice:
    """One way to decide what a check has found, for all of it or for one row of it.

    `consequence` is said before it is carried out. `hints` are those of the check's findings that it can be chosen for.
    `also` selects, as model and key, the rows that it touches besides those found, of `integrity_target t`.
    """

    code: str
    key: str
    label: Text
    consequence: Text
    work: Callable[[Ground, Decided], None]
    models: Callable[[], Iterable[type[Model]]]
    hints: tuple[str, ...] = ("",)
    asks_staff: bool = False
    also: str = ""
    for_one: bool = True
    for_many: bool = True


def choices_of(code: str, hint: str, *, one: bool) -> list[Choice]:
    """How a finding of the check can be decided by itself, or together with all like it."""
    return [
        each
        for each in CHOICES
        if each.code == code and hint in each.hints and (each.for_one if one else each.for_many)
    ]


def advice_for(code: str, hint: str) -> str:
    """What else can be done about a finding that needs an admin, where it is not here that it is done; or empty."""
    of_check = ADVICE.get(code, {})
    return str(of_check.get(hint, of_check.get("*", "")))


def decision(code: str, key: str, *, staff: User | None = None, only: Sequence[tuple[Any, ...]] = ()) -> dict[str, Any]:
    """As a run keeps it: of all that the check has found, or of the rows `only`: object and id, of a guard the field,
    too. Raises Refused for a choice that there is not, and for somebody who cannot be given anything.
    """
    if code not in checks():
        raise Refused(_("There is no check %(name)s.") % {"name": code})
    of_check = {each.key: each for each in CHOICES if each.code == code}
    if key not in of_check:
        known = ", ".join(of_check) or _("none")
        raise Refused(_("%(code)s cannot be decided by “%(key)s”. It can be by: %(known)s.") % {
            "code": code, "key": key, "known": known})  # fmt: skip
    if staff and not of_check[key].asks_staff:
        raise Refused(_("Nothing goes to anybody by “%(key)s”.") % {"key": key})
    if of_check[key].asks_staff and (staff is None or not staff.is_active or staff.role != "staff"):
        raise Refused(_("Say to which active staff member."))
    return {
        "code": code,
        "choice": key,
        "staff": staff.pk if staff and of_check[key].asks_staff else None,
        "only": [list(each) for each in only] or None,
    }


def hints_and_more(run: Run) -> list[tuple[Sequence[str], str]]:
    """Of each decision of the run: the hints that its choice is for, and the SQL of what it touches besides."""
    found = {(each.code, each.key): each for each in CHOICES}
    return [(choice.hints, choice.also) for each in run.decisions for choice in [found[each["code"], each["choice"]]]]


def said_of(run: Run) -> list[tuple[Text, Text, Text, str]]:
    """What has been decided for the run: the check, the choice, its consequence, and to whom."""
    people = User.objects.in_bulk([each["staff"] for each in run.decisions if each["staff"]])
    found = {(each.code, each.key): each for each in CHOICES}
    said = []
    for each in run.decisions:
        if choice := found.get((each["code"], each["choice"])):
            whom = str(people.get(each["staff"], ""))
            said.append((checks()[choice.code].title, choice.label, choice.consequence, whom))
    return said


def _recall(ground: Ground, decided: Decided) -> None:
    for module, ids in _records_of(decided):
        recall_records(records=_still(decided, module.Record.objects.with_ids(ids)), by=_by(ground, decided))


def _still(decided: Decided, rows: Any) -> Any:
    """Those of the records or reservations whose owner does not work, where that is what was decided about: somebody
    may have got them before they were locked.
    """
    owner = {"assignee_not_working": "assignee__in", "reservation_owner_not_working": "staff__in"}.get(decided.code)
    return rows.exclude(**{owner: User.objects.working()}) if owner else rows


def _transfer(ground: Ground, decided: Decided) -> None:
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


def _leave_with_one(order: str, ground: Ground, decided: Decided) -> None:
    assigned = " UNION ALL ".join(ASSIGNED.format(**names_of(module)) for module in modules())
    rows = ground.execute(BUT_FOR_ONE.format(order=order, assigned=assigned), {"number": decided.number})
    for module in modules():
        if ids := [pk for label, pk in rows if label == module.Record._meta.label_lower]:
            recall_records(records=module.Record.objects.with_ids(ids), by=_by(ground, decided))


# In the pool, and an earlier one of the customer is there, whatever has become of that meanwhile.
LATER = """
    SELECT r.id FROM {records} r
    WHERE r.id = ANY(%(ids)s::bigint[]) AND r.status IN ('available', 'reserved') AND EXISTS (
        SELECT 1 FROM {records} o
        WHERE o.database_id = r.database_id AND o.customer_key = r.customer_key AND o.id < r.id FOR KEY SHARE
    ) ORDER BY r.id
"""


def _delete_later(ground: Ground, decided: Decided) -> None:
    for module, ids in _records_of(decided):
        free = [pk for (pk,) in ground.execute(LATER.format(**names_of(module)), {"ids": ids})]
        module.Record.objects.delete_ids(free)
        ground.leave(decided.code, module.Record._meta.label_lower, sorted(set(ids) - set(free)))


def _end_reservations(ground: Ground, decided: Decided) -> None:
    _end(ground, _still(decided, Reservation.objects.filter(pk__in=decided.ids(Reservation))))


def _keep_one(keep_first: bool, ground: Ground, decided: Decided) -> None:
    """Ends the other, if the one that is to be kept has not ended meanwhile."""
    pairs = [(int(each.expected), each.object_id) for each in decided.rows]
    wanted = {ends: stays for stays, ends in pairs} if keep_first else dict(pairs)
    standing = set(Reservation.objects.standing().filter(pk__in=wanted.values()).values_list("pk", flat=True))
    _end(ground, Reservation.objects.filter(pk__in=[ends for ends, stays in wanted.items() if stays in standing]))


def _end(ground: Ground, reservations: Any) -> None:
    ids = list(reservations.values_list("pk", flat=True))
    release_reservations(reservations=Reservation.objects.filter(pk__in=ids).active(), by=ground.run.by)
    reject_reservations(reservations=Reservation.objects.filter(pk__in=ids).pending(), by=ground.run.by)


def _move(ground: Ground, decided: Decided) -> None:
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


def _take_as_it_is(ground: Ground, decided: Decided) -> None:
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


def _import_is_what_is_there(ground: Ground, decided: Decided) -> None:
    counts = ", ".join(f"{name} = coalesce(t.{name}, 0)" for name in DATABASE_COUNTS if name not in OF_IMPORT)
    for module in modules():
        if ids := decided.ids(module.Database):
            names = names_of(module) | {"left_out": LeftOutRow._meta.db_table, "counts": counts}
            text = IMPORT.format(rows=ROWS_OF_DATABASES.format(**names), purged=PURGED.format(**names), **names)
            ground.execute(text, {"ids": ids})


def _ask_for_what_it_holds(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        for request in module.Request.objects.pending().filter(pk__in=ids):
            held = module.Record.objects.filter(request=request, status=Status.REQUESTED).count()
            if held:
                module.Request.objects.filter(pk=request.pk).update(quantity=held)
            else:
                ground.leave(decided.code, module.Request._meta.label_lower, [request.pk])


def _reject(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        held = module.Record.objects.filter(request__in=ids, status=Status.REQUESTED).values_list("pk", flat=True)
        back_to_pool(module.Record, list(held))
        for request in module.Request.objects.pending().filter(pk__in=ids).select_related("staff", "database"):
            text = _("Your request for %(n)d records of %(database)s was not approved.")
            text %= {"n": request.quantity, "database": request.database}
            url = reverse("my_requests")
            notify(users=[request.staff], kind=Kind.REQUEST_DECIDED, text=text[:300], url=url)
        module.Request.objects.pending().filter(pk__in=ids).update(
            state="rejected",
            decided_at=timezone.now(),
            decided_by=ground.run.by,
            reason=_("The list has too few records."),
        )


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


def _give_their_batch(ground: Ground, decided: Decided) -> None:
    for module, ids in _requests_of(decided):
        for pk in ids:
            if not ground.execute(NEXT_BATCH.format(**names_of(module)), {"id": pk}):
                ground.leave(decided.code, module.Request._meta.label_lower, [pk])


def _cancel(ground: Ground, decided: Decided) -> None:
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


def _end_uploads(ground: Ground, decided: Decided) -> None:
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


def _remove(ground: Ground, decided: Decided) -> None:
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


def _records() -> list[type[Model]]:
    return [each for module in modules() for each in (module.Record, module.Batch)]


def _reservations() -> list[type[Model]]:
    return [Reservation, *(module.Record for module in modules())]


def _asking() -> list[type[Model]]:
    return [each for module in modules() if module.policy.asking for each in (module.Request, module.Record)]


def _databases() -> list[type[Model]]:
    return [module.Database for module in modules()]


EVERY_HINT = ("", "vanished", "no trace", "unknown", "import")

CHOICES: tuple[Choice, ...] = (
    Choice(
        "assignee_not_working", "recall", gettext_lazy("Take them back"),
        gettext_lazy("The records go back to the pool. What came of them stays in the history."),
        _recall, _records,
    ),
    Choice(
        "assignee_not_working", "transfer", gettext_lazy("Hand them on"),
        gettext_lazy("The records go to the staff member that you choose, in a new batch of each database, with what"
                     " came of them. Those that somebody else has reserved stay."),
        _transfer, _records, asks_staff=True,
    ),
    Choice(
        "double_worked", "recall", gettext_lazy("Take this one back"),
        gettext_lazy("This record goes back to the pool. The others keep theirs."),
        _recall, _records, for_many=False,
    ),
    Choice(
        "double_worked", "keep_first", gettext_lazy("Leave each customer with who had them first"),
        gettext_lazy("Each customer stays with the staff member who had them first. The records of the others go back"
                     " to the pool."),
        partial(_leave_with_one, "ASC"), _records, for_one=False,
    ),
    Choice(
        "double_worked", "keep_last", gettext_lazy("Leave each customer with who got them last"),
        gettext_lazy("Each customer stays with the staff member who got them last. The records of the others go"
                     " back to the pool."),
        partial(_leave_with_one, "DESC"), _records, for_one=False,
    ),
    Choice(
        "duplicate_customer", "delete_later", gettext_lazy("Delete the later record"),
        gettext_lazy("The later record of the customer, with its name, phone and cells, is deleted if nobody has it,"
                     " and is counted as purged. The history keeps it. What somebody has stays: take it back first."),
        _delete_later, _records,
    ),
    Choice(
        "reservation_owner_not_working", "release", gettext_lazy("End them"),
        gettext_lazy("The reservations end, and their customers are free. Those that nobody has approved yet are"
                     " rejected."),
        _end_reservations, _reservations,
    ),
    Choice(
        "reservation_owner_not_working", "move", gettext_lazy("Give them to somebody else"),
        gettext_lazy("The reservations belong to the staff member that you choose, and their time begins anew."
                     " Those that nobody has approved yet are rejected."),
        _move, _reservations, asks_staff=True,
    ),
    Choice(
        "reservation_duplicate", "keep_first", gettext_lazy("Keep the one that came first"),
        gettext_lazy("The later reservation ends. The customer stays with who had reserved them first."),
        partial(_keep_one, True), _reservations, hints=("whose",),
    ),
    Choice(
        "reservation_duplicate", "keep_later", gettext_lazy("Keep the later one"),
        gettext_lazy("The reservation that came first ends. The customer is reserved for who came later."),
        partial(_keep_one, False), _reservations, hints=("whose",),
        also=f"SELECT '{Reservation._meta.label_lower}', t.expected::bigint",
    ),
    Choice(
        "history_mismatch", "take_as_it_is", gettext_lazy("Take it as it is"),
        gettext_lazy("Nothing of the row changes. The history says from now on that it is so, since today, by you; what"
                     " it says of the past stays. This cannot be undone."),
        _take_as_it_is, _records, hints=EVERY_HINT,
    ),
    Choice(
        "import_conservation", "take_as_it_is", gettext_lazy("Take what is there"),
        gettext_lazy("The numbers of the import become what is there: the records, the purged, and the rows that were"
                     " left out. The history keeps what they were."),
        _import_is_what_is_there, _databases, hints=("gone", "file", "left out"),
    ),
    Choice(
        "stuck_request", "set_quantity", gettext_lazy("Ask for what it holds"),
        gettext_lazy("The request asks for as many records as it holds, and goes on waiting."),
        _ask_for_what_it_holds, _asking, hints=("quantity",),
    ),
    Choice(
        "stuck_request", "reject", gettext_lazy("Reject it"),
        gettext_lazy("The request is rejected, and what it holds goes back to the pool."),
        _reject, _asking, hints=("quantity",),
    ),
    Choice(
        "request_without_batch", "next_batch", gettext_lazy("It was answered by the next batch"),
        gettext_lazy("The request is approved, with the first batch that its staff member got from the database after"
                     " asking."),
        _give_their_batch, _asking, hints=("", "decided"),
    ),
    Choice(
        "request_without_batch", "cancel", gettext_lazy("Withdraw it"),
        gettext_lazy("The request counts as withdrawn, and has no batch. What it holds goes back to the pool."),
        _cancel, _asking, hints=("", "decided"),
    ),
    Choice(
        "upload_stuck", "end", gettext_lazy("End it"),
        gettext_lazy("The file counts as imported if its database is there, else as failed: it can be read again, or"
                     " discarded."),
        _end_uploads, lambda: [Upload], hints=("", "database", "content"),
    ),
    Choice(
        "guard_missing", "remove", gettext_lazy("Remove it"),
        gettext_lazy("A trigger or a rule of the database that is no part of this app is removed from the table."),
        _remove, list, hints=("undeclared",),
    ),
)  # fmt: skip

OF_A_MODULE = gettext_lazy("It belongs to a module that is not installed. Install the module again.")
EDIT = gettext_lazy(
    "Neither the history nor the row says what is right. Open it and give it a value that keeps the rule."
)
ADVICE: Mapping[str, Mapping[str, Text]] = {
    "conflict_log_mismatch": {"module": OF_A_MODULE},
    "guard_missing": {
        "all": gettext_lazy("Set session_replication_role back to origin, where PostgreSQL says that it was set: for"
                            " the database, for the role, or in its configuration."),
        "shadowed": gettext_lazy("Rename or drop the other table, or take its schema out of the search path."),
        "*": gettext_lazy("Rows stand against it. Repair them or decide about them, and repair once more."),
    },
    "history_mismatch": {"*": gettext_lazy("Another row has what this one must have. Look at both.")},
    "missing_reference": {"*": EDIT},
    "rule_broken": {"*": EDIT},
    "validation_leftover": {"*": EDIT},
    "database_count_mismatch": {
        "*": gettext_lazy("Records of it are gone. Decide about its import first, and its counts follow.")
    },
    "schedule_missing": {
        "failed": gettext_lazy("The log says why it failed. Once it has run well, nothing is found any more."),
    },
    "upload_stuck": {
        "module": OF_A_MODULE,
        "database": gettext_lazy("Look at the file and at its databases, and undo the import that is not wanted."),
        "content": gettext_lazy("What is left of files that nobody needs is deleted every night."),
    },
}  # fmt: skip
"""What an admin does elsewhere, by check and hint; "*" is for all others."""


def _carry_out(choice: Choice, ground: Ground) -> None:
    for number, each in enumerate(ground.run.decisions):
        if (each["code"], each["choice"]) == (choice.code, choice.key) and (decided := ground.decided(number)):
            choice.work(ground, decided)


STEPS = [
    Step(
        (each.code,),
        format_lazy(gettext_lazy("Decided: {choice}"), choice=each.label),
        partial(_carry_out, each),
        each.models,
        choice=each.key,
    )
    for each in CHOICES
]
