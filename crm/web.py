"""The web server, of `make run` and on web machines: `gunicorn --config python:crm.web crm.wsgi:application`.

gunicorn keeps the processes. In each of them waitress takes in whole requests, of all connections at once, and only
then one of the threads has them: who sends slowly has a connection, and no thread. What no page takes is refused when
its size is said, or as soon as it is too much.
"""

import os
import time
from typing import Any

from django.conf import settings
from django.urls import Resolver404, resolve
from gunicorn.workers.base import Worker as BaseWorker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.utilities import Error

from crm.errors import DISK_FULL, is_disk_full

# gunicorn's settings; a command line can say otherwise.
worker_class = "crm.web.Worker"
workers = 2
threads = 4
graceful_timeout = 8
loglevel = "warning"
control_socket_disable = True

BODY_BYTES = 3_000_000
"""Of a request to a page that takes no file: more than Django reads of it (DATA_UPLOAD_MAX_MEMORY_SIZE)."""

SECONDS = 20
BYTES_PER_SECOND = 1000
"""A request must have come within so many seconds, and one more for every thousand bytes of it."""

LOOK_SECONDS = 0.5

ADJUSTMENTS = {
    "max_request_header_size": 64_000,
    "inbuf_overflow": 64_000,  # what is larger waits in a file without a name, which ends with the process
    "connection_limit": 1000,
    "channel_timeout": 75,
    "cleanup_interval": 10,
    "asyncore_use_poll": True,
    "ident": None,
    "clear_untrusted_proxy_headers": False,  # who is believed, PROXY_COUNT says
}


def most_bytes(path: str, cookies: str) -> int:
    """How large a request to that page may be. Files are for who has signed in."""
    if f"{settings.SESSION_COOKIE_NAME}=" not in cookies:
        return BODY_BYTES
    try:
        return BODY_BYTES + getattr(resolve(path).func, "file_bytes", 0)
    except Resolver404:
        return BODY_BYTES


class Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked or self.content_length:
            most = most_bytes(self.path, self.headers.get("COOKIE", ""))
            self.adj = Adjustments(**ADJUSTMENTS, max_request_body_size=most)


class DiskFull(Error):
    code = 507
    reason = "Insufficient Storage"


class Channel(HTTPChannel):
    """A connection, which is closed when a request does not come in time."""

    parser_class = Parser
    request: Any = None
    began = 0.0

    def received(self, data: bytes) -> bool:
        before = self.request
        try:
            answer = super().received(data)
        except OSError as error:
            if not is_disk_full(error):
                raise
            answer = self._refuse(DiskFull(str(DISK_FULL)))
        if self.request is not before:
            self.began = time.monotonic()
        return answer

    def _refuse(self, error: Error) -> bool:
        with self.requests_lock:
            self.request.error, self.request.completed = error, True
            self.requests.append(self.request)
            self.request = None
            if len(self.requests) == 1:
                self.server.add_task(self)
        return True

    def readable(self) -> bool:
        if self.request is not None:
            came = self.request.header_bytes_received + self.request.body_bytes_received
            if time.monotonic() > self.began + SECONDS + came / BYTES_PER_SECOND:
                self.will_close = True
        return super().readable()


class Worker(BaseWorker):
    """A process of gunicorn in which waitress answers."""

    def run(self) -> None:
        connections: dict[int, Any] = {}
        create_server(
            self.wsgi,
            map=connections,
            sockets=[each.sock for each in self.sockets],
            threads=self.cfg.threads,
            **ADJUSTMENTS,
        )
        servers = [each for each in connections.values() if isinstance(each, BaseWSGIServer)]
        for server in servers:
            server.channel_class = Channel
        while self.alive and self.ppid == os.getppid():
            self._work(connections)
        for server in servers:
            server.accepting = False
        until = time.monotonic() + self.cfg.graceful_timeout
        while any(_is_busy(each) for each in connections.values()) and time.monotonic() < until:
            self._work(connections)

    def _work(self, connections: dict[int, Any]) -> None:
        self.notify()
        wasyncore.loop(timeout=LOOK_SECONDS, use_poll=True, map=connections, count=1)


def _is_busy(connection: Any) -> bool:
    return isinstance(connection, HTTPChannel) and bool(connection.requests or connection.total_outbufs_len)
