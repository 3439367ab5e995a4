"""A provider on loopback: a StatsBomb-shaped season over HTTP, with latency, faults, limits and corrections.

As a program, `python -m ingestify.testing.simulator --matches 20 --latency-ms 50` serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import datetime as dt
import email.utils
import fnmatch
import functools
import http
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ingestify.testing.provider_state import Document, ProviderState
from ingestify.testing.season import Season

__all__ = ["Fault", "Request", "Simulator"]

_ROOT = "/data/"
_REASONS = {int(status): status.phrase for status in http.HTTPStatus}
_ANSWERED = ("status", "not_found", "html", "empty")  # faults that need no document
_HTML = b"<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>"


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request that the simulator answered.

    Attributes:
        path: Below the data root, such as `events/12.json`, with its query.
        status: The answer's; 0 where the connection was reset or stalled before one.
        at_seconds: Since the simulator started, when the request had been read.
        headers: Names in lower case.
    """

    method: str
    path: str
    status: int
    at_seconds: float
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. It is a value: one may be given to several simulators.

    Attributes:
        path: Which paths below the data root, with `*` as in file names.
        kind: `status` (answer with `status`), `not_found` (404), `reset` (close with RST before an answer), `truncate`
            (announce the whole length, send half and close), `stall` (wait `seconds`, then close), `html` (200 with a
            page), `empty` (200 without a byte), `corrupt` (200 with the right length and a middle that is no JSON).
        status: For `status`.
        times: How often; None: always.
        retry_after: The header's value, for `status`.
        seconds: How long a `stall` takes.
    """

    path: str = "*"
    kind: str = "status"
    status: int = 503
    times: int | None = None
    retry_after: str | int | None = None
    seconds: float = 5.0

    KINDS: ClassVar[frozenset[str]] = frozenset(
        {"status", "not_found", "reset", "truncate", "stall", "html", "empty", "corrupt"}
    )

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in self.KINDS:
            raise ValueError(f"'{self.kind}' is no kind of fault; there are {', '.join(sorted(self.KINDS))}.")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    simulator: Simulator

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.connections: set[socket.socket] = set()

    def end_connections(self) -> None:
        """Let clients with a kept connection see that the provider is gone."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # its client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is nothing to tell of."""


class _Connection(socketserver.StreamRequestHandler):
    """One kept connection. Written by hand, because http.server's parser takes most of a small answer's time."""

    disable_nagle_algorithm = True
    rbufsize = 1 << 16
    server: _Server

    def handle(self) -> None:
        self.server.connections.add(self.connection)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                while self._handle_one():
                    pass
        finally:
            self.server.connections.discard(self.connection)

    def _handle_one(self) -> bool:
        line = self.rfile.readline(65536)
        if not line:
            return False
        headers: dict[str, str] = {}
        while (header := self.rfile.readline(65536)) not in (b"\r\n", b"\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or parts[0] not in ("GET", "HEAD"):
            # A body may follow, which nobody reads: the connection cannot be kept.
            status = "400 Bad Request" if len(parts) != 3 else "405 Method Not Allowed"
            self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return False
        return self.server.simulator.answer(self, parts[0], parts[1], headers)

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self.wfile.write(data)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class Simulator:
    """Serves a season on a free port of 127.0.0.1 while it is open.

    Use it in a `with` block. Its methods may be called from any thread while it serves.

    Args:
        season: One season or several; None: one of 20 matches.
        latency_seconds: How long each answer waits; side by side for requests that come side by side.
        requests_per_second: More than that in a second are answered 429 with Retry-After; None: no limit. Below 1, as
            0.5, it is one request in as many seconds as it takes.
        etag: Whether answers have an ETag; `last_modified` likewise.
        gzip: Whether bodies are compressed in transit for those who accept that.
        username: With `password`: Basic authentication is required, else 401.
        faults: What goes wrong from the beginning.
    """

    def __init__(
        self,
        season: Season | Sequence[Season] | None = None,
        *,
        latency_seconds: float = 0.0,
        requests_per_second: float | None = None,
        etag: bool = True,
        last_modified: bool = True,
        gzip: bool = False,
        username: str | None = None,
        password: str | None = None,
        faults: Sequence[Fault] = (),
        port: int = 0,
    ) -> None:
        seasons = [Season()] if season is None else [season] if isinstance(season, Season) else list(season)
        self.seasons = tuple(seasons)
        self.latency_seconds = latency_seconds
        self._state = ProviderState(seasons)
        self._requests_per_second = requests_per_second
        self._etag = etag
        self._last_modified = last_modified
        self._gzip = gzip
        self._authorization = None
        if username is not None:
            pair = f"{username}:{password or ''}".encode()
            self._authorization = "Basic " + base64.b64encode(pair).decode()
        # A fault and how often it is still to happen; None: always.
        self._faults: list[tuple[Fault, int | None]] = [(fault, fault.times) for fault in faults]
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._recent: list[float] = []
        self._in_flight = 0
        self._peak = 0
        self._started = time.monotonic()
        self._closing = threading.Event()
        self._server = _Server(port)
        self._server.simulator = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator", daemon=True
        )

    def __enter__(self) -> Simulator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.end_connections()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The data root, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{_ROOT.rstrip('/')}"

    @property
    def match_ids(self) -> list[int]:
        """The numbers of all matches."""
        return self._state.match_ids()

    def prepare(self) -> None:
        """Make every document now, so that none has to be made while somebody waits."""
        self._state.prepare()

    # ---- what was asked --------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order of the answers."""
        with self._lock:
            return list(self._requests)

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were being answered at one moment."""
        with self._lock:
            return self._peak

    def paths(self) -> list[str]:
        """Return the paths that were asked for, in the order of the answers."""
        return [request.path for request in self.requests]

    def clear_requests(self) -> None:
        """Forget what was asked so far."""
        with self._lock:
            self._requests.clear()
            self._peak = self._in_flight

    # ---- what goes wrong -------------------------------------------------------------------------------

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong from now on. The first fault that fits a path counts."""
        with self._lock:
            self._faults.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    # ---- what the provider does after the match --------------------------------------------------------

    def correct(self, match_id: int, *feeds: str, updated_at: dt.datetime | None = None, rekey: bool = False) -> None:
        """Change files of a match (by default its events) and move its time; see `ProviderState.correct`."""
        self._state.correct(match_id, feeds, updated_at, rekey=rekey)

    def touch(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """Move a match's time in the index; its files stay as they are."""
        self._state.touch(match_id, updated_at)

    def publish_360(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """The 360 file of a match appears, and the index says so."""
        self._state.publish_360(match_id, updated_at)

    def withhold(self, match_id: int, feed: str) -> None:
        """Let a file answer 404 although the index promises it."""
        self._state.withhold(match_id, feed)

    def release(self, match_id: int, feed: str) -> None:
        """Serve a withheld file again; the index does not move."""
        self._state.release(match_id, feed)

    # ---- answering: a thread for each connection -------------------------------------------------------

    def answer(self, connection: _Connection, method: str, target: str, headers: dict[str, str]) -> bool:
        """Answer one request. Returns whether the connection is kept."""
        path = target.removeprefix(_ROOT)
        arrived = time.monotonic()
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            limited = self._is_over_limit(arrived)
            fault = None if limited else self._next_fault(path)
        try:
            if self.latency_seconds:
                self._closing.wait(self.latency_seconds)
            if limited:
                status, data = 429, _answer(method, 429, b'{"error": "too many requests"}', {"Retry-After": "1"})
            elif fault is not None and fault.kind in ("reset", "stall"):
                status, data = 0, b""
            elif fault is not None and fault.kind in _ANSWERED:
                status, data = _faulty_answer(method, fault)
            else:
                status, data = self._document(method, path, headers, fault)
            # Kept before it is sent: who has an answer finds its request here.
            with self._lock:
                self._requests.append(Request(method, path, status, arrived - self._started, headers))
            if status == 0:
                if fault is not None and fault.kind == "stall":
                    self._closing.wait(fault.seconds)
                connection.reset()
                return False
            connection.send(data)
            return fault is None or fault.kind != "truncate"
        finally:
            with self._lock:
                self._in_flight -= 1

    def _is_over_limit(self, moment: float) -> bool:
        if self._requests_per_second is None:
            return False
        window_seconds = max(1.0, 1.0 / self._requests_per_second)
        self._recent = [one for one in self._recent if moment - one < window_seconds]
        if len(self._recent) >= max(1.0, self._requests_per_second):
            return True
        self._recent.append(moment)
        return False

    def _next_fault(self, path: str) -> Fault | None:
        for place, (fault, left) in enumerate(self._faults):
            if left != 0 and fnmatch.fnmatchcase(path, fault.path):
                if left is not None:
                    self._faults[place] = (fault, left - 1)
                return fault
        return None

    def _document(self, method: str, path: str, headers: Mapping[str, str], fault: Fault | None) -> tuple[int, bytes]:
        """Return the status and the whole answer, or what a fault leaves of it."""
        if self._authorization is not None and headers.get("authorization") != self._authorization:
            challenge = {"WWW-Authenticate": 'Basic realm="simulator"'}
            return 401, _answer(method, 401, b"who are you?\n", challenge)
        document = self._state.find(path.partition("?")[0])
        if document is None:
            return 404, _answer(method, 404, b"404: Not Found\n", {})
        extra = {"Content-Type": "application/json"}
        if self._etag:
            extra["ETag"] = document.etag
        if self._last_modified:
            extra["Last-Modified"] = document.last_modified
        if self._is_current(document, headers):
            return 304, _answer(method, 304, b"", extra)
        body = document.body
        if fault is not None and fault.kind == "corrupt":
            body = body[: len(body) // 2] + b"\x00" + body[len(body) // 2 + 1 :]
        elif self._gzip and "gzip" in headers.get("accept-encoding", ""):
            body = document.gzipped
            extra["Content-Encoding"] = "gzip"
        return 200, _answer(method, 200, body, extra, truncate=fault is not None and fault.kind == "truncate")

    def _is_current(self, document: Document, headers: Mapping[str, str]) -> bool:
        """RFC 9110, section 13.2.2: If-None-Match counts, and If-Modified-Since only without it."""
        if "if-none-match" in headers:
            wanted = [one.strip() for one in headers["if-none-match"].split(",")]
            return self._etag and (document.etag in wanted or "*" in wanted)
        return self._last_modified and headers.get("if-modified-since") == document.last_modified


def _faulty_answer(method: str, fault: Fault) -> tuple[int, bytes]:
    """Return the status and the whole answer of a fault that needs no document."""
    if fault.kind == "html":
        return 200, _answer(method, 200, _HTML, {"Content-Type": "text/html"})
    if fault.kind == "empty":
        return 200, _answer(method, 200, b"", {"Content-Type": "application/json"})
    status = 404 if fault.kind == "not_found" else fault.status
    extra = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return status, _answer(method, status, b"it is not our day\n", extra)


@functools.lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)


def _answer(method: str, status: int, body: bytes, extra: Mapping[str, str], *, truncate: bool = False) -> bytes:
    """Return an answer's bytes; truncated, they announce the whole body and hold half of it."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Date: {_http_date(int(time.time()))}"]
    lines += [f"{name}: {value}" for name, value in extra.items()]
    if status != 304:
        lines.append(f"Content-Length: {len(body)}")
    if truncate:
        lines.append("Connection: close")
        body = body[: len(body) // 2]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    return head if method == "HEAD" else head + body


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a season until interrupted."""
    parser = argparse.ArgumentParser(description="A simulated provider on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--matches", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--events-per-match", type=int, default=1200)
    parser.add_argument("--matches-with-360", type=int, help="the first so many; a third of them if left out")
    parser.add_argument("--seasons", type=int, default=1, help="how many, of so many matches each")
    parser.add_argument("--prepare", action="store_true", help="make every document before serving, not when asked")
    options = parser.parse_args(arguments)
    seasons = [
        Season(
            matches=options.matches,
            seed=options.seed + number,
            season_id=27 + number,
            events_per_match=options.events_per_match,
            matches_with_360=options.matches_with_360,
        )
        for number in range(options.seasons)
    ]
    with Simulator(seasons, latency_seconds=options.latency_ms / 1000, port=options.port) as simulator:
        if options.prepare:
            simulator.prepare()
        sys.stdout.write(f"{simulator.base_url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
