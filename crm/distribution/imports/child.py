"""The parent's hold on one reading process: start it, hear it, and never leave it behind."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGXCPU, Signals
from types import TracebackType
from typing import IO, Any, cast

from crm.distribution.imports.contract import TOO_BIG, Limits, UnreadableFile

PROGRAM = "crm.distribution.imports.reader_process"
ROOT = Path(__file__).resolve().parents[3]

TOO_SLOW = "Reading the file takes too long. Split it into smaller files, or save it as CSV and upload that."
FAILED = "The file could not be read: it is damaged or unusual. Save it as XLSX or CSV again and upload that."

_CHUNK_BYTES = 1024**2
_MAX_LINE_BYTES = 64 * 1024**2
_DETAIL_BYTES = 4000
_EXIT_SECONDS = 5
# The child needs no secrets: it gets what Python needs to start, and nothing else.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR")


class ReaderChild:
    """A context manager around the process; leaving it kills and reaps the process, whatever happened.

    The process also dies with the thread that entered the context.
    """

    def __init__(self, mode: str, request: dict[str, Any], limits: Limits) -> None:
        self._mode = mode
        self._request = request
        self._limits = limits
        self._waited = 0.0

    def __enter__(self) -> "ReaderChild":
        # Opened here, and handed on: it may be a file that has no name.
        with open(self._request["path"], "rb") as file:
            self._start(file.fileno())
        return self

    def _start(self, file: int) -> None:
        request = json.dumps({**self._request, "path": f"/dev/fd/{file}", "parent": os.getpid()})
        # A pipe that nobody reads would block the child.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (close() does)
        self._process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, self._mode, request],
            cwd=ROOT,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            pass_fds=[file],
        )
        self._output = cast(IO[bytes], self._process.stdout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kills and reaps the process. May be called again."""
        self._process.kill()
        self._process.wait()
        self._output.close()
        self._stderr.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the child says, up to its `done`. Raises UnreadableFile when it refuses, fails or is too slow."""
        for line in self._lines():
            message = self._parsed(line)
            if "refused" in message:
                raise UnreadableFile(str(message["refused"]), f"{message.get('detail', '')}\n{self._stderr_end()}")
            if "done" in message:
                return
            yield message
        raise self._failure()

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except ValueError as error:
            raise UnreadableFile(FAILED, f"not JSON: {line[:200]!r}\n{self._stderr_end()}") from error
        if not isinstance(message, dict):
            raise UnreadableFile(FAILED, f"not a message: {line[:200]!r}")
        return message

    def _lines(self) -> Iterator[bytes]:
        pending: list[bytes] = []
        size = 0
        while chunk := self._read():
            *ended, rest = chunk.split(b"\n")
            for line in ended:
                yield b"".join([*pending, line])
                pending, size = [], 0
            pending.append(rest)
            size += len(rest)
            if size > _MAX_LINE_BYTES:
                raise UnreadableFile(FAILED, "a line without an end")

    def _read(self) -> bytes:
        """The next bytes, b"" at the end. Only the time spent waiting here counts towards the wall clock."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        started = time.monotonic()
        ready = poll.poll(max(self._limits.wall_seconds - self._waited, 0) * 1000)
        self._waited += time.monotonic() - started
        if not ready:
            raise UnreadableFile(TOO_SLOW, f"no answer within {self._limits.wall_seconds} s\n{self._stderr_end()}")
        return os.read(self._output.fileno(), _CHUNK_BYTES)

    def _failure(self) -> UnreadableFile:
        """Why the child ended without a last word."""
        try:
            code = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return UnreadableFile(FAILED, "closed its output and went on")
        errors = self._stderr_end()
        name = Signals(-code).name if code < 0 else f"exit code {code}"
        if code == -SIGXCPU:
            return UnreadableFile(TOO_SLOW, f"{name}\n{errors}")
        if code in (-SIGABRT, -SIGKILL) or "MemoryError" in errors:
            return UnreadableFile(TOO_BIG, f"{name}\n{errors}")
        return UnreadableFile(FAILED, f"{name}\n{errors}")

    def _stderr_end(self) -> str:
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(size - _DETAIL_BYTES, 0))
        return self._stderr.read().decode(errors="replace")
