"""Every number that pages show, counted again in SQL: no queryset, trigger or figure of the app has a part in it.

What came and went cannot be seen in the rows, so it is counted by watching them (tests.distribution.sql.Witness).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page

from crm.registry import modules
from tests.distribution.sql import STATUSES, Witness, ask

DAY = "(%s AT TIME ZONE 'Asia/Jakarta')::date"
TODAY = DAY % "now()"
RESPONDED_ON = DAY % "responded_at"

# Of records that are with somebody.
STATES = {
    "to_do": "reach = '' AND response = '' AND validation = ''",
    "reached": "reach = 'reachable'",
    "responded": "response IN ('yes', 'no')",
    "said_yes": "response = 'yes'",
    "marked_valid": "validation = 'valid'",
    "marked_invalid": "validation = 'invalid'",
    "conflict": "is_reservation_conflict",
    "overdue": f"follow_up_on < {TODAY}",
    "due_today": f"follow_up_on = {TODAY}",
    "upcoming": f"follow_up_on > {TODAY}",
    "check_back": f"response = 'yes' AND follow_up_on IS NULL AND {TODAY} - {RESPONDED_ON} IN (1, 3, 7)"
    f" AND {DAY % 'worked_at'} IS DISTINCT FROM {TODAY}",
}
WITH_SOMEBODY = {name: f"status = 'assigned' AND ({condition})" for name, condition in STATES.items()}
BY_STATUS = {status: f"status = '{status}'" for status in STATUSES} | {"records": "true"}
BY_STATUS["conflict"] = WITH_SOMEBODY["conflict"]

Count = Callable[[str, str], int]
"""Takes the module's key and the object's as the page names it."""


def one(query: str) -> int:
    return ask(query)[0][0]


def records(column: str, condition: str) -> Count:
    """Records of the module whose `column` is the object."""
    return lambda module, key: one(f'SELECT count(*) FROM "{module}_record" WHERE {column} = {key} AND ({condition})')


def of_module(condition: str) -> Count:
    return lambda module, _key: one(f'SELECT count(*) FROM "{module}_record" WHERE {condition}')


def everywhere(condition: str) -> Count:
    """Records of all modules that are with the person."""
    tables = [module.key for module in modules()]
    return lambda _module, key: sum(records("assignee_id", condition)(table, key) for table in tables)


def requests(condition: str) -> Count:
    return lambda _module, key: one(f"SELECT count(*) FROM records_request WHERE {condition.format(key=key)}")


def upload_column(column: str) -> Count:
    """A fact about the file of the database."""
    return lambda module, key: one(f'SELECT {column} FROM "{module}_database" WHERE id = {key}')


def not_replaceable(module: str, key: str) -> int:
    """How many of the person's invalid records have no available one of their database."""
    return one(
        f"""
        SELECT coalesce(sum(greatest(0, waiting - CASE WHEN archived_at IS NULL THEN available ELSE 0 END)), 0)
        FROM (SELECT database_id, count(*) AS waiting FROM "{module}_record"
              WHERE assignee_id = {key} AND {WITH_SOMEBODY["marked_invalid"]} GROUP BY 1) AS invalid
        JOIN "{module}_database" d ON d.id = invalid.database_id
        CROSS JOIN LATERAL (SELECT count(*) AS available FROM "{module}_record"
                            WHERE database_id = d.id AND status = 'available') AS pool
        """
    )


# Of active reservations that end by themselves: the day after which nothing holds them, and the first of the warnings.
LASTS = """
    SELECT r.*, coalesce(last_deposit_on, (since AT TIME ZONE 'Asia/Jakarta')::date) + coalesce(p.grace_days,
               (SELECT grace_days FROM reservations_reservationsettings), 30) AS ends_on,
           coalesce(p.warning_days, (SELECT warning_days FROM reservations_reservationsettings), 5) AS warning
    FROM reservations_reservation r JOIN products_product p ON p.id = r.product_id
"""
RESERVATIONS = {
    "pending": "status = 'pending'",
    "active": "status = 'active'",
    "ending": "status = 'active' AND NOT is_permanent AND ends_on > current_day AND ends_on - warning <= current_day",
    "ended": "status IN ('expired', 'released')",
    "rejected": "status = 'rejected'",
    "standing": "status IN ('pending', 'active')",
    "all": "true",
}


def reservations(condition: str) -> Count:
    today = condition.replace("current_day", TODAY)
    return lambda _module, key: one(f"SELECT count(*) FROM ({LASTS}) AS each WHERE {today.format(key=key)}")


CONFLICTS = {
    "all": "true",
    "open": "closed_at IS NULL",
    "resolved": "closed_at IS NOT NULL",
    "today": f"{DAY % 'opened_at'} = {TODAY}",
    "this_week": f"{DAY % 'opened_at'} >= date_trunc('week', {TODAY})::date",
    "this_month": f"{DAY % 'opened_at'} >= date_trunc('month', {TODAY})::date",
}


def conflicts(condition: str) -> Count:
    return lambda _module, _key: one(f"SELECT count(*) FROM distribution_conflict WHERE {condition}")


def naming(condition: str) -> Count:
    """Records of all modules that name the reservation."""
    tables = [module.key for module in modules()]
    return lambda _module, key: sum(records("reservation_id", condition)(table, key) for table in tables)


DONE = """
    SELECT count(*) FROM (
        SELECT DISTINCT ON (staff_id, module, record_id) value FROM distribution_outcomeline
        WHERE {which} AND {on} = '{day}' AND ('{staff}' = 'all' OR staff_id::text = '{staff}')
              AND module LIKE '{module}' ORDER BY staff_id, module, record_id, id DESC
    ) AS last WHERE {last}
"""


def done(which: str, last: str) -> Count:
    """Records on which the person (or all) noted that on the day, by what they noted last; the object is both."""

    def count(module: str, key: str) -> int:
        staff, day = key.split("/")
        return one(DONE.format(which=which, on=DAY % "at", day=day, staff=staff, module=module or "%%", last=last))

    return count


# What one operation did to a batch, from the events of the records: the batch before it and after it.
MOVES = {
    "arrived": "now.batch_id = {batch} AND before.batch_id IS DISTINCT FROM {batch} AND now.pgh_label <> 'delete'",
    "left": "before.batch_id = {batch} AND (now.batch_id IS DISTINCT FROM {batch} OR now.pgh_label = 'delete')",
    "archived": "now.batch_id = {batch} AND now.status = 'archived' AND before.status IS DISTINCT FROM 'archived'",
}
BECAME = {
    "records.assign": ["assigned"],
    "records.recall": ["available", "reserved"],
    "records.transfer": ["assigned"],
    "records.undo": ["assigned", "available", "reserved"],
    "records.replace": ["archived"],
    "records.archive": ["archived"],
    "records.restore": ["available", "reserved"],
    "conflict.hand_over": ["assigned"],
    "records.purge": ["archived"],
    "request.make": ["requested"],
    "request.approve": ["assigned"],
    "request.reject": ["available", "reserved"],
}
FACTS = {
    "rows": "file_rows + blank_count",
    "duplicates": "duplicate_count",
    "rejected": "rejected_count",
    "blank": "blank_count",
}
REQUESTS = ("pending", "approved", "rejected", "cancelled")


class Truth:
    """The numbers as they are now. Call `look` after every step."""

    def __init__(self) -> None:
        self.witnesses = {module.key: Witness(module) for module in modules()}
        self.counts: dict[str, Count] = {
            **{f"database.{name}": records("database_id", condition) for name, condition in BY_STATUS.items()},
            **{f"module.{name}": of_module(condition) for name, condition in BY_STATUS.items()},
            **{f"batch.{name}": records("batch_id", condition) for name, condition in WITH_SOMEBODY.items()},
            **{f"mine.{name}": records("assignee_id", condition) for name, condition in WITH_SOMEBODY.items()},
            **{f"staff.{name}": records("assignee_id", condition) for name, condition in WITH_SOMEBODY.items()},
            **{f"module.{name}": of_module(condition) for name, condition in WITH_SOMEBODY.items()},
            "batch.current": records("batch_id", "status = 'assigned'"),
            "batch.archived": records("batch_id", "status = 'archived'"),
            "batch.invalid": records("batch_id", "status = 'invalid'"),
            "batch.received": lambda module, key: self.witnesses[module].received[int(key)],
            "batch.left": lambda module, key: self.witnesses[module].left[int(key)],
            "database.imported": lambda module, key: self.witnesses[module].imported[int(key)],
            "database.purged": lambda module, key: self.witnesses[module].purged[int(key)],
            "mine.assigned": records("assignee_id", "status = 'assigned'"),
            "staff.assigned": records("assignee_id", "status = 'assigned'"),
            "mine.batches": lambda module, key: one(
                f'SELECT count(*) FROM "{module}_batch" b WHERE staff_id = {key} AND EXISTS'
                f" (SELECT FROM \"{module}_record\" WHERE batch_id = b.id AND status = 'assigned')"
            ),
            "done.worked": done("true", "true"),
            "done.said_yes": done("what = 'response'", "value = 'yes'"),
            "module.databases": lambda module, _key: one(
                f'SELECT count(*) FROM "{module}_database" WHERE archived_at IS NULL'
            ),
            "module.batches": lambda module, _key: one(
                f'SELECT count(*) FROM "{module}_batch" b WHERE EXISTS'
                f" (SELECT FROM \"{module}_record\" WHERE batch_id = b.id AND status = 'assigned')"
            ),
            "notices.unread": lambda _module, key: one(
                f"SELECT count(*) FROM notices_notice WHERE user_id = {key} AND read_at IS NULL"
            ),
            **{f"requests.{state}": requests(f"state = '{state}'") for state in REQUESTS},
            **{f"follow_ups.{name}": everywhere(condition) for name, condition in WITH_SOMEBODY.items()},
            **{f"reservations.{name}": reservations(condition) for name, condition in RESERVATIONS.items()},
            **{
                f"mine.reservations.{name}": reservations(f"staff_id = {{key}} AND {condition}")
                for name, condition in RESERVATIONS.items()
            },
            "staff.reservations": reservations(f"staff_id = {{key}} AND {RESERVATIONS['standing']}"),
            "reservation.reserved": naming("status = 'reserved'"),
            "reservation.conflict": naming("is_reservation_conflict"),
            **{f"conflicts.{name}": conflicts(condition) for name, condition in CONFLICTS.items()},
            "staff.requests": requests("state = 'pending' AND staff_id = {key}"),
            "staff.no_replacement": not_replaceable,
            **{f"database.{name}": upload_column(column) for name, column in FACTS.items()},
            "change.records": lambda _module, key: self.changed(key),
            **{f"ledger.{name}": lambda module, key, name=name: self.moved(module, key, name) for name in MOVES},
            "requests.mine": lambda _module, key: one(
                f"SELECT count(*) FROM records_request WHERE state = 'pending' AND staff_id = {key}"
            ),
            "request.quantity": lambda _module, key: one(f"SELECT quantity FROM records_request WHERE id = {key}"),
        }

    @staticmethod
    def moved(module: str, key: str, name: str) -> int:
        *_module, batch, event = key.split("-")
        events = f'"{module}_recordevent"'
        return one(
            f"""
            SELECT count(*) FROM {events} now LEFT JOIN LATERAL (
                SELECT * FROM {events} e WHERE e.pgh_obj_id = now.pgh_obj_id AND e.pgh_id < now.pgh_id
                ORDER BY e.pgh_id DESC LIMIT 1
            ) AS before ON true
            WHERE now.pgh_context_id = (SELECT pgh_context_id FROM {events} WHERE pgh_id = {event})
                  AND {MOVES[name].format(batch=batch)}
            """
        )

    def changed(self, key: str) -> int:
        """Records that an operation brought into the status that it is about; an import, into the database."""
        context, _dash, module = key.rpartition("-")
        [(operation,)] = ask("SELECT metadata ->> 'operation' FROM pghistory_context WHERE id = %s", context)
        if operation == "database.import":
            event = f"SELECT DISTINCT pgh_obj_id FROM {module}_databaseevent WHERE pgh_context_id = '{context}'"
            return self.witnesses[module].imported[one(event)]
        became = BECAME[operation]
        return one(
            f"""SELECT count(DISTINCT pgh_obj_id) FROM "{module}_recordevent"
                WHERE pgh_context_id = '{context}' AND status IN ('{"', '".join(became)}')"""
        )

    def look(self) -> None:
        for witness in self.witnesses.values():
            witness.look()

    def check(self, page: Page) -> int:
        """Every number on the page is true; how many there are."""
        shown = page.locator("[data-figure]").evaluate_all(
            "all => all.map(each => [each.dataset.figure, each.dataset.object, each.dataset.value, each.innerText])"
        )
        for name, key, value, text in shown:
            first, _dot, rest = name.partition(".")
            module, figure = (first, rest) if first in self.witnesses else (urlsplit(page.url).path.split("/")[1], name)
            true = self.counts[figure](module, key)
            assert (value, text.strip()) in {(str(true), f"{true:,}"), (str(true), "")}, (
                f"{page.url} shows {text!r} ({value}) as {name} of {key}; it is {true}"
            )
        return len(shown)
