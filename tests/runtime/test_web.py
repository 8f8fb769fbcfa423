"""The web server answers while others send slowly, or more than it takes."""

import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.conftest import stub_project
from tests.runtime.processes import eventually
from tests.runtime.run import Run

CONNECTIONS = 40
"""Of those who are slow: five times as many as there are threads."""

COOKIE = {"Cookie": "sessionid=anything"}
SIGN_IN = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with running(stub_project(tmp_path_factory.mktemp("web"))) as run:
        yield run


@contextmanager
def running(project: Path, **settings: str) -> Iterator[Run]:
    run = Run(project, settings=settings)
    try:
        run.wait_until_running()
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        assert eventually(run.nothing_is_left, 30)


def asked(web: Run, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()


def connect(web: Run) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=60)


def answers_at_once(web: Run) -> bool:
    began = time.monotonic()
    return web.answers() and time.monotonic() - began < 1


def sent(web: Run, path: str, size: int, headers: dict[str, str], *, chunked: bool = False) -> tuple[int, bytes]:
    """What is answered to a body of that many bytes, and how it is said."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    body = (b"x" * 100_000 for _ in range(size // 100_000))
    said = {} if chunked else {"Content-Length": str(size)}
    try:
        connection.request("POST", path, body, {**said, **headers}, encode_chunked=chunked)
    except (BrokenPipeError, ConnectionResetError):
        return 413, b"cut off while it was sent"
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_who_sends_slowly_stops_nobody(web: Run) -> None:
    headers = [connect(web) for _ in range(CONNECTIONS)]
    bodies = [connect(web) for _ in range(CONNECTIONS)]
    for each in headers:
        each.sendall(SIGN_IN)
    for each in bodies:
        each.sendall(SIGN_IN + b"Content-Length: 1000\r\n\r\n")
    for _byte in range(3):
        for each in headers + bodies:
            each.sendall(b"x")
        assert answers_at_once(web)
    for each in headers + bodies:
        each.close()


def seconds_until_cut_off(connection: socket.socket) -> float:
    began = time.monotonic()
    while time.monotonic() - began < 60:
        try:
            connection.sendall(b"x")
        except OSError:
            break
        time.sleep(0.5)
    return time.monotonic() - began


@pytest.mark.proof
def test_who_does_not_come_to_an_end_is_cut_off(web: Run) -> None:
    slow = connect(web)
    slow.sendall(SIGN_IN + b"Content-Length: 1000\r\n\r\n")
    assert 20 <= seconds_until_cut_off(slow) < 40


def test_what_is_too_large_is_refused_when_its_size_is_said(web: Run) -> None:
    with connect(web) as each:
        each.sendall(SIGN_IN + b"Content-Length: 1000000000000\r\n\r\n")
        assert each.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert answers_at_once(web)


def test_what_is_too_large_is_refused_while_it_comes(web: Run) -> None:
    status, _answer = sent(web, "/sign-in", 50_000_000, {}, chunked=True)
    assert status == 413
    assert answers_at_once(web)


@pytest.mark.parametrize("chunked", [False, True])
def test_files_are_for_who_has_signed_in_and_for_the_pages_that_take_them(web: Run, chunked: bool) -> None:
    assert sent(web, "/files", 6_000_000, COOKIE, chunked=chunked) == (200, b"6000000")
    assert sent(web, "/files", 6_000_000, {}, chunked=chunked)[0] == 413
    assert sent(web, "/sign-in", 6_000_000, COOKIE, chunked=chunked)[0] == 413
    assert sent(web, "/files", 9_000_000, COOKIE, chunked=chunked)[0] == 413
    assert sent(web, "/sign-in", 2_000_000, {}, chunked=chunked) == (200, b"2000000")
    assert sent(web, "/nowhere", 6_000_000, COOKIE, chunked=chunked)[0] == 413


def test_who_asked_before_the_end_is_answered(project: Path) -> None:
    with running(project) as web, ThreadPoolExecutor() as threads:
        waiting = [threads.submit(asked, web, "/slow") for _ in range(3)]
        time.sleep(0.5)
        web.process.terminate()
        assert [each.result() for each in waiting] == [b"done"] * 3
        assert web.process.wait(30) == 0


def test_what_the_full_disk_cannot_take_is_said(project: Path) -> None:
    with running(project, STUB_DISK_IS_FULL="1") as web:
        status, answer = sent(web, "/sign-in", 2_000_000, {})
        assert status == 507
        assert b"disk is full" in answer
        assert answers_at_once(web)
