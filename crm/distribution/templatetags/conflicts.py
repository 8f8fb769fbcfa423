"""Showing conflicts."""

from django import template
from django.utils.functional import Promise

from crm.distribution.conflict_filter import how
from crm.distribution.conflict_log import Conflict
from crm.registry import get_module

register = template.Library()


@register.simple_tag
def how_resolved(conflict: Conflict) -> str:
    return how(conflict.resolution)


@register.simple_tag
def module_label(key: str) -> str | Promise:
    return get_module(key).label
