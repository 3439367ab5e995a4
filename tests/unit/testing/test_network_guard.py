from __future__ import annotations

import contextlib
import socket
import threading
import urllib.request

import pytest

from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.network_guard import NetworkGuard, UndeclaredHost


def test_a_declared_host_is_reached():
    with DocumentProvider({"a": [1]}) as provider, NetworkGuard(["127.0.0.1"]) as guard:
        with urllib.request.urlopen(f"{provider.base_url}/a") as answer:
            assert answer.read() == b"[1]"
        assert guard.attempts == []


@pytest.mark.parametrize(
    ("connect", "host"),
    [
        (lambda: socket.create_connection(("api.example.com", 443)), "api.example.com"),
        (lambda: socket.create_connection(("192.0.2.7", 443)), "192.0.2.7"),
        (lambda: socket.gethostbyname("api.example.com"), "api.example.com"),
        (lambda: urllib.request.urlopen("http://api.example.com/x"), "api.example.com"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.7", 53)), "192.0.2.7"),
        (lambda: socket.socket(socket.AF_INET6).connect_ex(("2001:db8::1", 80)), "2001:db8::1"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_another_host_is_refused_by_its_name_before_anything_is_sent(connect, host):
    with NetworkGuard(["127.0.0.1"]) as guard:
        with pytest.raises(UndeclaredHost, match=host):
            connect()
        assert guard.attempts == [host]


def test_an_attempt_that_somebody_catches_in_another_thread_is_known():
    def call_home():
        with contextlib.suppress(Exception):
            socket.create_connection(("telemetry.example.com", 443))

    with NetworkGuard(["127.0.0.1"]) as guard:
        thread = threading.Thread(target=call_home)
        thread.start()
        thread.join()
    assert guard.attempts == ["telemetry.example.com"]


def test_an_address_of_a_declared_name_is_declared():
    with DocumentProvider({"a": [1]}) as provider, NetworkGuard(["localhost", "*.example.com"]) as guard:
        guard.check("api.EXAMPLE.com.")
        with urllib.request.urlopen(f"{provider.base_url}/a".replace("127.0.0.1", "localhost")) as answer:
            assert answer.status == 200
        assert guard.attempts == []
        with pytest.raises(UndeclaredHost):
            guard.check("example.com")


def test_local_sockets_and_later_connections_are_not_guarded(tmp_path):
    with NetworkGuard([]):
        left, right = socket.socketpair()
        left.send(b"x")
        assert right.recv(1) == b"x"
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock, pytest.raises(FileNotFoundError):
            sock.connect(str(tmp_path / "nowhere"))
        left.close()
        right.close()
    with DocumentProvider({"a": [1]}) as provider, urllib.request.urlopen(f"{provider.base_url}/a") as answer:
        assert answer.status == 200
