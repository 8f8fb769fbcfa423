"""What waits for somebody: lines with a number that leads there. What has nothing waiting is left out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from crm.figures import get_figure

Part = tuple[str | Promise, str, Any]
"""A word for it (empty where the line has one number only), the figure, and what that is about."""


@dataclass(frozen=True)
class Line:
    icon: str
    title: str | Promise
    text: str | Promise
    parts: list[Part]
    pressing: bool = False

    @property
    def url(self) -> str:
        """Where the first of its numbers leads."""
        _word, name, subject = self.parts[0]
        figure = get_figure(name)
        return figure.url(subject) if figure.url else ""


def waiting(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with those of their parts that are not zero."""
    for line in lines:
        parts = [part for part in line.parts if get_figure(part[1]).value(part[2])]
        if parts:
            yield Line(line.icon, line.title, line.text, parts, line.pressing)
