"""Saved views: a person's own names for a list as they have filtered, sorted and arranged it."""

from django.db import IntegrityError, models, transaction
from django.http import QueryDict
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.conflict_filter import ConflictFilter
from crm.distribution.filters import BatchFilter, DatabaseFilter, RecordFilter
from crm.distribution.models import SavedView
from crm.distribution.reserving.filters import ReservationFilter
from crm.errors import Refused
from crm.registry import modules

MOST_VIEWS = 30
"""One person's views of one list."""

MOST_CHARACTERS = 8000
"""Of a view's query."""

RECORD_KEYS = {*RecordFilter.base_filters, "sort", "cols"}

KEYS: dict[str, set[str]] = {
    "records": RECORD_KEYS,
    "database": RECORD_KEYS,
    "databases": {*DatabaseFilter.base_filters, "sort"},
    "batches": {*BatchFilter.base_filters, "sort"},
}
"""What a view of each list of a module keeps of its query."""

KEYS_OVER_ALL: dict[str, set[str]] = {
    "reservations": {*ReservationFilter.base_filters, "sort"},
    "conflicts": {*ConflictFilter.base_filters, "sort", "by"},
}
"""The same of lists over all modules."""


def list_keys(page: str) -> set[str]:
    """The keys of the list that `page` names, such as "memberwd/records"; Refused when there is no such list."""
    if page in KEYS_OVER_ALL:
        return KEYS_OVER_ALL[page]
    module, _slash, name = page.partition("/")
    if name not in KEYS or module not in {each.key for each in modules()}:
        raise Refused(_("There is no such list."))
    return KEYS[name]


def arrangement(page: str, query: QueryDict) -> str:
    """What a view of that list keeps of `query`, always written the same way."""
    keys = list_keys(page)
    kept = QueryDict(mutable=True)
    for key in sorted(keys & set(query)):
        kept.setlist(key, sorted({value for value in query.getlist(key) if value}))
    return kept.urlencode()


def views_of(user: User, page: str) -> models.QuerySet[SavedView]:
    return SavedView.objects.filter(user=user, page=page)


def save_view(*, page: str, name: str, query: str, by: User, view: SavedView | None = None) -> SavedView:
    """Keeps the query under the name: in `view`, which may be renamed so; else in the one of that name, or a new one.

    Raises Refused for a name that another view has, a query without end, or too many views.
    """
    kept = arrangement(page, QueryDict(query))
    if len(kept) > MOST_CHARACTERS:
        raise Refused(_("This filter is too long to be saved."))
    if view is None:
        return _save_by_name(page, name, kept, by)
    try:
        with transaction.atomic():
            view.name, view.query = name, kept
            view.save(update_fields=["name", "query"])
    except IntegrityError as error:
        raise Refused(_("Another view is called “%(name)s” already.") % {"name": name}) from error
    return view


def _save_by_name(page: str, name: str, query: str, by: User) -> SavedView:
    own = views_of(by, page)
    if own.count() >= MOST_VIEWS and not own.filter(name=name).exists():
        raise Refused(_("You have %(most)s views of this list. Delete one first.") % {"most": MOST_VIEWS})
    view, _created = SavedView.objects.update_or_create(user=by, page=page, name=name, defaults={"query": query})
    return view


def delete_view(*, view: SavedView, by: User) -> None:
    """Forgets one's own view; nobody has another's."""
    views_of(by, view.page).filter(pk=view.pk).delete()
