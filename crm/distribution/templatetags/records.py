"""Showing parts of a record, and of a database."""

from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.models import BaseRecord
from crm.distribution.settings import settings_of
from crm.distribution.templatetags.work import chat_url, phone_text

register = template.Library()


@register.simple_tag
def phone(record: BaseRecord, staff: User) -> SafeString | str:
    """The phone as people write it, as a link to the WhatsApp chat; as it was typed where it cannot be called."""
    chat, shown = chat_url(record, staff), phone_text(record)
    if not chat:
        return shown
    return format_html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', chat, shown)


@register.simple_tag
def whose(record: BaseRecord) -> str:
    """For whom it is kept, or who else has reserved its customer; nothing for a record without a reservation."""
    if not record.reservation:
        return ""
    text = _("Reserved by %(name)s") if record.is_reservation_conflict else _("Reserved for %(name)s")
    return text % {"name": record.reservation.staff}


@register.simple_tag
def whose_since(record: BaseRecord) -> str:
    """The same, and since when."""
    if not record.reservation:
        return ""
    since = timezone.localtime(record.reservation.since)
    return _("%(whose)s since %(day)s") % {"whose": whose(record), "day": date_format(since, "j M Y")}


@register.inclusion_tag("distribution/_request_rule.html")
def request_rule(database: Any) -> dict[str, Any]:
    """Who approves what staff request from the database, in a module whose staff request."""
    return {
        "database": database,
        "choices": database._meta.get_field("auto_approve").choices,
        "settings": settings_of(database.module),
    }
