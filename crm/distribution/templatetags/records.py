"""Showing parts of a record, and of a database."""

from typing import Any

import phonenumbers
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.distribution.models import BaseRecord
from crm.distribution.settings import settings_of

register = template.Library()


@register.simple_tag
def phone(record: BaseRecord) -> SafeString | str:
    """The phone as people write it, as a link to the WhatsApp chat; as it was typed where it cannot be called."""
    if not record.phone_key:
        return record.phone[:40]
    shown = phonenumbers.format_number(
        phonenumbers.parse(record.phone_key), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return format_html(
        '<a href="https://wa.me/{}" target="_blank" rel="noopener noreferrer">{}</a>', record.phone_key[1:], shown
    )


@register.inclusion_tag("distribution/_request_rule.html")
def request_rule(database: Any) -> dict[str, Any]:
    """Who approves what staff request from the database, in a module whose staff request."""
    return {
        "database": database,
        "choices": database._meta.get_field("auto_approve").choices,
        "settings": settings_of(database.module),
    }
