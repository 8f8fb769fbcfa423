"""Work done: who noted what of which customer, and when. It stays theirs, whoever has the record afterwards.

Each outcome that is noted adds lines to one table, of all modules, and its undo takes them back; nothing else changes
it. The lines are those that the history of the records tells: the service that notes, the migration that filled the
table and the health check ask it by the same statement.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.constraints import final, no_truncate
from crm.distribution.querysets import on_day
from crm.registry import Module, get_module

NOTED = ("records.work", "records.validate")
"""The operations by which staff note something."""

TAKEN_BACK = "records.undo"


class What(models.TextChoices):
    """What was noted."""

    REACH = "reach", _("Reach")
    RESPONSE = "response", _("Response")
    NOTE = "note", _("Note")
    FOLLOW_UP = "follow_up", _("Follow-up")
    VALIDATION = "validation", _("Valid or invalid")


# What an event of a record's history says of each: what the line has, and what is different if it was noted anew. The
# words of a note are in the history alone.
SAID = {
    What.REACH: ("{e}.reach", "coalesce({e}.reach, '')"),
    What.RESPONSE: ("{e}.response", "coalesce({e}.response, '')"),
    What.NOTE: ("CASE WHEN {e}.note = '' THEN '' ELSE 'noted' END", "coalesce({e}.note, '')"),
    What.FOLLOW_UP: ("coalesce({e}.follow_up_on::text, '')", "coalesce({e}.follow_up_on::text, '')"),
    What.VALIDATION: ("{e}.validation", "concat({e}.validation, ' ', {e}.validation_reason)"),
}
_EACH = ", ".join(
    f"('{what}', {value.format(e='step')}, {mark.format(e='step')}, {mark.format(e='was')})"
    for what, (value, mark) in SAID.items()
)

# What each operation has left of each record, beside what the one before has left.
LINES = f"""
    SELECT step.pgh_obj_id AS record_id, u.id AS staff_id, said.what, said.value, step.pgh_created_at AS at,
           step.pgh_context_id AS operation
    FROM (
        SELECT DISTINCT ON (e.pgh_context_id, e.pgh_obj_id) e.* FROM {{events}} e
        WHERE e.pgh_context_id IN ({{contexts}})
        ORDER BY e.pgh_context_id, e.pgh_obj_id, e.pgh_id DESC
    ) AS step
    JOIN pghistory_context c ON c.id = step.pgh_context_id
    JOIN accounts_user u ON u.id = (c.metadata ->> 'user')::bigint
    LEFT JOIN LATERAL (
        SELECT e.* FROM {{events}} e
        WHERE e.pgh_obj_id = step.pgh_obj_id AND e.pgh_id < step.pgh_id
              AND e.pgh_context_id IS DISTINCT FROM step.pgh_context_id
        ORDER BY e.pgh_id DESC LIMIT 1
    ) AS was ON true
    {{and_later}}
    CROSS JOIN LATERAL (VALUES {_EACH}) AS said (what, value, mark, mark_before)
    WHERE said.mark <> said.mark_before {{unless}}
"""  # noqa: S608 (constants of this file)
# That it was taken back is the next that happened to the record.
AND_LATER = """
    LEFT JOIN LATERAL (
        SELECT n.metadata ->> 'operation' AS operation
        FROM {events} e LEFT JOIN pghistory_context n ON n.id = e.pgh_context_id
        WHERE e.pgh_obj_id = step.pgh_obj_id AND e.pgh_id > step.pgh_id ORDER BY e.pgh_id LIMIT 1
    ) AS later ON true
"""
UNLESS = f"AND later.operation IS DISTINCT FROM '{TAKEN_BACK}'"
OF_ALL = f"SELECT id FROM pghistory_context WHERE metadata ->> 'operation' IN {NOTED}"  # noqa: S608 (constants of this file)


def lines_of_history(events: str) -> str:
    """The SQL of the lines that the history of a module's records tells: record_id, staff_id, what, value, at,
    operation. `events` is its table, quoted.
    """
    return LINES.format(events=events, contexts=OF_ALL, and_later=AND_LATER.format(events=events), unless=UNLESS)


def _lines_of_one(events: str) -> str:
    """The same of the operation %(key)s, of which nothing was taken back yet."""
    return LINES.format(events=events, contexts="%(key)s", and_later="", unless="")


class OutcomeQuerySet(models.QuerySet["OutcomeLine"]):
    def worked_on(self, day: date) -> "OutcomeQuerySet":
        """One line for each person and record: the last of the day."""
        return self._last_of(Q(), day)

    def said_yes_on(self, day: date) -> "OutcomeQuerySet":
        """One line for each person and record whose customer has said yes on the day, and nothing else after that."""
        return self._last_of(Q(what=What.RESPONSE), day).filter(value="yes")

    def _last_of(self, which: Q, day: date) -> "OutcomeQuerySet":
        lines = OutcomeLine.objects.filter(which, on_day("at", day))
        same = {name: OuterRef(name) for name in ("staff", "module", "record_id")}
        return self.filter(which, on_day("at", day)).filter(~Exists(lines.filter(**same, pk__gt=OuterRef("pk"))))


class OutcomeLine(models.Model):
    """One thing that was noted of one record. The record may be gone by now; its key is what it was."""

    module = models.CharField(max_length=30)
    record_id = models.BigIntegerField()
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    """Who noted it."""
    what = models.CharField(max_length=10, choices=What)
    value = models.CharField(max_length=11, blank=True, default="", db_default="")
    """What it became; empty where it was cleared. Of a note only that there is one."""
    at = models.DateTimeField(db_default=Now())
    operation = models.UUIDField()
    """The history's context."""

    objects = OutcomeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "module", "record_id", "what"], name="outcome_line_once"),
            models.CheckConstraint(condition=Q(what__in=What.values), name="outcome_line_of_something"),
        ]
        indexes = [models.Index(fields=["at", "staff"], name="outcome_line_at")]
        triggers = [
            final("line_is_final", "id", "module", "record_id", "staff_id", "what", "value", "at", "operation"),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.value}"


def write_lines(module: Module, key: UUID) -> None:
    """Adds the lines of an operation that has just noted something."""
    _write(module, _lines_of_one(_events(module)), {"key": key})


def fill_from_history(key: str) -> Callable[[Any, Any], None]:
    """For the migration that fills the table with what was noted in a module before there was one. It says what the
    history cannot tell: of which records something is noted, and not by whom.
    """

    def fill(_apps: Any, _editor: Any) -> None:
        module = get_module(key)
        written = _write(module, lines_of_history(_events(module)), {})
        lines = OutcomeLine.objects.filter(module=key, record_id=OuterRef("pk"))
        unknown = module.Record.objects.exclude(worked_at=None).filter(~Exists(lines)).count()
        if written or unknown:
            print(
                f"\n    {key}: {written:,} lines of work done, as the history tells them;"
                f" of {unknown:,} records something is noted, and the history does not tell by whom."
            )

    return fill


def _events(module: Module) -> str:
    return f'"{module.Record.pgh_event_model._meta.db_table}"'


def _write(module: Module, told: str, values: dict[str, Any]) -> int:
    columns = "record_id, staff_id, what, value, at, operation"
    into = f'INSERT INTO "{OutcomeLine._meta.db_table}" (module, {columns})'
    query = f"{into} SELECT %(module)s, {columns} FROM ({told}) AS told"  # noqa: S608 (names)
    with connection.cursor() as cursor:
        cursor.execute(query, {"module": module.key, **values})
        return cursor.rowcount


def take_back_lines(module: Module, key: UUID, record_ids: Collection[int]) -> None:
    """Of these records, the operation's lines: it was undone."""
    ids = RawSQL("SELECT unnest(%s::bigint[])", [list(record_ids)])  # one parameter, however many
    OutcomeLine.objects.filter(operation=key, module=module.key, record_id__in=ids).delete()


@dataclass(frozen=True)
class Done:
    """What a person, or everybody, has done in a module, or in all, on a day of the team's, whoever has the records
    now.
    """

    user: User | None
    module: Module | None
    day: date
    worked: int
    said_yes: int

    @property
    def pk(self) -> str:
        return f"{self.user.pk if self.user else 'all'}/{self.day}"

    def lines(self) -> OutcomeQuerySet:
        return _lines(self.user, self.module)


def _lines(user: User | None, module: Module | None) -> OutcomeQuerySet:
    lines = OutcomeLine.objects.all()
    lines = lines.filter(staff=user) if user else lines
    return lines.filter(module=module.key) if module else lines


def done_of(user: User | None, module: Module | None, day: date) -> Done:
    lines = _lines(user, module)
    return Done(user, module, day, lines.worked_on(day).count(), lines.said_yes_on(day).count())


def done_on(day: date, users: Collection[User], in_modules: Collection[Module]) -> dict[tuple[int, str], Done]:
    """Of each person and module, by their keys; in one query."""
    lines = OutcomeLine.objects.filter(staff__in=users).order_by()
    worked, said_yes = [
        which.values("staff", "module").annotate(is_yes=models.Value(is_yes), n=models.Count("pk"))
        for is_yes, which in ((False, lines.worked_on(day)), (True, lines.said_yes_on(day)))
    ]
    found = worked.union(said_yes, all=True).values_list("staff", "module", "is_yes", "n")
    counts = {(staff, key, is_yes): n for staff, key, is_yes, n in found}
    return {
        (user.pk, module.key): Done(
            user, module, day, *(counts.get((user.pk, module.key, is_yes), 0) for is_yes in (False, True))
        )
        for user in users
        for module in in_modules
    }
