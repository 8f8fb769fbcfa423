"""What the history of the modules' tables keeps.

Events are written by statement-level triggers, so that no writer passes them by, with the acting user, the page
and the operation as context. Records are tracked from their first change on: an import is one event of its own,
the insert of its database.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pghistory
import pghistory.trigger
import pgtrigger
from django.db import models
from django.db.models import Q

from crm.constraints import no_truncate
from crm.distribution.states import Status

M = TypeVar("M", bound=type[models.Model])


def track_databases() -> Callable[[M], M]:
    return _track(pghistory.InsertEvent(), exclude=["lottery_floor"])


def track_batches() -> Callable[[M], M]:
    return _track(pghistory.InsertEvent())


def track_records() -> Callable[[M], M]:
    # The batch's ledger asks which records were ever in it.
    by_batch = models.Index(fields=["batch"], name="%(app_label)s_recordevent_batch", condition=Q(batch__isnull=False))
    return _track(
        # An import needs no event for each record: it comes into the pool, and its seal says what it is.
        pghistory.InsertEvent(
            condition=~pgtrigger.Q(new__status=Status.AVAILABLE) | pgtrigger.Q(new__batch__isnull=False)
        ),
        exclude=["lottery", "customer_key", "seal"],
        meta={"indexes": [by_batch]},
    )


class _PlannedAnew(pghistory.trigger.Event):
    """Writes events like its parent, with a plan for the rows at hand (see the triggers that count)."""

    def get_func(self, model: Any) -> pgtrigger.Func:
        statement, end, nothing = super().get_func(model).func.rpartition("; RETURN NULL;")
        if not end or nothing:
            raise RuntimeError("The library's trigger is not what it was; look at the plan it makes.")
        return pgtrigger.Func(f"EXECUTE $event$ {statement} $event$; RETURN NULL;")


class UpdateEvent(pghistory.UpdateEvent):
    """An update is compared with what was before it, row by row."""

    def add_event_trigger(self, event_model: Any) -> None:
        pgtrigger.register(
            _PlannedAnew(
                event_model=event_model,
                label=self.label,
                name=self.trigger_name,
                row=self.row,
                operation=self.operation,
                condition=self.condition,
                level=self.level,
            )
        )(event_model.pgh_tracked_model)


def _track(*trackers: pghistory.Tracker, meta: dict[str, Any] | None = None, **options: Any) -> Callable[[M], M]:
    return pghistory.track(
        *trackers,
        UpdateEvent(),
        pghistory.DeleteEvent(),
        level=pgtrigger.Statement,
        # The library's own key is a 32-bit number; years of bulk actions would use it up.
        attrs={"pgh_id": models.BigAutoField(primary_key=True, serialize=False)},
        # What the library forbids by itself, changing and deleting events, it does not forbid for a whole table.
        meta={**(meta or {}), "triggers": [no_truncate()]},
        **options,
    )
