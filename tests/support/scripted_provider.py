"""A provider on loopback that answers with exactly the bytes it is told to, and breaks off where it is told to."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ingestify.clock import monotonic, wait_for
from ingestify.domain.ports import FileVersion

RESET = object()
"""Breaks the connection with a TCP reset."""

CLOSE = object()
"""Closes the connection."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    target: str
    headers: dict[str, str]
    at: float
    connection: int
    method: str = "GET"
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Step = bytes | object | threading.Event | float
Reply = list[Step]
Script = list[Reply] | Callable[[Asked], Reply]


def answer(
    body: bytes = b"",
    status: int = 200,
    *,
    length: int | None = None,
    chunked: list[bytes] | None = None,
    close: bool = False,
    **headers: str,
) -> Reply:
    """A whole answer; `etag="…"` is a header, `content_type="…"` too."""
    lines = [f"HTTP/1.1 {status} Reason"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if chunked is not None:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunked) + b"0\r\n\r\n"
    elif not (close and length is None) and status != 304:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
    return [head + body, *([CLOSE] if close else [])]


class Provider:
    """Answers `/path` with the next of its replies; the last one again and again."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._scripts: dict[str, Script] = {}
        self._lock = threading.Lock()
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._stopping = threading.Event()
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def on(self, path: str, *replies: Reply, by: Callable[[Asked], Reply] | None = None) -> str:
        """Set what a path answers. Returns its URL."""
        self._scripts[path] = by or list(replies)
        return self.url + path

    def asked_for(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    def drop_connections(self) -> None:
        """Close every connection that is open, as a restart does."""
        with self._lock:
            open_now = list(self._open)
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        self._acceptor.join(5)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            reader = connection.makefile("rb")
            with reader:
                while (asked := self._read(reader, number)) is not None:
                    if not self._play(connection, self._reply(asked)):
                        return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _read(self, reader: object, number: int) -> Asked | None:
        line = reader.readline().decode("latin-1")  # type: ignore[attr-defined]
        if not line:
            return None
        at = monotonic()
        headers = {}
        while (header := reader.readline().decode("latin-1").rstrip("\r\n")) != "":  # type: ignore[attr-defined]
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        if line.count(" ") < 2:
            return None  # the end of TLS, read after ours
        body = reader.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
        asked = Asked(line.split(" ")[1], headers, at, number, line.split(" ")[0], body)
        with self._lock:
            self.asked.append(asked)
        return asked

    def _reply(self, asked: Asked) -> Reply:
        script = self._scripts.get(asked.path)
        if script is None:
            return answer(b"nothing here", 404, content_type="text/plain")
        if callable(script):
            return script(asked)
        with self._lock:
            return script.pop(0) if len(script) > 1 else script[0]

    def _play(self, connection: socket.socket, reply: Reply) -> bool:
        for step in reply:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, threading.Event):
                while not step.wait(0.05):
                    if self._stopping.is_set():
                        return False
            elif isinstance(step, float):
                wait_for(self._stopping, step)
            elif step is CLOSE:
                return False
            elif step is RESET:
                # What was sent has to arrive before the reset throws away what has not.
                time.sleep(0.02)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True


@contextmanager
def provider(tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    server = Provider(tls)
    try:
        yield server
    finally:
        server.close()


class Sink:
    """A `ByteSink` that keeps what it gets."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.restarts = 0
        self.versions: list[FileVersion] = []

    def resume(self) -> tuple[FileVersion, int] | None:
        return None

    def begin(self, version: FileVersion) -> None:
        self.versions.append(version)

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def restart(self) -> None:
        self.restarts += 1
        self.pieces = []

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)
