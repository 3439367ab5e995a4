from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

from ingestify.testing.loopback import Asked, Given, LoopbackServer


def answer(asked: Asked) -> Given | None:
    if asked.target == "/reset":
        return None
    if asked.target == "/nothing":
        return Given(204)
    if asked.target == "/half":
        return Given(200, b"abc", announced_bytes=6)
    return Given(200, f"{asked.method} {asked.target} {asked.headers.get('x-one')} {asked.body.decode()}".encode())


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(answer) as made:
        yield made


@contextlib.contextmanager
def connected(server: LoopbackServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def test_one_connection_serves_requests_with_and_without_a_body_one_after_another(server: LoopbackServer):
    with connected(server) as connection:
        connection.request("POST", "/a?b=c", body="x=1", headers={"X-One": " first "})
        assert connection.getresponse().read() == b"POST /a?b=c first x=1"
        sock = connection.sock
        connection.request("HEAD", "/a")
        head = connection.getresponse()
        assert (head.read(), head.headers["Content-Length"]) == (b"", str(len("HEAD /a None ")))
        connection.request("GET", "/nothing")
        nothing = connection.getresponse()
        assert (nothing.status, nothing.read(), nothing.headers["Content-Length"]) == (204, b"", None)
        connection.request("GET", "/b")
        assert connection.getresponse().read() == b"GET /b None "
        assert connection.sock is sock


def test_a_connection_ends_where_the_body_is_short_where_it_is_reset_and_where_the_client_wants_it(
    server: LoopbackServer,
):
    with connected(server) as connection:
        connection.request("GET", "/half")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
    with connected(server) as connection:
        connection.request("GET", "/reset")
        with pytest.raises(ConnectionResetError):
            connection.getresponse()
    for request in (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"nonsense\r\n\r\n"):
        with socket.create_connection((urllib.parse.urlsplit(server.url).hostname, server_port(server))) as raw:
            raw.sendall(request)
            with raw.makefile("rb") as received:
                assert received.read().startswith(b"HTTP/1.1 ")  # and the end of the connection after it


def test_who_keeps_a_connection_sees_that_the_server_ends():
    with contextlib.ExitStack() as stack:
        with LoopbackServer(answer) as server:
            connection = stack.enter_context(connected(server))
            connection.request("GET", "/")
            connection.getresponse().read()
        assert connection.sock.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            stack.enter_context(connected(server)).connect()


def test_who_waits_before_an_answer_is_not_waited_for_at_the_end():
    waits = threading.Event()

    def late(_: Asked) -> Given:
        waits.set()
        server.closing.wait(60)
        return Given()

    with LoopbackServer(late) as server, connected(server) as connection:
        connection.request("GET", "/")
        assert waits.wait(10)


def server_port(server: LoopbackServer) -> int:
    port = urllib.parse.urlsplit(server.url).port
    assert port is not None
    return port
