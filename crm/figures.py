"""Every number that a person sees, declared once.

A figure says what it counts in one sentence, which rows these are, where they are listed, and, where a stored count
exists, which. Pages show it with `{% figure %}`; exports, mails and the tests use the same declaration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

from crm.registry import Module


@dataclass(frozen=True)
class Figure:
    """One number about an object.

    `name` is what it counts of which kind of object (`batch.current`). `rows` is the definition and `url` lists
    them. `stored` gives the count that is kept, so that showing it does not cost a scan; without it the rows are
    counted. A fact (what a file contained, say) has a stored number and neither rows nor a list.
    """

    name: str
    sentence: str | Promise
    rows: Callable[[Any], QuerySet] | None = None
    url: Callable[[Any], str] | None = None
    stored: Callable[[Any], int] | None = None

    def __post_init__(self) -> None:
        if not (self.stored or (self.rows and self.url)):
            raise ValueError(f"The figure {self.name!r} has neither rows with a list nor a stored number.")

    def rows_of(self, subject: Any) -> QuerySet:
        """The rows that it counts; LookupError for a fact, which has none."""
        if self.rows is None:
            raise LookupError(f"The figure {self.name!r} has no rows.")
        return self.rows(subject)

    def value(self, subject: Any) -> int:
        return self.stored(subject) if self.stored else self.rows_of(subject).count()

    def full_name(self, subject: Any) -> str:
        """With the module in front, where the object is of one: `memberwd.batch.current`."""
        module = subject if isinstance(subject, Module) else getattr(subject, "module", None)
        return f"{module.key}.{self.name}" if isinstance(module, Module) else self.name


_figures: dict[str, Figure] = {}


def declare(figure: Figure) -> Figure:
    """Adds a figure; a second definition of the same number is a programming error."""
    if figure.name in _figures:
        raise ValueError(f"The figure {figure.name!r} is declared already.")
    _figures[figure.name] = figure
    return figure


def get_figure(name: str) -> Figure:
    """The figure of that name; KeyError without one."""
    return _figures[name]


def figures() -> list[Figure]:
    return list(_figures.values())
