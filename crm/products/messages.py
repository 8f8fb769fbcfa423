"""The message with which a WhatsApp chat opens: the product's template, filled in for a customer."""

import re

PLACEHOLDERS = ("name", "id", "product", "staff")
"""What a template can name, in braces."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def unknown_placeholders(template: str) -> list[str]:
    """What stands in braces and would not be filled in."""
    return [found for found in _PLACEHOLDER.findall(template) if found not in PLACEHOLDERS]


def fill(template: str, **values: str) -> str:
    """The template with each placeholder replaced; a value that has braces of its own is left as it is."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
