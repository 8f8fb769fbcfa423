"""A program of crm.runtime that runs in a small project of its own."""

import os
import socket
import subprocess
import sys
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from crm.runtime.postgres import Cluster
from tests.runtime.processes import eventually, is_down


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Run:
    """A supervisor, or another program, that was started in `project`, and what can be asked of it."""

    project: Path
    port: int = field(default_factory=free_port)
    mark: str = field(default_factory=lambda: f"RUN_MARK={uuid.uuid4()}")
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("crm.runtime.supervisor",)

    def __post_init__(self) -> None:
        self.cluster = Cluster(self.project / ".local/pg")
        name, value = self.mark.split("=")
        self.output = self.project / "output.txt"
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), "FIFTY_PG_DURABLE": "0", name: value}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.program],
                cwd=self.project,
                env=environment | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_running(self) -> None:
        assert eventually(lambda: "Ctrl-C stops it" in self.output.read_text(), 30), self.output.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as page:
                return page.read() == b"well"
        except OSError:
            return False

    def processes(self, words: str = "") -> list[int]:
        """The processes of this run, apart from those of the database, whose command holds `words`; oldest first."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                ours = self.mark.encode() in (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if ours and words in command:
                found.append(int(entry.name))
        return sorted(found)

    def nothing_is_left(self) -> bool:
        return not self.processes() and is_down(self.cluster)
