"""Showing a number: `{% figure "batch.current" batch %}`."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from crm.figures import get_figure
from crm.registry import Module

register = template.Library()


@register.simple_tag
def figure(name: str, subject: Any, href: str | None = None) -> SafeString:
    """The number, with a title that says what it counts, as a link to the rows; `href` for who may not list those."""
    return _element(name, subject, href=href)


@register.simple_tag
def figure_again(name: str, subject: Any, href: str | None = None) -> SafeString:
    """For an htmx answer: the number as it is now, in the place of each that the page shows of it as a link; with an
    empty `href`, of each that is no link by itself (`pill`).
    """
    return _element(name, subject, href=href, again=True)


@register.simple_tag
def pill(
    url: str, label: str, name: str, subject: Any, chosen: str | None = None, value: str | None = ""
) -> SafeString:
    """One of the tabs over a list: a link with its number in it, which htmx follows into #list. The current one is
    that whose `value` is `chosen`.
    """
    return format_html(
        '<a href="{}" hx-get="{}" hx-target="#list" hx-swap="outerHTML" hx-push-url="true"{}>{} {}</a>',
        url,
        url,
        mark_safe(' aria-current="true"') if chosen == value else "",
        label,
        _element(name, subject, href=""),
    )


def _element(name: str, subject: Any, *, href: str | None = None, again: bool = False) -> SafeString:
    """`href` is where it leads instead of to its rows; if it is empty, it leads nowhere by itself."""
    shown = get_figure(name)
    full_name, value = shown.full_name(subject), shown.value(subject)
    key = subject.key if isinstance(subject, Module) else subject.pk
    url = href if href is not None else shown.url(subject) if shown.url else None
    everywhere = f"outerHTML:{'a' if url else 'span'}[data-figure='{full_name}'][data-object='{key}']"
    return format_html(
        '<{} class="figure num" data-figure="{}" data-object="{}" data-value="{}" title="{}"{}{}>{}</{}>',
        "a" if url else "span",
        full_name,
        key,
        value,
        shown.sentence,
        format_html(' href="{}"', url) if url else "",
        format_html(' hx-swap-oob="{}"', everywhere) if again else "",
        number_format(value, force_grouping=True),
        "a" if url else "span",
    )
