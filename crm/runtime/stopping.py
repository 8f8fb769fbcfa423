"""How the programs of this package are asked to stop: Ctrl-C, SIGTERM, or the end of the terminal."""

import signal
from types import FrameType


class Stop(BaseException):
    """Somebody asked us to stop."""


def stop_on_signals() -> None:
    """From now on the signals raise Stop."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _on_signal)


def _on_signal(_signum: int, _frame: FrameType | None) -> None:
    raise Stop
