"""The endpoint on a socket: what is no HTTP, and how it begins and ends."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError
from ingestify.receiving.endpoint import Endpoint
from ingestify.receiving.server import PushServer
from tests.unit.receiving.test_app import EVENTS, TOKEN, Receiver


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that runs. What it has kept is the business of test_app."""
    receiver = Receiver(tmp_path_factory.mktemp("lake"))
    server = PushServer([Endpoint(receiver.source)], "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield int(server.url.rpartition(":")[2])
    server.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert [path for path in receiver.received if "/files/" in path] == []
    receiver.engine.close()


def talk(port: int, sent: bytes) -> bytes:
    """Send bytes, say that nothing more comes, and return what is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass  # it does not read what it has refused
        return answer


def status(answer: bytes) -> bytes:
    return answer.partition(b"\r\n")[0][9:12]


HEAD = (
    f"POST {EVENTS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n".encode()
)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=60).map(lambda one: HEAD + one),
        st.tuples(
            st.sampled_from(
                (
                    *(b"Content-Length: -1", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: x"),
                    *(b"Content-Length: 99", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
                    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nX: y\x00z",
                )
            ),
            st.binary(max_size=40),
        ).map(lambda one: HEAD + one[0] + b"\r\n\r\n" + one[1]),
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_no_request_or_only_a_part_of_one_keeps_nothing(port: int, sent: bytes) -> None:
    answer = talk(port, sent)
    assert answer == b"" or status(answer)[:1] == b"4", (sent, answer)


def test_it_still_answers_and_a_head_has_a_limit(port: int) -> None:
    assert status(talk(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")) == b"200"
    assert status(talk(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000)) in (b"", b"400", b"431")
    assert b"server:" not in talk(port, b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").lower()


def test_a_sender_that_leaves_is_no_error(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert talk(port, HEAD + b"Content-Length: 99\r\n\r\n[1") == b""
        assert status(talk(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")) == b"200"
    assert "left before the end of the body" in caplog.text
    assert [one for one in caplog.records if one.levelno >= logging.WARNING or one.exc_info] == []


@pytest.mark.parametrize("sent", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /heal"])
def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch, port: int, sent: bytes) -> None:
    monkeypatch.setattr("ingestify.receiving.server._HEAD_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        while connection.recv(65536):
            pass


def test_there_is_an_end_of_connections(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr("ingestify.receiving.server._CONNECTIONS", 0)
    assert talk(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") == b""


def test_an_address_that_is_taken_is_an_error(port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"Cannot listen on 127.0.0.1:{port}: another program"):
        PushServer([], "127.0.0.1", port)
