"""The web server, of `make run` and on web machines: `gunicorn --config python:crm.web crm.wsgi:application`.

gunicorn keeps the processes. In each of them waitress takes in whole requests, of all connections at once, and only
then one of the threads has them: who sends slowly has a connection, and no thread. What no page takes is refused when
its size is said.
"""

import os
import re
import resource
import socket
import time
import weakref
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import structlog
from django.conf import settings
from django.urls import Resolver404, resolve
from gunicorn.workers.base import Worker as BaseWorker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import Error

from crm.errors import DISK_FULL, is_disk_full
from crm.pages import file_bytes_of

# gunicorn's settings; a command line can say otherwise.
worker_class = "crm.web.Worker"
workers = 2
threads = 4
graceful_timeout = 8
loglevel = "warning"
control_socket_disable = True

BODY_BYTES = 3_000_000
"""Of a request to a page that takes no file: more than Django reads of it (DATA_UPLOAD_MAX_MEMORY_SIZE)."""

MOST_FILES = 4
"""So many requests with files are taken in at once, by each process."""

SECONDS, BYTES_PER_SECOND, MOST_SECONDS = 20, 1000, 3600
"""A request must have come within so many seconds, and one more for every thousand bytes of it; an hour at most."""

STALLED_SECONDS = 60
"""Who takes nothing of an answer for so long does not want it."""

LINGER_SECONDS = 5
"""So long what still comes of a request that was refused is thrown away: closed at once, the connection would be reset,
and the answer with it."""

MOST_WAITING = 10
"""Requests of one connection that wait for their turn. Browsers send one at a time."""

LOOK_SECONDS = 0.5

ADJUSTMENTS = {
    "max_request_header_size": 64_000,
    "max_request_body_size": BODY_BYTES,
    "inbuf_overflow": 64_000,  # what is larger waits in a file without a name, which ends with the process
    "outbuf_high_watermark": 200_000_000,  # a thread does not wait for who reads slowly
    "connection_limit": 1000,
    "channel_timeout": 75,
    "cleanup_interval": 10,
    "asyncore_use_poll": True,
    "ident": None,
    "clear_untrusted_proxy_headers": False,  # who is believed, PROXY_COUNT says
}

log = structlog.get_logger(__name__)


class DiskFull(Error):
    code = 507
    reason = "Insufficient Storage"


class LengthRequired(Error):
    code = 411
    reason = "Length Required"


class TooBusy(Error):
    code = 503
    reason = "Service Unavailable"


def most_bytes(path: str, cookies: str) -> int:
    """How large a request to that page may be. Files are for who seems to have signed in: whether they have, the page
    asks.
    """
    if not re.search(rf"(?:^|;)\s*{re.escape(settings.SESSION_COOKIE_NAME)}=\w", cookies):
        return BODY_BYTES
    try:
        return BODY_BYTES + file_bytes_of(resolve(path).func)
    except Resolver404:
        return BODY_BYTES


class Refusal(ErrorTask):
    """The answer to a request that is refused before anybody else sees it."""

    def service(self) -> None:
        self.channel.was_refused = True
        log.warning("web.refused", ip=self.channel.addr[0], code=self.request.error.code)
        super().service()


class Parser(HTTPRequestParser):
    adj: Any
    with_files: "weakref.WeakSet[Parser]" = weakref.WeakSet()
    """Those that are being taken in, or worked on, by this process."""

    def received(self, data: bytes) -> int:
        taken = super().received(data)
        if self.chunked and not self.completed:
            self._refuse(LengthRequired("A request says its length. This one came in pieces."))
        if self.completed:
            self.expect_continue = False  # the answer is known: nothing more is to come
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError("Content-Length is invalid") from error
        if self.content_length <= BODY_BYTES:
            return
        self.adj = copy(self.adj)
        self.adj.max_request_body_size = most_bytes(self.path, self.headers.get("COOKIE", ""))
        if self.content_length >= self.adj.max_request_body_size:
            return
        if len(self.with_files) >= MOST_FILES:
            self._refuse(TooBusy("Other files are being taken in at this moment. Try again in a minute."))
        else:
            self.with_files.add(self)

    def _refuse(self, error: Error) -> None:
        self.error, self.completed = error, True


class Channel(HTTPChannel):
    """A connection. It is closed when a request does not come in time, or nobody takes its answer."""

    parser_class = Parser
    error_task_class = Refusal
    request: Any = None
    began = 0.0
    lingers_until = 0.0
    was_refused = False

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
        if len(self.requests) > MOST_WAITING:
            self._cut_off("too many at once")
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
        now = time.monotonic()
        if self.lingers_until:
            if now > self.lingers_until:
                self.handle_close()
                return False
            return True
        if self.requests:
            self.began = now  # what came behind it has its time from then on
        elif self.request is not None:
            came = self.request.header_bytes_received + self.request.body_bytes_received
            if now > self.began + min(SECONDS + came / BYTES_PER_SECOND, MOST_SECONDS):
                self._cut_off("too slow")
                return False
        if self.total_outbufs_len and time.time() > self.last_activity + STALLED_SECONDS:
            self._cut_off("takes no answer")
            return False
        return super().readable()

    def writable(self) -> bool:
        return not self.lingers_until and bool(super().writable())

    def handle_read(self) -> None:
        if self.lingers_until:
            self.recv(self.adj.recv_bytes)  # and closes at its end
        else:
            super().handle_read()

    def handle_close(self) -> None:
        if self.was_refused and self.connected and not self.lingers_until and not self.total_outbufs_len:
            self.lingers_until = time.monotonic() + LINGER_SECONDS
            self.will_close = self.close_when_flushed = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass  # they have gone
        super().handle_close()

    def _cut_off(self, why: str) -> None:
        log.warning("web.cut_off", ip=self.addr[0], why=why)
        super().handle_close()


class Worker(BaseWorker):
    """A process of gunicorn in which waitress answers."""

    def run(self) -> None:
        _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is one, and so is a large request
        connections: dict[int, Any] = {}
        create_server(
            without_body_of_head(self.wsgi),
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


def without_body_of_head(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Django leaves it to the server that what was asked for with HEAD has none."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        close = getattr(body, "close", None)
        if close:
            close()
        return []

    return answer


def _is_busy(connection: Any) -> bool:
    return isinstance(connection, HTTPChannel) and bool(connection.requests or connection.total_outbufs_len)
