"""File locks (flock). The kernel gives one up when its last holder ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path) -> int:
    """A file descriptor to lock `path` with. It is closed on exec; forked children share it and its lock."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free; say whether it was."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_lock(fd: int, *, seconds: float, shared: bool = False) -> bool:
    """Take the lock as soon as it is free; False if it was not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not try_lock(fd, shared=shared):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on `path`, however long it takes to get it."""
    fd = open_lock(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def held(path: Path) -> bool:
    """Whether anybody holds the lock on `path`, shared or alone."""
    return not _could_lock(path, shared=False)


def held_alone(path: Path) -> bool:
    """Whether somebody holds the exclusive lock on `path`."""
    return not _could_lock(path, shared=True)


def _could_lock(path: Path, *, shared: bool) -> bool:
    if not path.exists():
        return True
    fd = open_lock(path)
    try:
        return try_lock(fd, shared=shared)
    finally:
        os.close(fd)
