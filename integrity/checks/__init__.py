"""All checks, and the looks that ask for them. A new check is an entry in one of these files, or a file of its own."""

from functools import cache

from integrity.check import Check, Look
from integrity.checks import (
    alerts,
    counts,
    covering,
    customers,
    guards,
    history,
    life,
    links,
    outcomes,
    requests,
    reservations,
    schedules,
    uploads,
)

FILES = (
    history,
    life,
    links,
    requests,
    customers,
    reservations,
    covering,
    outcomes,
    counts,
    alerts,
    uploads,
    schedules,
    guards,
)
"""Facts before flags before counts: what is wrong with a row explains what is wrong with the numbers below it."""


@cache
def checks() -> dict[str, Check]:
    """All checks by their code."""
    return {check.code: check for file in FILES for check in file.CHECKS}


def looks() -> tuple[Look, ...]:
    """Every query of a full health check."""
    return tuple(look for file in FILES for look in file.looks())
