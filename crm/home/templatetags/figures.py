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
def figure(name: str, subject: Any, css: str = "") -> SafeString:
    """The number as a link to the rows it counts, with a title that says what it counts."""
    shown = get_figure(name)
    value = shown.value(subject)
    return format_html(
        '<a class="figure num {}" data-figure="{}" data-object="{}" data-value="{}" title="{}" href="{}">{}</a>',
        css,
        shown.full_name(subject),
        subject.key if isinstance(subject, Module) else subject.pk,
        value,
        shown.sentence,
        shown.url(subject),
        number_format(value, force_grouping=True),
    )


@register.simple_tag
def figure_value(name: str, subject: Any) -> int:
    """The bare value, to decide whether something is shown; never to show it."""
    return get_figure(name).value(subject)
