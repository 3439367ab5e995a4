"""A server on loopback that hands requests on to another, and can be told to go wrong."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[["Exchange", int], bool]
"""Called with each request and its number from 0; True: it has answered, and nothing is handed on."""

_HOP = {"connection", "transfer-encoding", "keep-alive"}


class Exchange(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    relay: Relay

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
        pass

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        if self.relay.answer(self):
            return
        status, headers, body = self.relay.forward(self.command, self.path, dict(self.headers.items()), self.body)
        self.respond(status, headers, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the library's

    def respond(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        headers = dict(headers or {})
        self.send_response_only(status)
        if not any(name.lower() == "content-length" for name in headers) and status not in (204, 304):
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # ---- faults

    def cut(self) -> bool:
        """Reset the connection without an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        return True

    def fail(self, status: int, code: str) -> bool:
        """Answer with an error as S3 has them."""
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>it is said so</Message></Error>".encode()
        self.respond(status, {"Content-Type": "application/xml"}, b"" if self.command == "HEAD" else body)
        return True

    def cut_the_answer(self, after: int) -> bool:
        """Hand on, and send only the first `after` bytes of the answer's body."""
        status, headers, body = self.relay.forward(self.command, self.path, dict(self.headers.items()), self.body)
        headers.setdefault("Content-Length", str(len(body)))
        self.respond(status, headers, body[:after])
        self.wfile.flush()
        return self.cut()


class Relay:
    """In front of the server at `url`. Used in a `with` block.

    Attributes:
        fault: What goes wrong.
        log: The requests: method, and path with its query.
        keeps_host: Whether the server gets the client's Host header, which of S3 is signed.
    """

    keeps_host = True

    def __init__(self, url: str, port: int = 0) -> None:
        self._target = urlsplit(url)
        self.fault: Fault | None = None
        self.log: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        handler = type("Handler", (Exchange,), {"relay": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def going_wrong(self, fault: Fault) -> Iterator[None]:
        """Let `fault` have each request in the block, counted from 0."""
        with self._lock:
            self.fault, self.log = fault, []
        try:
            yield
        finally:
            self.fault = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Answer nothing in the block; what was asked meanwhile is cut at its end."""
        over = threading.Event()
        try:
            with self.going_wrong(lambda exchange, _: over.wait(60) and exchange.cut()):
                yield
        finally:
            over.set()

    def answer(self, exchange: Exchange) -> bool:
        with self._lock:
            number = len(self.log)
            self.log.append((exchange.command, exchange.path))
            fault = self.fault
        return fault is not None and fault(exchange, number)

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if not self.keeps_host:
            headers = {name: value for name, value in headers.items() if name.lower() != "host"}
            headers["Host"] = self._target.netloc
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            return answer.status, kept, content
        finally:
            connection.close()
