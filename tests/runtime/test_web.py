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

COOKIE = b"Cookie: sessionid=anything\r\n"
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


def sent(web: Run, path: str, size: int, more: bytes = b"") -> tuple[int, bytes]:
    """What is answered to a body of that many bytes: the status and all of the answer."""
    with connect(web) as connection:
        connection.sendall(post(path, more + b"Connection: close\r\nContent-Length: %d\r\n" % size))
        try:
            for _ in range(size // 100_000):
                connection.sendall(b"x" * 100_000)
        except OSError:
            pass  # they have said what they have to say
        return answer_on(connection)


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    """All that comes until the connection is closed."""
    answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split()[1]), answer


def post(path: str, more: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path.encode(), more)


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


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"], ids=["", "asking first"])
def test_what_is_too_large_is_refused_when_its_size_is_said(web: Run, more: bytes) -> None:
    with connect(web) as each:
        each.sendall(post("/sign-in", more + b"Content-Length: 1000000000000\r\n"))
        status, _answer = answer_on(each)
        assert status == 413
    assert answers_at_once(web)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: %s\r\n" % (b"9" * 5000), 400),
        (b"Content-Length: -1\r\n", 400),
    ],
    ids=["in pieces", "too many digits", "less than nothing"],
)
def test_what_does_not_say_its_size_is_refused(web: Run, more: bytes, status: int) -> None:
    with connect(web) as each:
        each.sendall(post("/sign-in", more))
        assert answer_on(each)[0] == status


def test_files_are_for_who_has_signed_in_and_for_the_pages_that_take_them(web: Run) -> None:
    status, answer = sent(web, "/files", 6_000_000, COOKIE)
    assert (status, answer[-7:]) == (200, b"6000000")
    assert sent(web, "/files", 6_000_000)[0] == 413
    assert sent(web, "/files", 6_000_000, b"Cookie: xsessionid=anything\r\n")[0] == 413
    assert sent(web, "/sign-in", 6_000_000, COOKIE)[0] == 413
    assert sent(web, "/files", 9_000_000, COOKIE)[0] == 413
    assert sent(web, "/nowhere", 6_000_000, COOKIE)[0] == 413
    assert sent(web, "/sign-in", 2_000_000)[0] == 200


def test_so_many_files_are_taken_in_at_once(web: Run) -> None:
    """By two processes, four each, of which one may have got all; then it is said."""
    slow = [connect(web) for _ in range(40)]
    for each in slow:
        each.sendall(post("/files", COOKIE + b"Content-Length: 6000000\r\n"))
        each.settimeout(0.2)
    refused = 0
    for each in slow:
        try:
            refused += each.recv(100).startswith(b"HTTP/1.1 503 ")
        except TimeoutError:
            continue
    assert 4 <= 40 - refused <= 8
    for each in slow:
        each.close()
    assert eventually(lambda: sent(web, "/files", 6_000_000, COOKIE)[0] == 200)


def test_a_request_is_not_taken_for_a_part_of_another(web: Run) -> None:
    with connect(web) as each:
        each.sendall(b"GET /echo?first HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nCookie: a=1\r\n\r\n")
        each.sendall(b"GET /echo?second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: b=2\r\n\r\n")
        _status, answer = answer_on(each)
    assert b"first a=1" in answer
    assert b"second b=2" in answer
    assert b"a=1, b=2" not in answer


def test_the_answer_to_head_has_no_body(web: Run) -> None:
    with connect(web) as each:
        each.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        _status, answer = answer_on(each)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"well") == 1


def test_who_does_not_read_stops_nobody(web: Run) -> None:
    deaf = [connect(web) for _ in range(12)]
    for each in deaf:
        each.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert eventually(lambda: answers_at_once(web))
    for _ in range(3):
        time.sleep(0.5)
        assert answers_at_once(web)
    for each in deaf:
        each.close()


def test_who_asks_for_too_much_at_once_is_cut_off(web: Run) -> None:
    with connect(web) as each:
        each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        try:
            while each.recv(65_536):
                pass
        except ConnectionError:
            pass
    assert answers_at_once(web)


@pytest.mark.proof
def test_who_takes_nothing_of_an_answer_is_cut_off(web: Run) -> None:
    with connect(web) as each:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(65)
        each.sendall(b"GET / HTTP/1.1\r\n")  # answered with a reset
        time.sleep(0.5)
        with pytest.raises(ConnectionError):
            each.sendall(b"\r\n")


def test_who_asked_before_the_end_is_answered(project: Path) -> None:
    with running(project) as web, ThreadPoolExecutor() as threads:
        waiting = [threads.submit(asked, web, "/slow") for _ in range(3)]
        time.sleep(0.5)
        web.process.terminate()
        assert [each.result() for each in waiting] == [b"done"] * 3
        assert web.process.wait(30) == 0


def test_what_the_full_disk_cannot_take_is_said(project: Path) -> None:
    with running(project, STUB_DISK_IS_FULL="1") as web:
        status, answer = sent(web, "/sign-in", 2_000_000)
        assert status == 507
        assert b"disk is full" in answer
        assert answers_at_once(web)
