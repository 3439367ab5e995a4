"""A small HTTP server on loopback, which all simulated providers use."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import functools
import http
import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, Self

__all__ = ["SERVING", "Asked", "Given", "LoopbackServer", "read_head"]

SERVING = "loopback connection"
"""The name of the threads that serve one connection each."""

_LONGEST_LINE = 65536
_REASONS = {int(status): status.phrase for status in http.HTTPStatus}
_WITHOUT_BODY = (204, 304)


@dataclasses.dataclass(slots=True)
class Asked:
    """A request.

    Attributes:
        method: The method, such as `GET`.
        target: Path and query.
        headers: The headers, names in lower case.
        body: The body of a POST.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclasses.dataclass(slots=True)
class Given:
    """A response.

    Attributes:
        status: The status code.
        body: The body.
        headers: The headers besides Date and Content-Length.
        announced_bytes: A wrong Content-Length, after which the connection ends; None: the right one.
        pause_seconds: The pause before the second half of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    announced_bytes: int | None = None
    pause_seconds: float = 0.0


class LoopbackServer:
    """Serves on 127.0.0.1 while it is open; use it in a `with` block.

    The server parses requests itself, because http.server's parser takes most of the time of a small response.

    Args:
        answer: Returns the response to a request; None: the connection is reset. The thread of each connection calls
            it.
        port: The port; 0: a free one.

    Attributes:
        closing: Set when the server is about to close. A delayed response waits for this event.
    """

    def __init__(self, answer: Callable[[Asked], Given | None], port: int = 0) -> None:
        self.closing = threading.Event()
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._port = int(self._listener.getsockname()[1])
        self._connections: set[socket.socket] = set()
        self._acceptor = threading.Thread(target=self._accept, name="loopback", daemon=True)

    @property
    def url(self) -> str:
        """The URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        # A last connection: on some systems closing a socket does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
        self._acceptor.join()
        self._listener.close()
        for connection in list(self._connections):  # so that a client with an open connection notices it
            with contextlib.suppress(OSError):  # the client has closed it already
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        # Without socketserver, whose loop ends with a delay: a test suite ends hundreds of servers.
        while True:
            connection, _ = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name=SERVING, daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            # A client may leave at any time.
            with connection, connection.makefile("rb") as received, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self._serve_one(connection, received):
                    pass
        finally:
            self._connections.discard(connection)

    def _serve_one(self, connection: socket.socket, received: io.BufferedReader) -> bool:
        """Read a request and respond to it. Returns whether the connection is kept."""
        parts, headers = read_head(received)
        if not parts:
            return False
        if len(parts) != 3:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        body = received.read(int(headers["content-length"])) if "content-length" in headers else b""
        given = self._answer(Asked(parts[0], parts[1], headers, body))
        if given is None:
            _reset(connection)
            return False
        self._send(connection, given, is_head=parts[0] == "HEAD")
        is_kept = parts[2] != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
        return is_kept and given.announced_bytes is None

    def _send(self, connection: socket.socket, given: Given, *, is_head: bool) -> None:
        head = _head(given)
        if is_head or given.status in _WITHOUT_BODY:
            connection.sendall(head)
        elif given.pause_seconds:
            half = len(given.body) // 2
            connection.sendall(head + given.body[:half])
            self.closing.wait(given.pause_seconds)
            connection.sendall(given.body[half:])
        else:
            connection.sendall(head + given.body)


def read_head(received: BinaryIO) -> tuple[list[str], dict[str, str]]:
    """Read a request up to its body.

    Args:
        received: The stream of a connection.

    Returns:
        The parts of the request line, which are three if it is right, and none at the end of the stream; and the
        headers, names in lower case.
    """
    line = received.readline(_LONGEST_LINE)
    headers: dict[str, str] = {}
    while (header := received.readline(_LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return line.decode("latin-1").split(), headers


def _head(given: Given) -> bytes:
    lines = [f"HTTP/1.1 {given.status} {_REASONS.get(given.status, 'Status')}", f"Date: {_http_date(int(time.time()))}"]
    lines += [f"{name}: {value}" for name, value in given.headers.items()]
    if given.status not in _WITHOUT_BODY:
        size = len(given.body) if given.announced_bytes is None else given.announced_bytes
        lines.append(f"Content-Length: {size}")
    if given.announced_bytes is not None:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


@functools.lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)


def _reset(connection: socket.socket) -> None:
    """Reset the connection (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
