"""The numbers of databases, batches, modules and staff members. Imported when the app is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.distribution import ledger
from crm.distribution.holdings import FOLLOW_UPS
from crm.distribution.models import DATABASE_COUNTS, BaseBatch, BaseDatabase
from crm.distribution.outcomes import Done
from crm.figures import Figure, declare
from crm.registry import Module

# The name, the stored count, the queryset method that selects the rows, the filter of the list, the sentence.
STATUS_FIGURES: list[tuple[str, str, str, Promise]] = [
    ("available", "available_count", "in_pool", _("Records in the pool, free to be handed out.")),
    ("reserved", "reserved_count", "reserved", _("Records kept out of the pool by a reservation of their customer.")),
    ("requested", "requested_count", "requested", _("Records held by a request that waits for an answer.")),
    ("assigned", "assigned_count", "assigned", _("Records with a staff member, those in conflict included.")),
    ("archived", "archived_count", "archived", _("Records taken out as invalid.")),
    ("invalid", "invalid_count", "old_status", _("Records with the status “invalid” of old data; Repair migrates it.")),
    ("conflict", "conflict_count", "in_conflict", _("Assigned records whose customer somebody else has reserved.")),
]


def _query(url: str, **query: object) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _of_database(status: str) -> Callable[[BaseDatabase], str]:
    return lambda database: _query(database.get_absolute_url(), status=status)


def _of_module(status: str) -> Callable[[Module], str]:
    return lambda module: _query(reverse("records", args=[module]), status=status)


def _rows_of_database(method: str) -> Callable[[BaseDatabase], QuerySet]:
    return lambda database: getattr(database.module.Record.objects.filter(database=database), method)()


def _rows_of_module(method: str) -> Callable[[Module], QuerySet]:
    return lambda module: getattr(module.Record.objects.all(), method)()


def _stored(field: str) -> Callable[[BaseDatabase | BaseBatch], int]:
    return lambda subject: getattr(subject, field)


@dataclass(frozen=True, eq=False)
class CountedModule(Module):
    """A module with the stored counts of its databases, added up."""

    sums: Mapping[str, int]


def counted(module: Module) -> CountedModule:
    """For a page that shows several of them; in one query."""
    sums = module.Database.objects.aggregate(**{name: Sum(name, default=0) for name in DATABASE_COUNTS})
    return CountedModule(module.key, module.label, module.description, module.policy, sums)


def _sum(field: str) -> Callable[[Module], int]:
    def value(module: Module) -> int:
        return (module if isinstance(module, CountedModule) else counted(module)).sums[field]

    return value


for name, field, method, sentence in STATUS_FIGURES:
    declare(Figure(f"database.{name}", sentence, _rows_of_database(method), _of_database(name), _stored(field)))
    declare(Figure(f"module.{name}", sentence, _rows_of_module(method), _of_module(name), _sum(field)))

declare(
    Figure(
        "database.records",
        _("All records of the database, whatever their status."),
        lambda database: database.module.Record.objects.filter(database=database),
        lambda database: database.get_absolute_url(),
        _stored("record_count"),
    )
)
declare(
    Figure(
        "module.records",
        _("All records of the module, whatever their status."),
        lambda module: module.Record.objects.all(),
        lambda module: reverse("records", args=[module]),
        _sum("record_count"),
    )
)
declare(
    Figure(
        "module.databases",
        _("Databases that are not archived."),
        lambda module: module.Database.objects.visible(),
        lambda module: reverse("databases", args=[module]),
    )
)
declare(
    Figure(
        "module.batches",
        _("Hand-overs with at least one record that is still assigned."),
        lambda module: module.Batch.objects.holding(),
        lambda module: _query(reverse("batches", args=[module]), state="holding"),
    )
)


def _rows_of_batch(method: str) -> Callable[[BaseBatch], QuerySet]:
    return lambda batch: getattr(batch.module.Record.objects.filter(batch=batch), method)()


def _shown(show: str) -> Callable[[BaseBatch], str]:
    return lambda batch: _query(batch.get_absolute_url(), show=show)


declare(
    Figure(
        "batch.current",
        _("Records of the batch that are with the staff member now."),
        _rows_of_batch("assigned"),
        _shown("current"),
        _stored("current_count"),
    )
)
declare(
    Figure(
        "batch.archived",
        _("Records of the batch that were taken out as invalid."),
        _rows_of_batch("archived"),
        _shown("archived"),
        _stored("archived_count"),
    )
)
declare(
    Figure(
        "batch.received",
        _("Records that ever came into the batch, one for each time."),
        ledger.arrivals,
        _shown("received"),
        _stored("received_count"),
    )
)
declare(
    Figure(
        "batch.left",
        _("Records that left the batch: recalled, handed to somebody else, or purged."),
        ledger.departures,
        _shown("left"),
        _stored("left_count"),
    )
)
declare(
    Figure(
        "batch.invalid",
        _("Records of the batch with the status “invalid” of old data; Repair migrates it."),
        _rows_of_batch("old_status"),
        _shown("invalid"),
        _stored("invalid_count"),
    )
)
declare(
    Figure(
        "staff.assigned",
        _("Records that are with the staff member now, in this module."),
        lambda holding: holding.records(),
        lambda holding: _query(reverse("records", args=[holding.module]), status="assigned", staff=holding.user.pk),
        lambda holding: holding.assigned,
    )
)
declare(
    Figure(
        "staff.marked_invalid",
        _("Records that the staff member marked as invalid and that wait for an admin."),
        lambda holding: holding.records().marked_invalid(),
        lambda holding: _query(reverse("invalid_records", args=[holding.module]), staff=holding.user.pk),
        lambda holding: holding.states["marked_invalid"],
    )
)
declare(
    Figure(
        "staff.no_replacement",
        _("Of these, as many as could not be replaced now: their databases have too few available, or are archived."),
        stored=lambda waiting: waiting.short,
    )
)
declare(
    Figure(
        "mine.assigned",
        _("Records that are with you now, in this module."),
        lambda holding: holding.records(),
        lambda holding: reverse("my_records", args=[holding.module]),
        lambda holding: holding.assigned,
    )
)
declare(
    Figure(
        "mine.batches",
        _("Your hand-overs with at least one record that is still with you."),
        lambda holding: holding.batches(),
        lambda holding: reverse("my_records", args=[holding.module]) + "#batches",
        lambda holding: holding.batch_count,
    )
)

# What has come of records that are with somebody: of a batch, of one's own in a module, of the module.
STATE_SENTENCES: dict[str, tuple[Promise, Promise]] = {
    "to_do": (_("To do"), _("Records without reach, response or validation yet.")),
    "reached": (_("Reached"), _("Records whose customer could be reached.")),
    "responded": (_("Responded"), _("Records whose customer has said yes or no.")),
    "said_yes": (_("Said yes"), _("Records whose customer has said yes.")),
    "marked_valid": (_("Valid"), _("Records that were marked as valid.")),
    "marked_invalid": (_("Invalid"), _("Records that were marked as invalid and wait for an admin.")),
    "conflict": (_("Taken by a reservation"), _("Records whose customer somebody else has reserved.")),
    "overdue": (_("Overdue"), _("Records whose follow-up was due before today.")),
    "due_today": (_("Due today"), _("Records whose follow-up is due today.")),
    "upcoming": (_("Upcoming"), _("Records whose follow-up is due after today.")),
    "check_back": (_("Check back"), _("Customers who said yes 1, 3 or 7 days ago, without a follow-up date.")),
}
STATE_LABELS = {state: label for state, (label, _sentence) in STATE_SENTENCES.items()}


def _in_state(state: str) -> Callable[[Any], QuerySet]:
    return lambda subject: subject.module.Record.objects.filter(batch=subject).in_state(state)


def _mine_in_state(state: str) -> Callable[[Any], QuerySet]:
    return lambda holding: holding.records().in_state(state)


def _module_in_state(state: str) -> Callable[[Module], QuerySet]:
    return lambda module: module.Record.objects.in_state(state)


def _counted(state: str) -> Callable[[Any], int]:
    return lambda subject: subject.states[state]


def _listed(url: Callable[[Any], str], state: str) -> Callable[[Any], str]:
    return lambda subject: _query(url(subject), state=state)


def _staff_in_state(state: str) -> Callable[[Any], str]:
    return lambda holding: _query(
        reverse("records", args=[holding.module]), status="assigned", staff=holding.user.pk, state=state
    )


def _to_follow_up(state: str) -> Callable[[Any], QuerySet]:
    return lambda work: work.records(state)


def _worked(state: str) -> Callable[[Any], int]:
    return lambda work: work.count(state)


for state, (_label, sentence) in STATE_SENTENCES.items():
    declare(
        Figure(
            f"batch.{state}",
            sentence,
            _in_state(state),
            _listed(lambda batch: batch.get_absolute_url(), state),
            _counted(state),
        )
    )
    declare(
        Figure(
            f"mine.{state}",
            sentence,
            _mine_in_state(state),
            _listed(lambda holding: reverse("my_records", args=[holding.module]), state),
            _counted(state),
        )
    )
# What each staff member has to do, for admins.
declare(
    Figure(
        "staff.to_do",
        STATE_SENTENCES["to_do"][1],
        _mine_in_state("to_do"),
        _staff_in_state("to_do"),
        _counted("to_do"),
    )
)


def _done(what: str) -> Callable[[Done], str]:
    def url(done: Done) -> str:
        query: dict[str, object] = {"day": done.day.isoformat(), "what": what}
        if done.user:
            query["staff"] = done.user.pk
        if done.module:
            query["module"] = done.module.key
        return _query(reverse("work_done"), **query)

    return url


# What each staff member has done, whoever has the records now.
declare(
    Figure(
        "done.worked",
        _("Records on which something was noted on the day, by whoever did it; somebody else may have them now."),
        lambda done: done.lines().worked_on(done.day),
        _done("worked"),
        _stored("worked"),
    )
)
declare(
    Figure(
        "done.said_yes",
        _("Records whose customer said yes on the day, to whoever asked; somebody else may have them now."),
        lambda done: done.lines().said_yes_on(done.day),
        _done("said_yes"),
        _stored("said_yes"),
    )
)

# Over all modules.
for state in FOLLOW_UPS:
    declare(
        Figure(
            f"follow_ups.{state}",
            STATE_SENTENCES[state][1],
            _to_follow_up(state),
            _listed(lambda work: reverse("follow_ups"), state),
            _worked(state),
        )
    )
declare(
    Figure(
        "module.marked_invalid",
        STATE_SENTENCES["marked_invalid"][1],
        _module_in_state("marked_invalid"),
        lambda module: reverse("invalid_records", args=[module]),
    )
)
