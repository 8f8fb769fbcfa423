"""The search over all modules: a customer by id, by phone or by name."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.distribution.access import records_for
from crm.distribution.filters import search_records, ways_to_find
from crm.distribution.models import BaseRecord
from crm.distribution.querysets import RecordQuerySet
from crm.figures import Figure, declare
from crm.identity import is_empty
from crm.registry import Module, modules

MOST_SHOWN = 50
"""Of each module. Whoever searches for a customer wants one of few."""

MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Found:
    """What of one module the person may see and the text finds; with `more` there are others besides `records`."""

    module: Module
    user: User
    text: str
    records: list[BaseRecord]
    more: bool

    @property
    def pk(self) -> str:
        return self.module.key

    @cached_property
    def url(self) -> str:
        """The list of all of them."""
        name = "records" if self.user.is_admin else "my_records"
        return f"{reverse(name, args=[self.module])}?{urlencode({'q': self.text})}"

    def rows(self) -> RecordQuerySet:
        return search_records(records_for(self.user, self.module), self.text)


declare(
    Figure(
        "search.found",
        _("Records that the search finds in this module, of those that you may see."),
        lambda found: found.rows(),
        lambda found: found.url,
        lambda found: len(found.records),
    )
)


def find_customers(text: str, *, user: User) -> list[Found]:
    """Of each module what is found: exact ids first. Admins find all records, staff those that are with them."""
    text = text.replace("\0", "").strip()
    if is_empty(text) or len(text) > MOST_CHARACTERS:
        return []
    return [_search(module, text, user) for module in modules()]


def _search(module: Module, text: str, user: User) -> Found:
    """Each way to find is asked alone and stops when it has enough, so that a common name costs no more than a rare."""
    seen = records_for(user, module)
    by_id, *others = ways_to_find(text)
    first = seen.filter(by_id).order_by("customer_key", "database_id").values_list("pk", flat=True)
    keys = dict.fromkeys(first[: MOST_SHOWN + 1])
    for way in others:
        if len(keys) <= MOST_SHOWN:
            keys |= dict.fromkeys(seen.filter(way).some_ids(MOST_SHOWN + 1))
    shown = list(keys)[:MOST_SHOWN]
    related = ("assignee", "database__product", "reservation__staff")
    found = module.Record.objects.select_related(*related).defer("data").in_bulk(shown)
    return Found(module, user, text, [found[pk] for pk in shown if pk in found], more=len(keys) > MOST_SHOWN)
