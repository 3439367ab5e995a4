"""A small HTTP server beside a service: a few texts that are read, and nothing else."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from ingestify.clock import monotonic
from ingestify.listening import address_text, cannot_listen
from ingestify.progress.printable import PrintableLogger

__all__ = ["PLAIN_TEXT", "Answer", "Listener"]

logger = PrintableLogger(__name__)

PLAIN_TEXT = "text/plain; charset=utf-8"

_MOST_CONNECTIONS = 8
"""Each has a thread."""

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.5


class Answer(NamedTuple):
    """What a request gets.

    Attributes:
        status: The status of HTTP.
        text: The body.
        content_type: The type of the body.
    """

    status: int
    text: str
    content_type: str = PLAIN_TEXT


class Listener:
    """Answers GET and HEAD of a few paths, while a `with` block runs.

    It is `http.server.ThreadingHTTPServer` of the standard library: it has a few answers that only read, for a monitor
    and an orchestrator beside it, and needs no framework. Web pages of a lake are the work of another program.

    It has at most 8 connections at once. A client has 10 seconds to send its request, and 10 to take the answer. No
    body of a request is read.

    Args:
        host: The address to listen on.
        port: The port; 0: any that is free.
        answers: A path to who makes its answer, in a thread of the connection.
        patience: How many seconds a client has.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answers: Mapping[str, Callable[[], Answer]],
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        try:
            self._server = _Server(host, port, answers, patience)
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        self.url = f"http://{address_text(host, int(self._server.server_address[1]))}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="ingestify-listen", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket. Answers that are being made are still sent."""
        with contextlib.suppress(OSError):  # where a system does not wake who waits for a connection, the poll ends it
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join()
        self._server.end_requests()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for them
    allow_reuse_address = os.name == "posix"  # on Windows, two programs would have the same port
    allow_reuse_port = False

    def __init__(self, host: str, port: int, answers: Mapping[str, Callable[[], Answer]], patience: float) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answers = answers
        self.patience = patience
        self._free = threading.Semaphore(_MOST_CONNECTIONS)
        self._guard = threading.Lock()
        self._asking: dict[socket.socket, float] = {}
        """The connections whose request is not complete, and since when."""
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind. The server of the standard library would also ask the DNS for a name that nobody needs."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; at once that it is busy if there are too many."""
        if not self._free.acquire(blocking=False):
            request.setblocking(False)
            with contextlib.suppress(OSError):
                request.send(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        with self._guard:
            self._asking[request] = monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._end(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, in the thread of the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._end(request)

    def _end(self, request: socket.socket) -> None:
        self.note_asked(request)
        self._free.release()

    def note_asked(self, request: socket.socket) -> None:
        """Note that the request of a connection is complete, or that the connection has ended."""
        with self._guard:
            self._asking.pop(request, None)

    def service_actions(self) -> None:
        """End the requests that are sent byte by byte, for which no timeout of a socket comes."""
        self.end_requests(older_than=self.patience)

    def end_requests(self, older_than: float = 0.0) -> None:
        """Read nothing more of requests that are not complete, and as old as that."""
        now = monotonic()
        with self._guard:
            late = [request for request, since in self._asking.items() if now - since >= older_than]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the server's signature
        """A client that goes away is no error of the service."""
        logger.debug("A request was not answered: %s", sys.exception())


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    default_request_version = "HTTP/1.0"  # a request that is none gets a status, too

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.patience)

    def do_GET(self) -> None:
        self.server.note_asked(self.connection)
        make = self.server.answers.get(self.path.partition("?")[0])
        if make is None:
            self._send(Answer(HTTPStatus.NOT_FOUND, f"There are {', '.join(self.server.answers)}."))
            return
        try:
            answer = make()
        except Exception as error:  # noqa: BLE001 - the service goes on, and its log says why
            logger.error("%s could not be answered: %s: %s", self.path, type(error).__name__, error)
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "This could not be answered. The log says why.")
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815 - the names are those of the server

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a request that is none, or of another method, without what it said."""
        is_method = code == HTTPStatus.NOT_IMPLEMENTED
        status = HTTPStatus.METHOD_NOT_ALLOWED if is_method else HTTPStatus(code)
        self._send(Answer(status, f"{status.phrase}."))

    def _send(self, answer: Answer) -> None:
        body = f"{answer.text.rstrip()}\n".encode()
        self.send_response_only(answer.status)  # without the version of Python
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a monitor asks each few seconds."""
