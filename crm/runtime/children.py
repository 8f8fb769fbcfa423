"""A child of the supervisor: a command under a guard, so that all of it ends with the child or the supervisor."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
FIRST_DELAY = 0.5
LONGEST_DELAY = 12.0
# After this long a child counts as healthy, and its next death as its first.
HEALTHY_SECONDS = 60.0


def say(text: str) -> None:
    print(f"fifty: {text}", flush=True)


@dataclass
class Child:
    """A command to keep running. `seconds_to_end` is what it gets between SIGTERM and SIGKILL."""

    name: str
    command: list[str]
    seconds_to_end: float
    directory: Path
    started: float = 0.0
    _process: subprocess.Popen[str] | None = None
    _delay: float = FIRST_DELAY
    _restart_at: float | None = field(default=None)

    def start(self, *, capture: bool = False) -> None:
        """Start the command; with `capture` its output is kept for finish()."""
        guard = [sys.executable, "-I", "-S", str(GUARD), str(self.seconds_to_end), str(os.getpid())]
        self._process = subprocess.Popen(
            [*guard, *self.command],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            start_new_session=True,
        )
        self.started = time.monotonic()
        self._restart_at = None

    def finish(self) -> tuple[int, str]:
        """Wait for a command that was started with `capture`; its status and what it printed."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        output, _ = self._process.communicate()
        self._kill_rest()
        return self._process.returncode, output

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart_if_ended(self) -> None:
        """Start the command again if it ended: after half a second, and after twice as long each time it fails."""
        if self._process is None or self.running():
            return
        now = time.monotonic()
        if self._restart_at is None:
            self._kill_rest()
            self._delay = FIRST_DELAY if now - self.started > HEALTHY_SECONDS else min(self._delay * 2, LONGEST_DELAY)
            self._restart_at = now + self._delay
            say(f"{self.name} ended with status {self._process.returncode}")
        elif now >= self._restart_at:
            say(f"{self.name} is started again")
            self.start()

    def ask_to_end(self) -> None:
        if self._process is not None and self.running():
            self._process.terminate()

    def wait_or_kill(self) -> None:
        """Wait for a command that was asked to end, then make sure that nothing of it is left."""
        if self._process is None:
            return
        try:
            self._process.wait(self.seconds_to_end + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._kill_rest()

    def kill(self) -> None:
        """End the command at once."""
        if self._process is not None:
            self._kill_rest()
            self._process.wait()

    def _kill_rest(self) -> None:
        """Kill the process group, whose leader is the guard."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nothing is left
