"""A small HTTP server on loopback: what `document_provider` and `relay` stand on."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

__all__ = ["SERVING", "Asked", "Given", "LoopbackServer"]

SERVING = "loopback connection"
"""The name of the threads that answer, each for one connection."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived.

    Attributes:
        target: Path and query.
        headers: Names in lower case.
        body: What a POST sent.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What is answered.

    Attributes:
        announced_bytes: The Content-Length where it is to be another one than the body's; then the connection ends
            with the body.
        pause_seconds: How long the second half of the body is waited for.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    announced_bytes: int | None = None
    pause_seconds: float = 0.0


class LoopbackServer:
    """Answers on 127.0.0.1 while it is open; use it in a `with` block.

    Args:
        answer: Called by the thread of each connection.
        port: 0: a free one.
    """

    def __init__(self, answer: Callable[[Asked], Given], port: int = 0) -> None:
        self.closing = threading.Event()
        self._handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "closing": self.closing})
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, name="loopback", daemon=True)

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        # One more, as closing a socket does not wake who waits for connections everywhere.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
        self._acceptor.join()
        self._listener.close()

    def _accept(self) -> None:
        # By hand: socketserver looks for the end of its loop every so often, and a suite ends hundreds of servers.
        while True:
            connection, client = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection, client), name=SERVING, daemon=True).start()

    def _serve(self, connection: socket.socket, client: object) -> None:
        with connection, contextlib.suppress(OSError):  # a client that leaves in the middle is nothing to tell of
            self._handler(connection, client, self)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    answer: Callable[[Asked], Given]
    closing: threading.Event

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = self.answer(Asked(self.command, self.path, headers, self.rfile.read(length) if length else b""))
        with contextlib.suppress(ConnectionError):
            self._send(given)

    do_POST = do_GET  # noqa: N815 - the names of http.server
    do_HEAD = do_GET  # noqa: N815

    def _send(self, given: Given) -> None:
        self.send_response(given.status)
        for name, value in given.headers.items():
            self.send_header(name, value)
        if given.status != 304:
            size = len(given.body) if given.announced_bytes is None else given.announced_bytes
            self.send_header("Content-Length", str(size))
        if given.announced_bytes is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and given.status != 304:
            half = len(given.body) // 2 if given.pause_seconds else 0
            if half:
                self.wfile.write(given.body[:half])
                self.wfile.flush()
                self.closing.wait(given.pause_seconds)
            self.wfile.write(given.body[half:])
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature
        """Nothing: a test says itself what it wants to see."""
