"""The TCP relay of the tests does what it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from tests.support.tcp_relay import TcpRelay


@pytest.fixture
def echo():
    """The port of a server that sends back what it gets, and the bytes that it got."""
    got = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection):
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                got.extend(data)
                connection.sendall(data)
        connection.close()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], got
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(relay):
    return socket.create_connection(("127.0.0.1", relay.port), timeout=10)


def read(connection):
    """Return what comes until the connection ends."""
    content = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            content += data
    return bytes(content)


def test_it_forwards_both_ways(echo):
    port, got = echo
    with TcpRelay(port) as relay, connect(relay) as one, connect(relay) as other:
        one.sendall(b"one")
        other.sendall(b"other")
        assert one.recv(3) == b"one"
        assert other.recv(5) == b"other"
        assert relay.accepted == 2
    assert sorted(got) == sorted(b"oneother")


def test_it_cuts_all_connections_after_so_many_bytes(echo):
    port, got = echo
    with TcpRelay(port) as relay, connect(relay) as one, connect(relay) as other:
        other.sendall(b"other")
        assert other.recv(5) == b"other"
        relay.cut_after(1000)
        one.sendall(b"a" * 5000)
        assert read(one) in (b"", b"a" * 1000)
        assert read(other) == b""
        assert relay.is_cut
        with connect(relay) as later:
            later.sendall(b"b" * 5000)
            assert later.recv(1) == b"b"
    end = time.monotonic() + 20  # the server reads in a thread of its own
    while got.count(b"a") < 1000 and time.monotonic() < end:
        time.sleep(0.01)
    assert got.count(b"a") == 1000


def test_it_cuts_after_so_many_bytes_of_the_answers(echo):
    with TcpRelay(echo[0]) as relay, connect(relay) as one:
        relay.cut_after(10, answers=True)
        one.sendall(b"a" * 100)
        assert read(one) == b"a" * 10


def test_it_refuses_and_accepts_at_the_same_port(echo):
    with TcpRelay(echo[0]) as relay:
        port = relay.port
        with connect(relay) as one:
            relay.refuse()
            assert read(one) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(relay)
        relay.accept()
        assert relay.port == port
        with connect(relay) as one:
            one.sendall(b"again")
            assert one.recv(5) == b"again"
    with pytest.raises(ConnectionRefusedError):
        connect(relay)


def test_it_stalls_and_goes_on(echo):
    with TcpRelay(echo[0]) as relay, connect(relay) as one:
        relay.stall()
        one.sendall(b"later")
        one.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one.recv(5)
        one.settimeout(10)
        relay.resume()
        assert one.recv(5) == b"later"


def test_a_server_that_is_down_ends_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with TcpRelay(port) as relay, connect(relay) as one:
        assert read(one) == b""
