"""The kinds of damage that can be planted in the demo: each as the bug, or the hand, that it stands for would do it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, modules
from integrity.check import Check, Text
from integrity.checks import checks
from integrity.checks.requests import asks


class Past(Enum):
    """Which triggers do not see it."""

    NOTHING = "nothing"
    RULES = "what refuses and counts; the history is written"
    HISTORY = "all triggers"


def every(_module: Module) -> bool:
    return True


def validates(module: Module) -> bool:
    return module.policy.validates


@dataclass(frozen=True)
class Damage:
    """One kind. `codes` are the checks that find it, all of them.

    `rows` selects the keys of what can be damaged, the first ones first; `sql` damages those among them that
    `%(rows)s` names. The tables are {records}, {batches} …, as integrity.chaos names them. `drops` are the guards that
    are taken away with it: constraints and indexes, those of a module's tables without the module's name;
    `fk:` and a column of the records for a foreign key, which has no name of its own.
    """

    key: str
    title: Text
    sentence: Text
    codes: tuple[str, ...]
    rows: str
    sql: tuple[str, ...] = ()
    past: Past = Past.NOTHING
    drops: tuple[str, ...] = ()
    most: int = 1
    fits: Callable[[Module], bool] = every

    @property
    def checks(self) -> list[Check]:
        return [checks()[code] for code in self.codes]

    @property
    def only_in(self) -> list[Module]:
        """The modules that have such rows, where not all have."""
        fitting = [module for module in modules() if self.fits(module)]
        return fitting if fitting != list(modules()) else []


NAME = "Somebody Else"
PHONE_KEY = "+6281111111"
REASON = "Reserved by nobody"
ALERT = "chaos"
"""What is planted, so that the next time another row is chosen."""

UNCOVERED = "NOT EXISTS (SELECT 1 FROM {cover})"

# With an active staff member, and nothing is special about it: what is damaged already is passed over.
ASSIGNED = f"""
    SELECT r.id FROM {{records}} r
    JOIN {{batches}} b ON (b.id, b.staff_id, b.database_id) = (r.batch_id, r.assignee_id, r.database_id)
    JOIN {{users}} u ON u.id = r.assignee_id AND u.is_active AND u.role = 'staff'
    WHERE r.status = 'assigned' AND NOT r.is_reservation_conflict AND r.reservation_id IS NULL
          AND r.validation = '' AND r.validation_reason = '' AND r.kept_despite = '{{{{}}}}' AND r.replaces_id IS NULL
          AND r.customer_name <> '{NAME}' AND r.reach IN ('', 'reachable', 'one_tick', 'unreachable')
          AND EXISTS (SELECT 1 FROM {{users}} a WHERE a.id = r.assigned_by_id)
          AND NOT EXISTS (SELECT 1 FROM {{records}} o WHERE o.replaces_id = r.id) AND {UNCOVERED}
          AND r.customer_key NOT IN (SELECT a.customer_key FROM ({{assigned}}) a GROUP BY 1 HAVING count(*) > 1)
"""
POOL = f"""
    SELECT r.id FROM {{records}} r
    WHERE r.status = 'available' AND r.reservation_id IS NULL AND r.worked_at IS NULL
          AND r.phone_key IS DISTINCT FROM '{PHONE_KEY}' AND {UNCOVERED}
          AND NOT EXISTS (SELECT 1 FROM {{records}} o WHERE o.database_id = r.database_id AND o.id <> r.id
                          AND o.customer_key = r.customer_key)
"""
RESERVED = """
    SELECT r.id FROM {records} r WHERE r.status = 'reserved' AND NOT r.is_reservation_conflict
        AND EXISTS (SELECT 1 FROM {cover} AND v.id = r.reservation_id) ORDER BY r.id
"""
IN_CONFLICT = f"""
    SELECT r.id FROM {{records}} r
    WHERE r.status = 'assigned' AND r.is_reservation_conflict AND r.invalid_reason <> '{REASON}'
          AND EXISTS (SELECT 1 FROM {{cover}} AND v.id = r.reservation_id AND v.staff_id <> r.assignee_id)
          AND EXISTS (SELECT 1 FROM {{conflicts}} c
                      WHERE c.module = '{{module}}' AND c.record_id = r.id AND c.closed_at IS NULL)
    ORDER BY r.id
"""
OF_MODULE = "v.product_id IN (SELECT d.product_id FROM {databases} d)"

# Of somebody else than who has the record.
ANOTHER = """(
    SELECT min(v.id) FROM {reservations} v
    WHERE v.status = 'active' AND v.staff_id <> r.assignee_id AND v.staff_id IN (SELECT id FROM {users})
)"""
SOMEBODY_ELSE = """(
    SELECT min(u.id) FROM {users} u WHERE u.role = 'staff' AND u.is_active AND u.id <> %s
)"""
LATELY = "pgh_label = 'update' AND pgh_created_at > now() - interval '27 hours'"

CHOSEN = "= ANY(%(rows)s::bigint[])"

DAMAGES = {
    each.key: each
    for each in (
        Damage(
            "old_status",
            _("The lost fiftieth record"),
            _("An assigned record gets the old status “invalid”, and a batch of 50 shows 49."),
            ("legacy_invalid_status",),
            f"{ASSIGNED} ORDER BY b.current_count DESC, r.id",
            (f"UPDATE {{records}} SET status = 'invalid' WHERE id {CHOSEN}",),
        ),
        Damage(
            "batch_count",
            _("A batch counts wrong"),
            _("A batch says one record less than are in it, and one more archived."),
            ("batch_count_mismatch",),
            "SELECT id FROM {batches} WHERE current_count > 0 ORDER BY id",
            (
                "UPDATE {batches} SET current_count = current_count - 1, archived_count = archived_count + 1"
                f" WHERE id {CHOSEN}",
            ),
            Past.RULES,
        ),
        Damage(
            "batch_books",
            _("A batch has received too much"),
            _("A batch says that one more record came and went than the history knows."),
            ("batch_conservation",),
            "SELECT id FROM {batches} WHERE current_count > 0 ORDER BY id",
            (
                "UPDATE {batches} SET received_count = received_count + 1, left_count = left_count + 1"
                f" WHERE id {CHOSEN}",
            ),
            Past.RULES,
        ),
        Damage(
            "database_count",
            _("A database counts wrong"),
            _("A database says one available record less than it has, and one more archived."),
            ("database_count_mismatch",),
            "SELECT id FROM {databases} WHERE available_count > 0 ORDER BY id",
            (
                "UPDATE {databases} SET available_count = available_count - 1, archived_count = archived_count + 1"
                f" WHERE id {CHOSEN}",
            ),
            Past.RULES,
        ),
        Damage(
            "import_books",
            _("An import does not add up"),
            _("A database says that one more record was imported and purged than ever was, and the history misses it."),
            ("import_conservation", "history_mismatch"),
            "SELECT id FROM {databases} ORDER BY id",
            (
                "UPDATE {databases} SET imported_count = imported_count + 1, purged_count = purged_count + 1"
                f" WHERE id {CHOSEN}",
            ),
            Past.HISTORY,
        ),
        Damage(
            "rewritten",
            _("Customers are renamed behind the history"),
            _("Assigned records get another name, and the history does not notice."),
            ("history_mismatch",),
            f"{ASSIGNED} ORDER BY r.id",
            (f"UPDATE {{records}} SET customer_name = '{NAME}' WHERE id {CHOSEN}",),
            Past.HISTORY,
            most=2,
        ),
        Damage(
            "vanished",
            _("A record vanishes"),
            _("A staff member's record is deleted, and the history and every count still have it."),
            (
                "history_mismatch",
                "batch_count_mismatch",
                "batch_conservation",
                "database_count_mismatch",
                "import_conservation",
            ),
            f"{ASSIGNED} ORDER BY r.id",
            (f"DELETE FROM {{records}} WHERE id {CHOSEN}",),
            Past.HISTORY,
        ),
        Damage(
            "orphan",
            _("An assigned record is with nobody"),
            _("A record loses its staff member and its batch, and the constraint against that is gone."),
            ("orphaned_assignment", "guard_missing"),
            f"{ASSIGNED} ORDER BY r.id",
            (
                "UPDATE {records} SET assignee_id = NULL, batch_id = NULL, assigned_at = NULL, assigned_by_id = NULL"
                f" WHERE id {CHOSEN}",
            ),
            drops=("record_assigned_to_somebody",),
        ),
        Damage(
            "leftover",
            _("Notes are left in the pool"),
            _("Available records have a note of an earlier life, and the constraint against that is gone."),
            ("unassigned_leftovers", "guard_missing"),
            f"{POOL} ORDER BY r.id",
            (f"UPDATE {{records}} SET note = 'Calls back', worked_at = now() WHERE id {CHOSEN}",),
            drops=("record_with_nobody_is_clean",),
            most=3,
        ),
        Damage(
            "unknown_status",
            _("A record has an unknown status"),
            _("An available record becomes “lost” behind the history, and the constraint against that is gone."),
            ("unknown_status", "history_mismatch", "database_count_mismatch", "guard_missing"),
            f"{POOL} ORDER BY r.id",
            (f"UPDATE {{records}} SET status = 'lost' WHERE id {CHOSEN}",),
            Past.HISTORY,
            drops=("record_status_known",),
        ),
        Damage(
            "wrong_person",
            _("A record is in somebody else's batch"),
            _("A record goes to another person and stays in its batch, and the key against that is gone."),
            ("batch_owner_mismatch", "guard_missing"),
            f"{ASSIGNED} ORDER BY r.id",
            (f"UPDATE {{records}} SET assignee_id = {SOMEBODY_ELSE % 'assignee_id'} WHERE id {CHOSEN}",),
            drops=("record_in_own_batch",),
        ),
        Damage(
            "replacement",
            _("A replacement takes the wrong place"),
            _("A replacement names a record of its batch that is not archived."),
            ("replacement_broken",),
            """
            SELECT r.id FROM {records} r JOIN {records} o ON o.id = r.replaces_id AND o.status = 'archived'
            WHERE r.status = 'assigned' AND EXISTS (
                SELECT 1 FROM {records} n WHERE n.batch_id = r.batch_id AND n.status = 'assigned' AND n.id <> r.id
                       AND NOT EXISTS (SELECT 1 FROM {records} x WHERE x.replaces_id = n.id)
            ) ORDER BY r.id
            """,
            (
                "UPDATE {records} r SET replaces_id = (SELECT min(n.id) FROM {records} n WHERE n.batch_id = r.batch_id"
                " AND n.status = 'assigned' AND n.id <> r.id"
                " AND NOT EXISTS (SELECT 1 FROM {records} x WHERE x.replaces_id = n.id))"
                f" WHERE r.id {CHOSEN}",
            ),
            fits=validates,
        ),
        Damage(
            "validation",
            _("A reason is left of a validation"),
            _("A record has the reason of an invalid one and is not marked, and the constraint against that is gone."),
            ("validation_leftover", "guard_missing"),
            f"{ASSIGNED} ORDER BY r.id",
            (f"UPDATE {{records}} SET validation_reason = 'Wrong number' WHERE id {CHOSEN}",),
            drops=("record_validated_by_somebody",),
        ),
        Damage(
            "rule",
            _("An outcome is none"),
            _("A record was reached “maybe”, and the constraint against that is gone."),
            ("rule_broken", "guard_missing"),
            "SELECT id FROM {records} WHERE status = 'assigned' AND reach NOT IN ('', 'maybe') ORDER BY id",
            (f"UPDATE {{records}} SET reach = 'maybe' WHERE id {CHOSEN}",),
            drops=("record_outcome_known",),
        ),
        Damage(
            "link",
            _("A record names somebody who never was"),
            _("A record was assigned by a person that there is not, and the foreign key against that is gone."),
            ("missing_reference", "guard_missing"),
            f"{ASSIGNED} ORDER BY r.id",
            (f"UPDATE {{records}} SET assigned_by_id = 2000000000 WHERE id {CHOSEN}",),
            drops=("fk:assigned_by_id",),
        ),
        Damage(
            "phone_key",
            _("Phones are compared by wrong keys"),
            _("Available records get the phone key of another customer."),
            ("key_drift",),
            f"{POOL} AND r.phone_key IS NOT NULL ORDER BY r.id",
            (f"UPDATE {{records}} SET phone_key = '{PHONE_KEY}' WHERE id {CHOSEN}",),
            most=3,
        ),
        Damage(
            "duplicate",
            _("A customer is in a database twice"),
            _("A database gets a second record of a customer, and the constraint against that is gone. You decide."),
            ("duplicate_customer", "guard_missing"),
            f"{POOL} ORDER BY r.id",
            (
                "INSERT INTO {records} (database_id, row_number, customer_id) SELECT r.database_id,"
                " (SELECT max(o.row_number) + 1 FROM {records} o WHERE o.database_id = r.database_id),"
                f" upper(r.customer_id) FROM {{records}} r WHERE r.id {CHOSEN}",
                # As if it had come with the file: the import adds up.
                "UPDATE {databases} SET file_rows = file_rows + 1 WHERE id = ("
                f"SELECT r.database_id FROM {{records}} r WHERE r.id {CHOSEN})",
            ),
            drops=("record_customer_once",),
        ),
        Damage(
            "double_worked",
            _("Two people work the same customer"),
            _("A customer of one person is handed to a second one from a copied database. You decide."),
            ("double_worked",),
            f"{ASSIGNED} ORDER BY r.id",
            (
                "INSERT INTO {databases} (product_id, name) SELECT d.product_id, 'Copy of ' || left(d.name, 100)"
                f" FROM {{databases}} d JOIN {{records}} r ON r.database_id = d.id WHERE r.id {CHOSEN}",
                "INSERT INTO {batches} (database_id, staff_id)"
                f" SELECT {{new_database}}, {SOMEBODY_ELSE % 'r.assignee_id'} FROM {{records}} r WHERE r.id {CHOSEN}",
                "INSERT INTO {records} (database_id, row_number, customer_id, status, assignee_id, assigned_at,"
                " assigned_by_id, batch_id) SELECT b.database_id, 1, r.customer_id, 'assigned', b.staff_id, now(),"
                f" r.assigned_by_id, b.id FROM {{records}} r, {{batches}} b WHERE r.id {CHOSEN}"
                " AND b.database_id = {new_database}",
            ),
        ),
        Damage(
            "left",
            _("Somebody is gone and still has records"),
            _("A person is switched off by hand and keeps their records and reservations. You decide whose they are."),
            ("assignee_not_working", "reservation_owner_not_working"),
            """
            SELECT u.id FROM {users} u WHERE u.role = 'staff' AND u.is_active
                AND EXISTS (SELECT 1 FROM {records} r WHERE r.assignee_id = u.id AND r.status = 'assigned')
                AND EXISTS (SELECT 1 FROM {reservations} v
                            WHERE v.staff_id = u.id AND v.status IN ('pending', 'active'))
            -- One of them is enough to see, and each record of theirs is found.
            ORDER BY (SELECT count(*) FROM {records} r WHERE r.assignee_id = u.id AND r.status = 'assigned'), u.id
            """,
            (f"UPDATE {{users}} SET is_active = false, deactivated_at = now() WHERE id {CHOSEN}",),
        ),
        Damage(
            "request",
            _("A request holds too few records"),
            _("A record that is held for a request slips back into the pool."),
            ("stuck_request",),
            f"""
            SELECT min(r.id) FROM {{records}} r WHERE r.status = 'requested' AND {UNCOVERED}
            GROUP BY r.request_id ORDER BY 1
            """,
            (f"UPDATE {{records}} SET status = 'available', request_id = NULL WHERE id {CHOSEN}",),
            fits=asks,
        ),
        Damage(
            "answer",
            _("An approved request forgets its batch"),
            _("A request is approved and names no batch, and the constraint against that is gone."),
            ("request_without_batch", "guard_missing"),
            "SELECT id FROM {requests} WHERE state = 'approved' AND batch_id IS NOT NULL ORDER BY id",
            (f"UPDATE {{requests}} SET batch_id = NULL WHERE id {CHOSEN}",),
            drops=("request_decided_once",),
            fits=asks,
        ),
        Damage(
            "freed",
            _("A reserved record is available"),
            _("A record whose customer is reserved goes back to the pool, where anybody may draw it."),
            ("missing_reserved",),
            RESERVED,
            (f"UPDATE {{records}} SET status = 'available', reservation_id = NULL WHERE id {CHOSEN}",),
        ),
        Damage(
            "kept_back",
            _("A record is reserved for nothing"),
            _("An available record becomes reserved by a reservation of another customer."),
            ("stale_reserved",),
            f"{POOL} AND EXISTS (SELECT 1 FROM {{reservations}} v WHERE v.status = 'active') ORDER BY r.id",
            (
                "UPDATE {records} SET status = 'reserved', reservation_id = ("
                f"SELECT min(v.id) FROM {{reservations}} v WHERE v.status = 'active') WHERE id {CHOSEN}",
            ),
        ),
        Damage(
            "forgotten_conflict",
            _("A conflict is forgotten"),
            _("A record whose customer somebody else has reserved loses its flag."),
            ("missing_conflict",),
            IN_CONFLICT,
            (
                "UPDATE {records} SET is_reservation_conflict = false, reservation_id = NULL, invalid_reason = ''"
                f" WHERE id {CHOSEN}",
            ),
        ),
        Damage(
            "false_conflict",
            _("A record is in conflict with nothing"),
            _("A record is flagged for a reservation of another customer."),
            ("stale_conflict",),
            f"{ASSIGNED} AND {ANOTHER} IS NOT NULL ORDER BY r.id",
            (
                f"UPDATE {{records}} r SET is_reservation_conflict = true, reservation_id = {ANOTHER},"
                " invalid_reason = (SELECT 'Reserved by ' || u.username FROM {users} u JOIN {reservations} o"
                f" ON o.staff_id = u.id WHERE o.id = {ANOTHER}) WHERE r.id {CHOSEN}",
            ),
        ),
        Damage(
            "wrong_reason",
            _("A conflict names the wrong person"),
            _("A record in conflict says that it is reserved by somebody who is not the owner."),
            ("conflict_reason_stale",),
            IN_CONFLICT,
            (f"UPDATE {{records}} SET invalid_reason = '{REASON}' WHERE id {CHOSEN}",),
        ),
        Damage(
            "pool_conflict",
            _("A reserved record is in conflict"),
            _("A record with nobody is flagged behind the history, and the constraint against that is gone."),
            (
                "conflict_on_unassigned",
                "stale_conflict",
                "conflict_reason_stale",
                "conflict_log_mismatch",
                "unassigned_leftovers",
                "history_mismatch",
                "database_count_mismatch",
                "guard_missing",
            ),
            RESERVED,
            (f"UPDATE {{records}} SET is_reservation_conflict = true WHERE id {CHOSEN}",),
            Past.HISTORY,
            drops=("record_conflict_on_assigned",),
        ),
        Damage(
            "torn_log",
            _("The log of conflicts misses one"),
            _("The entry of a record in conflict is torn out of the log."),
            ("conflict_log_mismatch",),
            IN_CONFLICT,
            (f"DELETE FROM {{conflicts}} WHERE module = '{{module}}' AND closed_at IS NULL AND record_id {CHOSEN}",),
            Past.RULES,
        ),
        Damage(
            "torn_work",
            _("Work that was done is not counted"),
            _("The lines of what was noted of a record are torn out of the work done."),
            ("outcome_log_mismatch",),
            "SELECT l.record_id FROM {lines} l WHERE l.module = '{module}' GROUP BY 1 ORDER BY 1",
            (f"DELETE FROM {{lines}} WHERE module = '{{module}}' AND record_id {CHOSEN}",),
        ),
        Damage(
            "kept",
            _("A record is kept in spite of nothing"),
            _("A record is kept with its person in spite of a reservation that is of another customer."),
            ("kept_despite_broken",),
            f"{ASSIGNED} AND {ANOTHER} IS NOT NULL ORDER BY r.id",
            (
                f"UPDATE {{records}} r SET kept_despite = ARRAY[{ANOTHER}], kept_note = 'Agreed on the phone'"
                f" WHERE r.id {CHOSEN}",
            ),
        ),
        Damage(
            "reserved_twice",
            _("A customer is reserved twice"),
            _("A second person asks for a reserved customer, and the index against that is gone."),
            ("reservation_duplicate", "guard_missing"),
            f"""
            SELECT v.id FROM {{reservations}} v WHERE v.status = 'active' AND {OF_MODULE} AND NOT EXISTS (
                SELECT 1 FROM {{reservations}} o WHERE o.id <> v.id AND o.product_id = v.product_id
                       AND o.customer_key = v.customer_key AND o.status IN ('pending', 'active')
            ) ORDER BY v.id
            """,
            (
                "INSERT INTO {reservations} (product_id, staff_id, customer_id, status)"
                f" SELECT v.product_id, {SOMEBODY_ELSE % 'v.staff_id'}, upper(v.customer_id), 'pending'"
                f" FROM {{reservations}} v WHERE v.id {CHOSEN}",
            ),
            drops=("reservation_one_for_a_customer",),
        ),
        Damage(
            "overdue",
            _("A reservation should have ended long ago"),
            _("A reservation began years ago and is still active, and the history does not notice."),
            ("reservation_overdue", "history_mismatch"),
            f"""
            SELECT v.id FROM {{reservations}} v
            WHERE v.status = 'active' AND NOT v.is_permanent AND v.since > now() - interval '5 years' AND {OF_MODULE}
                  -- The check gives what was changed lately its time.
                  AND NOT EXISTS (SELECT 1 FROM {{reservation_events}} WHERE pgh_obj_id = v.id AND {LATELY})
                  AND NOT EXISTS (SELECT 1 FROM {{product_events}} WHERE pgh_obj_id = v.product_id AND {LATELY})
                  AND NOT EXISTS (SELECT 1 FROM {{settings_events}} WHERE {LATELY})
            ORDER BY v.id
            """,
            (
                "UPDATE {reservations} SET since = now() - interval '10 years', last_deposit_on = NULL"
                f" WHERE id {CHOSEN}",
            ),
            Past.HISTORY,
        ),
        Damage(
            "idle_owner",
            _("An admin asks for a customer"),
            _("A reservation that waits belongs to an admin, who works no customers. You decide."),
            ("reservation_owner_not_working",),
            f"""
            SELECT v.id FROM {{reservations}} v JOIN {{users}} u ON u.id = v.staff_id AND u.role = 'staff'
            WHERE v.status = 'pending' AND {OF_MODULE} ORDER BY v.id
            """,
            (
                "UPDATE {reservations} SET staff_id = (SELECT min(u.id) FROM {users} u WHERE u.role = 'admin')"
                f" WHERE id {CHOSEN}",
            ),
        ),
        Damage(
            "alert",
            _("An alert is about nothing"),
            _("An admin is told of a request that there is not."),
            ("alert_stale",),
            f"""
            SELECT u.id FROM {{users}} u WHERE u.role = 'admin' AND u.is_active
                AND NOT EXISTS (SELECT 1 FROM {{notices}} n WHERE n.user_id = u.id AND n.about = '{ALERT}')
            ORDER BY u.id
            """,
            (
                "INSERT INTO {notices} (user_id, kind, text, url, about, created_at)"
                f" SELECT id, 'request_made', 'Somebody asks for records.', '', '{ALERT}', now()"
                f" FROM {{users}} WHERE id {CHOSEN}",
            ),
        ),
        Damage(
            "upload",
            _("A file has lost its content"),
            _("An upload waits to be imported and has no content. You decide: discard it."),
            ("upload_stuck",),
            "SELECT d.product_id FROM {databases} d ORDER BY 1",
            (
                "INSERT INTO {uploads} (module, product_id, name, file_name, file_size, content_hash, created_at,"
                " state, state_at, attempts, error, progress, mapping, report) SELECT '{module}', id, 'Lost',"
                " 'lost.csv', 9, '', now(), 'ready', now(), 0, '', 0,"
                """ '{{"customer_id": 0, "name": null, "phone": null}}', '{{"accepted": 1, "file_rows": 1,"""
                """ "duplicates": 0, "rejected": 0, "blank": 0, "bad_phones": 0}}'"""
                f" FROM {{products}} WHERE id {CHOSEN}",
            ),
        ),
        Damage(
            "schedule",
            _("The nightly health check is off the clock"),
            _("The health check of every night is not scheduled any more."),
            ("schedule_missing",),
            "SELECT id FROM django_q_schedule WHERE name = 'health check' ORDER BY id",
            (f"DELETE FROM django_q_schedule WHERE id {CHOSEN}",),
        ),
        Damage(
            "constraint",
            _("A constraint is gone"),
            _("PostgreSQL would take a record with a response that has no time."),
            ("guard_missing",),
            "SELECT 1 FROM pg_constraint WHERE conname = '{module}_record_response_has_time'",
            drops=("record_response_has_time",),
        ),
        Damage(
            "trigger",
            _("A trigger is switched off"),
            _("The trigger that keeps the counts sleeps, and from now on they would drift."),
            ("guard_missing",),
            "SELECT 1 FROM pg_trigger WHERE tgrelid = '{records}'::regclass AND tgname = '{counting}'"
            " AND tgenabled <> 'D'",
            ("ALTER TABLE {records} DISABLE TRIGGER {counting}",),
        ),
    )
}
"""By their keys."""
