"""The cells of the record list. What a column says is its own; here is how the page shows it."""

from collections.abc import Callable
from datetime import date, datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.columns import Cell, Column
from crm.distribution.models import BaseRecord
from crm.distribution.templatetags.records import phone, whose

register = template.Library()

MOST_SHOWN = 80
"""Characters of a cell; the record's page and the export have the rest."""


@register.simple_tag
def record_cell(column: Column, record: BaseRecord, user: User) -> SafeString:
    """The `td` of this record in this column, for this reader."""
    show = SHOWN.get(column.key)
    content = show(record, user) if show else _plain(column.of(record))
    if column.is_number:
        return format_html('<td class="num">{}</td>', content)
    return format_html('<td dir="auto">{}</td>', content)


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return date_format(timezone.localtime(cell), "j M Y, H:i")
    if isinstance(cell, date):
        return date_format(cell, "j M Y")
    return "" if cell is None else Truncator(str(cell)).chars(MOST_SHOWN)


def _customer(record: BaseRecord, _user: User) -> SafeString:
    return format_html(
        '<a class="cell-main" href="{}">{}</a>',
        record.get_absolute_url(),
        Truncator(record.customer_id).chars(MOST_SHOWN),
    )


def _phone(record: BaseRecord, user: User) -> SafeString:
    return format_html('<span class="tabular text-nowrap">{}</span>', phone(record, user))


def _status(record: BaseRecord, _user: User) -> SafeString:
    status = format_html('<span class="status status-{}">{}</span>', record.status, record.get_status_display())
    if not record.reservation:
        return status
    if record.is_reservation_conflict:
        status = format_html('{} <span class="status status-conflict">{}</span>', status, _("Conflict"))
    return format_html('<div class="text-nowrap">{}<span class="cell-sub">{}</span></div>', status, whose(record))


def _batch(record: BaseRecord, _user: User) -> SafeString | str:
    return _link(record.batch) if record.batch else ""


def _link(thing: object) -> SafeString:
    return format_html('<a class="cell-link" href="{}">{}</a>', thing.get_absolute_url(), thing)  # type: ignore[attr-defined]


SHOWN: dict[str, Callable[[BaseRecord, User], SafeString | str]] = {
    "customer": _customer,
    "phone": _phone,
    "status": _status,
    "batch": _batch,
    "database": lambda record, _user: _link(record.database),
}
