"""Showing a number: `{% figure "batch.current" batch %}`."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.figures import get_figure
from crm.registry import Module

register = template.Library()


@register.simple_tag
def figure(name: str, subject: Any, href: str | None = None) -> SafeString:
    """The number, with a title that says what it counts, as a link to the rows; `href` for who may not list those."""
    shown = get_figure(name)
    value = shown.value(subject)
    url = href or (shown.url(subject) if shown.url else None)
    return format_html(
        '<{} class="figure num" data-figure="{}" data-object="{}" data-value="{}" title="{}"{}>{}</{}>',
        "a" if url else "span",
        shown.full_name(subject),
        subject.key if isinstance(subject, Module) else subject.pk,
        value,
        shown.sentence,
        format_html(' href="{}"', url) if url else "",
        number_format(value, force_grouping=True),
        "a" if url else "span",
    )
