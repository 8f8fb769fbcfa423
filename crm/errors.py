"""The error that services raise for a user, and what those of the database mean to one."""

import errno

import psycopg
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext_lazy

OTHERS_AT_WORK = gettext_lazy("Others are working on these records at this moment. Nothing was changed; try again.")

DISK_FULL = gettext_lazy(
    "The server’s disk is full, so it cannot take this in. Nothing was saved. Please tell whoever runs the server."
)

BUSY = {"40P01", "40001", "55P03"}
"""PostgreSQL's words for: deadlock, serialization failure, lock not available in time."""

LOST = ("08", "53", "57P")
"""How its words begin for: no connection; out of connections, memory or disk; it is being stopped or started."""


class Refused(Exception):
    """A service will not do what was asked, and nothing was changed. The message is for the user."""


def is_busy(error: BaseException | None) -> bool:
    """Others held the rows for too long; nothing was changed, and trying again helps."""
    return isinstance(error, OperationalError) and _sqlstate(error) in BUSY


def is_lost(error: BaseException | None) -> bool:
    """The database cannot be reached, or takes nothing in."""
    if not isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError):
        return False
    # Who never got through to PostgreSQL has no word of it.
    return _sqlstate(error).startswith(LOST) or not _sqlstate(error)


def is_disk_full(error: BaseException | None) -> bool:
    """Of this machine; that of the database is a lost one."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _sqlstate(error: BaseException) -> str:
    """Of the driver's error, which Django nearly always wraps in one of its own."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return getattr(cause, "sqlstate", "") or ""
