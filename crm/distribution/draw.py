"""Drawing records at random from a pool (docs/adr/0004)."""

import random
import time

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.distribution.models import BaseDatabase
from crm.errors import Refused
from crm.registry import Module

WAIT_SECONDS = 5.0
"""How long a draw waits for rows that others hold locked, before it says that there are too few."""

WAIT_SECONDS_OR_FEWER = 1.0
"""How long it waits for them when fewer will do."""


class TooFew(Refused):
    """Fewer records than asked for could be handed out; `possible` is how many."""

    def __init__(self, message: str, possible: int) -> None:
        super().__init__(message)
        self.possible = possible


def check_in_use(database: BaseDatabase) -> None:
    """Raises Refused when the database is archived: nothing is handed out from it."""
    if type(database).objects.hidden().filter(pk=database.pk).exists():
        raise Refused(_("“%(name)s” is archived, and nothing is handed out from it.") % {"name": database})


def draw(module: Module, database: BaseDatabase, count: int, *, or_fewer: bool = False) -> list[int]:
    """The keys of the `count` lowest lottery numbers of the pool, locked. Rows that others hold are passed over.

    Raises TooFew when there are not that many; with `or_fewer` it takes as many as it can get.

    Too few are only declared when the pool has too few; while others merely hold rows locked, nothing is kept and
    it is tried again, because to wait with rows in hand could be to wait for each other.
    """
    pool = module.Record.objects.filter(database=database).in_pool()
    give_up = time.monotonic() + (WAIT_SECONDS_OR_FEWER if or_fewer else WAIT_SECONDS)
    while count:
        with transaction.atomic():
            free = pool.order_by("lottery").select_for_update(skip_locked=True, no_key=True)
            drawn = list(free.values_list("pk", "lottery")[:count])
            if len(drawn) == count:
                highest = drawn[-1][1]
                module.Database.objects.filter(pk=database.pk).update(
                    lottery_floor=Greatest(F("lottery_floor"), Value(highest))
                )
                return [pk for pk, _lottery in drawn]
            transaction.set_rollback(True)
        possible, late = pool[:count].count(), time.monotonic() > give_up
        if or_fewer and (possible < count or late):
            count = min(possible, len(drawn)) if late else possible
            continue
        if possible < count or late:
            raise TooFew(_too_few(count, possible), possible=possible if possible < count else len(drawn))
        time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 (spreads the contenders; nothing secret)
    return []


def _too_few(count: int, possible: int) -> str:
    if possible >= count:
        return _("Others are handing out these records at this moment. Nothing was assigned; try again.")
    return ngettext(
        "Only %(possible)d record is available, %(count)d were asked for. Nothing was assigned.",
        "Only %(possible)d records are available, %(count)d were asked for. Nothing was assigned.",
        possible,
    ) % {"possible": possible, "count": count}
