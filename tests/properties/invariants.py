"""What must hold after every operation, said in SQL: none of it asks the application.

Each rule selects what breaks it. {r}, {b}, {d} are the module's records, batches and databases, {e} the events of
the records.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db import connection

from crm.accounts.models import User
from crm.distribution.holdings import Holding, Work, with_states
from crm.distribution.reserving.figures import TEAM
from crm.figures import get_figure
from crm.registry import Module, get_module, modules
from crm.reservations.models import Reservation
from tests.distribution.sql import Witness, ask

UNTOUCHED = """
    assignee_id IS NULL AND assigned_at IS NULL AND assigned_by_id IS NULL AND batch_id IS NULL
    AND NOT is_reservation_conflict AND invalid_reason = '' AND kept_despite = '{{}}' AND kept_note = ''
    AND archived_at IS NULL AND archived_by_id IS NULL
    AND archive_reason = '' AND reach = '' AND response = '' AND responded_at IS NULL AND note = ''
    AND follow_up_on IS NULL AND worked_at IS NULL AND validation = '' AND validation_reason = ''
    AND validated_at IS NULL AND validated_by_id IS NULL AND replaces_id IS NULL
"""

# Which reservation covers which record, and whose it is: the rule once more, in other words than the application's.
MATCHES = """
    SELECT r.id AS record, v.id AS reservation, v.staff_id AS staff
    FROM {r} r, {d} d, reservations_reservation v
    WHERE d.id = r.database_id AND v.product_id = d.product_id
          AND (v.customer_key = r.customer_key OR (v.phone_key IS NOT NULL AND v.phone_key = r.phone_key))
"""
COVERS = f"{MATCHES} AND v.status = 'active'"
# That of somebody else than who has the record, and in spite of which it was not kept.
AGAINST = f"SELECT 1 FROM ({COVERS}) c WHERE c.record = r.id AND c.staff <> r.assignee_id"
NOT_KEPT = f"{AGAINST} AND NOT c.reservation = ANY(r.kept_despite)"

RULES = {
    "the old status is never written": "SELECT id FROM {r} WHERE status = 'invalid'",
    "what a reservation covers is not available": f"""
        SELECT id FROM {{r}} r WHERE status = 'available' AND EXISTS (SELECT 1 FROM ({COVERS}) c WHERE c.record = r.id)
    """,
    "a reserved record names an active reservation that covers it": f"""
        SELECT id FROM {{r}} r WHERE status = 'reserved' AND NOT EXISTS (
            SELECT 1 FROM ({COVERS}) c WHERE c.record = r.id AND c.reservation = r.reservation_id)
    """,
    "a record is in conflict if and only if somebody else has reserved it, and it was not kept": f"""
        SELECT id FROM {{r}} r WHERE is_reservation_conflict <> (status = 'assigned' AND EXISTS ({NOT_KEPT}))
    """,
    "a conflict names such a reservation, and its reason the owner": f"""
        SELECT r.id FROM {{r}} r LEFT JOIN reservations_reservation v ON v.id = r.reservation_id
            LEFT JOIN accounts_user u ON u.id = v.staff_id
        WHERE is_reservation_conflict AND (
            NOT EXISTS ({NOT_KEPT} AND c.reservation = r.reservation_id)
            OR invalid_reason IS DISTINCT FROM 'Reserved by ' || u.username)
    """,
    "nothing else names a reservation or has a reason": """
        SELECT id FROM {r} WHERE status <> 'reserved' AND NOT is_reservation_conflict
            AND (reservation_id IS NOT NULL OR invalid_reason <> '')
    """,
    "a record is kept only in spite of what covers it": f"""
        SELECT id FROM {{r}} r WHERE (kept_despite = '{{{{}}}}') <> (kept_note = '')
            OR NOT kept_despite <@ ARRAY({AGAINST.replace("SELECT 1", "SELECT c.reservation")})
    """,
    "the log has each conflict that there is, and no other is open": """
        SELECT coalesce(r.id, c.record_id) FROM (SELECT * FROM {r} WHERE is_reservation_conflict) r
        FULL JOIN (SELECT * FROM distribution_conflict WHERE module = '{key}' AND closed_at IS NULL) c
            ON c.record_id = r.id AND c.database_id = r.database_id AND c.staff_id = r.assignee_id
               AND c.reservation_id = r.reservation_id AND c.customer_id = r.customer_id
               AND c.reserved_by_id = (SELECT v.staff_id FROM reservations_reservation v WHERE v.id = r.reservation_id)
        WHERE r.id IS NULL OR c.id IS NULL
    """,
    "work that was done is the doer's, once and for all, unless it was taken back": """
        SELECT coalesce(told.record, line.record_id) FROM (
            SELECT o.record, o.who, o.context FROM (
                SELECT n.pgh_obj_id AS record, (c.metadata ->> 'user')::bigint AS who, n.pgh_context_id AS context,
                       c.metadata ->> 'operation' AS operation,
                       lead(c.metadata ->> 'operation') OVER steps AS later, n.said, lag(n.said) OVER steps AS before
                FROM (
                    SELECT DISTINCT ON (pgh_obj_id, pgh_context_id) pgh_id, pgh_obj_id, pgh_context_id,
                        ROW(reach, response, note, follow_up_on, validation, validation_reason)::text AS said
                    FROM {e} ORDER BY pgh_obj_id, pgh_context_id, pgh_id DESC
                ) n JOIN pghistory_context c ON c.id = n.pgh_context_id
                WINDOW steps AS (PARTITION BY n.pgh_obj_id ORDER BY n.pgh_id)
            ) o WHERE o.operation IN ('records.work', 'records.validate') AND o.later IS DISTINCT FROM 'records.undo'
                AND o.said <> coalesce(o.before, ROW('', '', '', NULL::date, '', '')::text)
        ) told FULL JOIN (
            SELECT DISTINCT record_id, staff_id, operation FROM distribution_outcomeline WHERE module = '{key}'
        ) line ON (line.record_id, line.staff_id, line.operation) = (told.record, told.who, told.context)
        WHERE told.record IS NULL OR line.record_id IS NULL
    """,
    "a customer of a product is reserved, or asked for, once": """
        SELECT min(id) FROM reservations_reservation WHERE status IN ('pending', 'active')
        GROUP BY product_id, customer_key HAVING count(*) > 1
    """,
    "reservations that stand belong to active staff": """
        SELECT v.id FROM reservations_reservation v JOIN accounts_user u ON u.id = v.staff_id
        WHERE v.status IN ('pending', 'active') AND NOT (u.is_active AND u.role = 'staff')
    """,
    "an alert about a reservation is there only while it waits": """
        SELECT id FROM notices_notice n WHERE about LIKE 'reservation/%%' AND NOT EXISTS (
            SELECT 1 FROM reservations_reservation v
            WHERE v.status = 'pending' AND n.about = 'reservation/' || v.id || '/')
    """,
    "a reservation is what its newest event says": """
        SELECT v.id FROM reservations_reservation v LEFT JOIN (
            SELECT DISTINCT ON (pgh_obj_id) * FROM reservations_reservationevent ORDER BY pgh_obj_id, pgh_id DESC
        ) e ON e.pgh_obj_id = v.id
        WHERE to_jsonb(v) - 'customer_key' IS DISTINCT FROM
            (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(e)) WHERE to_jsonb(v) ? key)
    """,
    "who has a record, since when, by whom and in which batch is known exactly while it is out of the pool": """
        SELECT id FROM {r} WHERE (status IN ('assigned', 'archived'))
            IS DISTINCT FROM (num_nonnulls(assignee_id, assigned_at, assigned_by_id, batch_id) = 4)
    """,
    "a record's batch is of its database and of whoever has it": """
        SELECT r.id FROM {r} r JOIN {b} b ON b.id = r.batch_id
        WHERE b.database_id <> r.database_id OR b.staff_id IS DISTINCT FROM r.assignee_id
    """,
    "a record of the pool is clean": f"""
        SELECT id FROM {{r}} WHERE status IN ('available', 'reserved', 'requested') AND NOT ({UNTOUCHED})
    """,
    "an archived record says when, by whom and why, and nothing else does": """
        SELECT id FROM {r} WHERE (status = 'archived')
            IS DISTINCT FROM (archived_at IS NOT NULL AND archived_by_id IS NOT NULL AND archive_reason <> '')
    """,
    "only what was marked as invalid is archived, for that reason": """
        SELECT id FROM {r} WHERE status = 'archived'
            AND (validation, archive_reason) IS DISTINCT FROM ('invalid', validation_reason)
    """,
    "only a record that is with somebody, or archived, is validated, and by somebody": """
        SELECT id FROM {r} WHERE (validation = '') <> (num_nonnulls(validated_at, validated_by_id) = 0)
            OR validation <> '' AND (status NOT IN ('assigned', 'archived')
                                     OR num_nonnulls(validated_at, validated_by_id) <> 2)
    """,
    "an invalid record has a reason, and no other": """
        SELECT id FROM {r} WHERE (validation = 'invalid') <> (validation_reason <> '')
    """,
    "a response has its time, and only a response": """
        SELECT id FROM {r} WHERE (response = '') <> (responded_at IS NULL)
    """,
    "what was noted has its time": """
        SELECT id FROM {r} WHERE worked_at IS NULL
            AND (reach <> '' OR response <> '' OR note <> '' OR follow_up_on IS NOT NULL OR validation <> '')
    """,
    "a replacement is in the batch and the database of the archived record whose place it took": """
        SELECT n.id FROM {r} n JOIN {r} o ON o.id = n.replaces_id
        WHERE o.status <> 'archived' OR o.batch_id IS DISTINCT FROM n.batch_id OR o.database_id <> n.database_id
    """,
    "a record is replaced once": """
        SELECT replaces_id FROM {r} WHERE replaces_id IS NOT NULL GROUP BY replaces_id HAVING count(*) > 1
    """,
    "assigned records are with active staff": """
        SELECT r.id FROM {r} r JOIN accounts_user u ON u.id = r.assignee_id
        WHERE r.status = 'assigned' AND NOT (u.is_active AND u.role = 'staff')
    """,
    "a record that was changed is what its newest event says": """
        SELECT r.id FROM {r} r
        JOIN (SELECT DISTINCT ON (pgh_obj_id) * FROM {e} ORDER BY pgh_obj_id, pgh_id DESC) e ON e.pgh_obj_id = r.id
        WHERE (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(r)) WHERE to_jsonb(e) ? key)
            IS DISTINCT FROM
            (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(e)) WHERE to_jsonb(r) ? key)
            OR e.pgh_label = 'delete'
    """,
    "a record without events was never touched": f"""
        SELECT id FROM {{r}} r WHERE NOT EXISTS (SELECT 1 FROM {{e}} e WHERE e.pgh_obj_id = r.id)
            AND NOT (status IN ('available', 'reserved') AND {UNTOUCHED})
    """,
    "a record that is gone was deleted, and the history says so": """
        SELECT e.pgh_obj_id FROM (SELECT DISTINCT ON (pgh_obj_id) * FROM {e} ORDER BY pgh_obj_id, pgh_id DESC) e
        WHERE e.pgh_label <> 'delete' AND NOT EXISTS (SELECT 1 FROM {r} r WHERE r.id = e.pgh_obj_id)
    """,
    "a batch is what its newest event says": """
        SELECT b.id FROM {b} b
        LEFT JOIN (SELECT DISTINCT ON (pgh_obj_id) * FROM {b_events} ORDER BY pgh_obj_id, pgh_id DESC) e
            ON e.pgh_obj_id = b.id
        WHERE to_jsonb(b) IS DISTINCT FROM
            (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(e)) WHERE to_jsonb(b) ? key)
    """,
    "a database is what its newest event says": """
        SELECT d.id FROM {d} d
        LEFT JOIN (SELECT DISTINCT ON (pgh_obj_id) * FROM {d_events} ORDER BY pgh_obj_id, pgh_id DESC) e
            ON e.pgh_obj_id = d.id
        WHERE to_jsonb(d) - 'lottery_floor' IS DISTINCT FROM
            (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(e)) WHERE to_jsonb(d) ? key)
    """,
    "what came into a batch is there or left": """
        SELECT id FROM {b} WHERE received_count <> current_count + archived_count + left_count
    """,
    "what was imported is there or purged": """
        SELECT id FROM {d} WHERE imported_count <> record_count + purged_count
            OR record_count <> available_count + reserved_count + requested_count + assigned_count + archived_count
    """,
    "the counts of a database are those of its rows": """
        SELECT d.id FROM {d} d LEFT JOIN {r} r ON r.database_id = d.id GROUP BY d.id
        HAVING (d.record_count, d.available_count, d.reserved_count, d.requested_count, d.assigned_count,
                d.archived_count, d.invalid_count, d.conflict_count)
            IS DISTINCT FROM
               (count(r.id), count(*) FILTER (WHERE r.status = 'available'),
                count(*) FILTER (WHERE r.status = 'reserved'), count(*) FILTER (WHERE r.status = 'requested'),
                count(*) FILTER (WHERE r.status = 'assigned'), count(*) FILTER (WHERE r.status = 'archived'),
                count(*) FILTER (WHERE r.status = 'invalid'), count(*) FILTER (WHERE r.is_reservation_conflict))
    """,
    "the counts of a batch are those of its rows": """
        SELECT b.id FROM {b} b LEFT JOIN {r} r ON r.batch_id = b.id GROUP BY b.id
        HAVING (b.current_count, b.archived_count) IS DISTINCT FROM
               (count(*) FILTER (WHERE r.status = 'assigned'), count(*) FILTER (WHERE r.status = 'archived'))
    """,
    "an alert about invalid records is there only while they wait": """
        SELECT id FROM notices_notice n WHERE about LIKE 'invalid/{key}/%%' AND NOT EXISTS (
            SELECT 1 FROM {r} WHERE status = 'assigned' AND validation = 'invalid'
            AND n.about = 'invalid/{key}/' || assignee_id || '/')
    """,
    "whose invalid records wait is named by an alert": """
        SELECT id FROM {r} WHERE status = 'assigned' AND validation = 'invalid' AND NOT EXISTS (
            SELECT 1 FROM notices_notice n WHERE n.about = 'invalid/{key}/' || assignee_id || '/')
    """,
}

RULES_OF_VALIDATION = {
    "where records are not validated none is": "SELECT id FROM {r} WHERE validation <> '' OR status = 'archived'",
}

RULES_WITHOUT_REQUESTS = {
    "without requests no record is requested": "SELECT id FROM {r} WHERE status = 'requested'",
}

RULES_OF_REQUESTS = {
    "a requested record names its request, and no other does": """
        SELECT id FROM {r} WHERE (status = 'requested') <> (request_id IS NOT NULL)
    """,
    "a waiting request holds as many records of its database as it asks for, and a closed one none": """
        SELECT q.id FROM records_request q LEFT JOIN {r} r ON r.request_id = q.id AND r.database_id = q.database_id
        GROUP BY q.id HAVING count(r.id) <> CASE q.state WHEN 'pending' THEN q.quantity ELSE 0 END
    """,
    "no record is held for a request of another database": """
        SELECT r.id FROM {r} r JOIN records_request q ON q.id = r.request_id WHERE q.database_id <> r.database_id
    """,
    "an approved request has its batch, which began with what was asked for, and no other has one": """
        SELECT q.id FROM records_request q LEFT JOIN {b} b ON b.id = q.batch_id
        WHERE CASE q.state WHEN 'approved'
              THEN (b.staff_id, b.database_id, b.initial_count)
                   IS DISTINCT FROM (q.staff_id, q.database_id, q.quantity::int)
              ELSE b.id IS NOT NULL END
    """,
    "a decided request says when, a waiting one not yet": """
        SELECT id FROM records_request WHERE (state = 'pending') <> (decided_at IS NULL)
    """,
    "only active staff have waiting requests": """
        SELECT q.id FROM records_request q JOIN accounts_user u ON u.id = q.staff_id
        WHERE q.state = 'pending' AND NOT (u.is_active AND u.role = 'staff')
    """,
    "an alert about a request is there only while it waits": """
        SELECT id FROM notices_notice n WHERE about LIKE 'request/%%' AND NOT EXISTS (
            SELECT 1 FROM records_request q WHERE q.state = 'pending' AND n.about = 'request/' || q.id || '/')
    """,
    "a request is what its newest event says": """
        SELECT q.id FROM records_request q
        LEFT JOIN (SELECT DISTINCT ON (pgh_obj_id) * FROM records_requestevent ORDER BY pgh_obj_id, pgh_id DESC) e
            ON e.pgh_obj_id = q.id
        WHERE to_jsonb(q) IS DISTINCT FROM
            (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(e)) WHERE to_jsonb(q) ? key)
    """,
}

# The day of the team, and that of a moment.
DAYS = {
    "today": f"(clock_timestamp() AT TIME ZONE '{settings.TIME_ZONE}')::date",
    "responded": f"(responded_at AT TIME ZONE '{settings.TIME_ZONE}')::date",
    "worked": f"(worked_at AT TIME ZONE '{settings.TIME_ZONE}')::date",
}

# What the figures count: records by their status, and those that are with somebody by what has come of them.
STATUSES = {
    "available": "status = 'available'",
    "reserved": "status = 'reserved'",
    "requested": "status = 'requested'",
    "assigned": "status = 'assigned'",
    "archived": "status = 'archived'",
    "invalid": "status = 'invalid'",
    "conflict": "is_reservation_conflict",
}
STATES = {
    "to_do": "reach = '' AND response = '' AND validation = ''",
    "reached": "reach = 'reachable'",
    "responded": "response IN ('yes', 'no')",
    "said_yes": "response = 'yes'",
    "marked_valid": "validation = 'valid'",
    "marked_invalid": "validation = 'invalid'",
    "conflict": "is_reservation_conflict",
    "overdue": "follow_up_on < {today}",
    "due_today": "follow_up_on = {today}",
    "upcoming": "follow_up_on > {today}",
    "check_back": "response = 'yes' AND follow_up_on IS NULL AND {today} - {responded} IN (1, 3, 7)",
}


def broken_rules(module: Module) -> dict[str, list[int]]:
    """The rules that do not hold in the module, each with the keys of what breaks it."""
    rules = RULES | (RULES_OF_REQUESTS if module.policy.staff_request else RULES_WITHOUT_REQUESTS)
    rules |= {} if module.policy.validates else RULES_OF_VALIDATION
    key = module.key
    names = {"key": key, "r": f"{key}_record", "b": f"{key}_batch", "d": f"{key}_database", "e": f"{key}_recordevent"}
    names |= {"b_events": f"{key}_batchevent", "d_events": f"{key}_databaseevent"}
    titles = list(rules)
    parts = [
        f"SELECT {number} AS rule, array_agg(found.id) AS keys FROM ({rules[title].format(**names)}) AS found(id)"
        for number, title in enumerate(titles)
    ]
    rows = ask(f"SELECT rule, keys FROM ({' UNION ALL '.join(parts)}) AS rules WHERE keys IS NOT NULL")
    return {titles[number]: keys for number, keys in rows}


def fingerprint(module: Module | None = None) -> tuple:
    """Changes when anything of the module changes or, without one, anything at all that services write."""
    tables = ["accounts_user", "accounts_userevent", "notices_notice", "records_request", "records_requestevent"]
    tables += ["distribution_modulesettings", "reservations_reservation", "reservations_reservationevent"]
    tables += ["distribution_conflict", "distribution_outcomeline"]
    for each in [module] if module else modules():
        tables += [f"{each.key}_{name}" for name in ("record", "batch", "database", "recordevent", "batchevent")]
        tables.append(f"{each.key}_databaseevent")
    parts = [
        f"(SELECT CASE WHEN count(*) > 0 THEN md5(string_agg(t::text, '' ORDER BY t::text COLLATE \"C\")) END"
        f' FROM "{table}" t)'
        for table in tables
    ]
    return ask(f"SELECT {', '.join(parts)}")[0]


def check_references() -> None:
    """The foreign keys that PostgreSQL would check at the commit."""
    connection.check_constraints()


def true_figures(
    module: Module, held: list[Holding], witness: Witness, files: dict[int, dict[str, int]]
) -> Iterator[tuple[str, Any, int]]:
    """Each figure of the module, of which object, and what it has to show. `files` are the facts of each database."""
    key = module.key
    counts = STATUSES | {f"states.{state}": f"status = 'assigned' AND {sql}" for state, sql in STATES.items()}
    columns = ", ".join(f"count(r.id) FILTER (WHERE {condition})" for condition in counts.values()).format(**DAYS)

    def counted(query: str) -> dict[int, dict[str, int]]:
        rows = ask(query.format(r=f"{key}_record", b=f"{key}_batch", d=f"{key}_database", columns=columns))
        return {row[0]: dict(zip(["records", *counts], row[1:], strict=True)) for row in rows}

    of_database = counted(
        "SELECT d.id, count(r.id), {columns} FROM {d} d LEFT JOIN {r} r ON r.database_id = d.id GROUP BY 1"
    )
    of_batch = counted("SELECT b.id, count(r.id), {columns} FROM {b} b LEFT JOIN {r} r ON r.batch_id = b.id GROUP BY 1")
    of_staff = counted(
        "SELECT u.id, count(r.id), {columns} FROM accounts_user u LEFT JOIN {r} r ON r.assignee_id = u.id GROUP BY 1"
    )
    [of_module] = counted("SELECT 0, count(r.id), {columns} FROM {r} r").values()

    for name in ["records", *STATUSES]:
        yield f"module.{name}", module, of_module[name]
    yield "module.marked_invalid", module, of_module["states.marked_invalid"]
    [(databases,)] = ask(f"SELECT count(*) FROM {key}_database WHERE archived_at IS NULL")
    yield "module.databases", module, databases
    yield "module.batches", module, sum(1 for batch in of_batch.values() if batch["assigned"])
    for database in module.Database.objects.all():
        true = of_database[database.pk]
        for name in ["records", *STATUSES]:
            yield f"database.{name}", database, true[name]
        yield "database.imported", database, witness.imported[database.pk]
        yield "database.purged", database, witness.purged[database.pk]
        for name, number in files[database.pk].items():
            yield f"database.{name}", database, number
    for batch in with_states(module, module.Batch.objects.select_related("database")):
        true = of_batch[batch.pk]
        for name, of in [("current", "assigned"), ("archived", "archived"), ("invalid", "invalid")]:
            yield f"batch.{name}", batch, true[of]
        yield "batch.received", batch, witness.received[batch.pk]
        yield "batch.left", batch, witness.left[batch.pk]
        for state in STATES:
            yield f"batch.{state}", batch, true[f"states.{state}"]
    cards = dict(
        ask(
            f"SELECT staff_id, count(*) FROM {key}_batch b WHERE EXISTS"
            f" (SELECT 1 FROM {key}_record r WHERE r.batch_id = b.id AND r.status = 'assigned') GROUP BY 1"
        )
    )
    for holding in held:
        true = of_staff[holding.user.pk]
        yield "staff.assigned", holding, true["assigned"]
        yield "mine.assigned", holding, true["assigned"]
        yield "mine.batches", holding, cards.get(holding.user.pk, 0)
        for state in STATES:
            yield f"mine.{state}", holding, true[f"states.{state}"]
        for state in ("marked_invalid", "to_do"):
            yield f"staff.{state}", holding, true[f"states.{state}"]


def true_figures_of_all(people: list[User], held: dict[str, list[Holding]]) -> Iterator[tuple[str, Any, int]]:
    """The same of what is not of one module."""
    requests = dict(ask("SELECT state, count(*) FROM records_request GROUP BY 1"))
    for state in ("pending", "approved", "rejected", "cancelled"):
        yield f"requests.{state}", get_module("records"), requests.get(state, 0)
    waiting = dict(ask("SELECT staff_id, count(*) FROM records_request WHERE state = 'pending' GROUP BY 1"))
    unread = dict(ask("SELECT user_id, count(*) FROM notices_notice WHERE read_at IS NULL GROUP BY 1"))
    states = ("overdue", "due_today", "check_back", "upcoming")
    columns = ", ".join(f"count(*) FILTER (WHERE {STATES[state]})" for state in states).format(**DAYS)
    followed_up: dict[int, Counter[str]] = {}
    for module in modules():
        query = f"SELECT assignee_id, {columns} FROM {module.key}_record WHERE status = 'assigned' GROUP BY 1"
        for pk, *numbers in ask(query):
            followed_up.setdefault(pk, Counter()).update(dict(zip(states, numbers, strict=True)))
    for number, user in enumerate(people):
        yield "requests.mine", user, waiting.get(user.pk, 0)
        yield "staff.requests", user, waiting.get(user.pk, 0)
        yield "notices.unread", user, unread.get(user.pk, 0)
        work = Work(user, [each[number] for each in held.values()])
        for state in states:
            yield f"follow_ups.{state}", work, followed_up.get(user.pk, Counter())[state]
    yield from true_figures_of_reservations(people)


# What the figures count of reservations.
RESERVATIONS = {
    "pending": "status = 'pending'",
    "active": "status = 'active'",
    "standing": "status IN ('pending', 'active')",
    "ended": "status IN ('expired', 'released')",
    "rejected": "status = 'rejected'",
    "ending": "status = 'active' AND NOT is_permanent AND ends_on > {today} AND ends_on - warning_days <= {today}",
    "all": "true",
}
# Each with the day on which it ends and how long before that its owner is warned.
LASTING = f"""
    SELECT v.*, coalesce(v.last_deposit_on, (v.since AT TIME ZONE '{settings.TIME_ZONE}')::date)
                + coalesce(p.grace_days, s.grace_days, 30) AS ends_on,
           coalesce(p.warning_days, s.warning_days, 5) AS warning_days
    FROM reservations_reservation v JOIN products_product p ON p.id = v.product_id
    LEFT JOIN reservations_reservationsettings s ON true
"""
# What the figures count of the log of conflicts: those that began since a day, or are open or not.
BEGAN = f"(opened_at AT TIME ZONE '{settings.TIME_ZONE}')::date"
CONFLICTS = {
    "all": "true",
    "open": "closed_at IS NULL",
    "resolved": "closed_at IS NOT NULL",
    "today": f"{BEGAN} = {{today}}",
    "this_week": f"{BEGAN} >= date_trunc('week', {{today}})::date",
    "this_month": f"{BEGAN} >= date_trunc('month', {{today}})::date",
}


def true_figures_of_reservations(people: list[User]) -> Iterator[tuple[str, Any, int]]:
    columns = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in RESERVATIONS.values()).format(**DAYS)
    [of_all] = ask(f"SELECT {columns} FROM ({LASTING}) AS v")
    of_staff = {pk: row for pk, *row in ask(f"SELECT staff_id, {columns} FROM ({LASTING}) AS v GROUP BY 1")}
    nothing = [0] * len(RESERVATIONS)
    for number, name in enumerate(RESERVATIONS):
        yield f"reservations.{name}", TEAM, of_all[number]
        for user in people:
            yield f"mine.reservations.{name}", user, of_staff.get(user.pk, nothing)[number]
    standing = list(RESERVATIONS).index("standing")
    for user in people:
        yield "staff.reservations", user, of_staff.get(user.pk, nothing)[standing]
    columns = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in CONFLICTS.values()).format(**DAYS)
    for name, number in zip(CONFLICTS, ask(f"SELECT {columns} FROM distribution_conflict")[0], strict=True):
        yield f"conflicts.{name}", TEAM, number
    for reservation in Reservation.objects.all():
        found: Counter[str] = Counter()
        for module in modules():
            names = {"r": f"{module.key}_record", "d": f"{module.key}_database"}
            found["records"] += len(ask(MATCHES.format(**names) + " AND v.id = %s", reservation.pk))
            for name, condition in (("reserved", "status = 'reserved'"), ("conflict", "is_reservation_conflict")):
                query = f"SELECT count(*) FROM {names['r']} WHERE reservation_id = %s AND {condition}"
                found[name] += ask(query, reservation.pk)[0][0]
        for name in ("records", "reserved", "conflict"):
            yield f"reservation.{name}", reservation, found[name]


def is_compared(name: str) -> bool:
    """Whether the figure counts something of records, requests, reservations or conflicts. The exceptions are a
    forecast, and what is counted within a list (tests/distribution/test_conflicts.py)."""
    kinds = ("module.", "database.", "batch.", "mine.", "staff.", "follow_ups.", "requests.", "reservations.")
    kinds += ("reservation.", "conflicts.")
    of_a_list = {"conflicts.began", "conflicts.ended", "conflicts.waiting", "conflicts.end_of_day", "conflicts.owned"}
    return name.startswith(kinds) and name not in {"staff.no_replacement", *of_a_list}


def wrong_figures(shown: Iterable[tuple[str, Any, int]], *, lists: bool) -> list[str]:
    """What is not as it has to be, in words. With `lists` the rows behind each number are counted too."""
    wrong = []
    for name, subject, true in shown:
        figure = get_figure(name)
        found = {"shows": figure.value(subject)}
        if lists and figure.rows:
            found["lists"] = figure.rows_of(subject).count()
        wrong += [f"{name} of {subject!r} {what} {n}, not {true}" for what, n in found.items() if n != true]
    return wrong
