"""A simulated provider on loopback: StatsBomb's open data over HTTP, with latency, faults, limits and corrections.

As a program, `python -m ingestify.testing.simulator --matches 20 --latency-ms 50` serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime as dt
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from ingestify.testing.loopback import Asked, Given
from ingestify.testing.provider_state import Document, ProviderState
from ingestify.testing.season import Season
from ingestify.testing.watched_provider import Fault, Request, WatchedProvider

__all__ = ["Fault", "Request", "Simulator"]

_ROOT = "/data/"
_ANSWERED = ("status", "not_found", "html", "empty")  # the faults that need no document
_HTML = b"<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>"


class Simulator(WatchedProvider):
    """Serves seasons on a free port of 127.0.0.1 while it is open.

    Use it in a `with` block. Its methods may be called from any thread while it serves.

    Args:
        season: One season or several; None: one of 20 matches.
        latency_seconds: The delay of each response. Responses to concurrent requests are delayed concurrently.
        requests_per_second: The limit, above which a request gets a 429 with Retry-After; None: no limit. 0.5 is one
            request in two seconds.
        etag: Whether responses have an ETag.
        last_modified: Whether responses have a Last-Modified.
        gzip: Whether bodies are compressed if the client accepts it.
        username: The user of Basic authentication, with `password`; None: no authentication is required.
        password: The user's password.
        faults: The faults from the beginning on.
        port: The port; 0: a free one.
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
        super().__init__(faults=faults, port=port)
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
        self._recent: list[float] = []
        self._in_flight = 0
        self._peak = 0

    @property
    def base_url(self) -> str:
        """The data root, without a slash at its end."""
        return f"{self.url}{_ROOT.rstrip('/')}"

    @property
    def match_ids(self) -> list[int]:
        """The numbers of all matches."""
        return self._state.match_ids()

    def prepare(self) -> None:
        """Make all documents now, so that no response waits for one."""
        self._state.prepare()

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were in flight at the same time."""
        with self._lock:
            return self._peak

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            super().clear_requests()
            self._peak = self._in_flight

    # ---- what the provider does after the match --------------------------------------------------------

    def correct(self, match_id: int, *feeds: str, updated_at: dt.datetime | None = None, rekey: bool = False) -> None:
        """Change files of a match (by default its events) and move its time; see `ProviderState.correct`."""
        self._state.correct(match_id, feeds, updated_at, rekey=rekey)

    def touch(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """Move a match's time in the index; its files stay as they are."""
        self._state.touch(match_id, updated_at)

    def set_status(self, match_id: int, status: str, updated_at: dt.datetime | None = None) -> None:
        """Give a match another status in the index: `scheduled`, `postponed`, `available`, …; see `ProviderState`."""
        self._state.set_status(match_id, status, updated_at)

    def reschedule(self, match_id: int, kick_off: dt.datetime, updated_at: dt.datetime | None = None) -> None:
        """Give a match another kick-off in the index, in local time; its time moves."""
        self._state.reschedule(match_id, kick_off, updated_at)

    def publish_360(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """Publish the 360 file of a match, and announce it in the index."""
        self._state.publish_360(match_id, updated_at)

    def withhold(self, match_id: int, feed: str) -> None:
        """Respond with 404 to requests for a file that the index announces."""
        self._state.withhold(match_id, feed)

    def release(self, match_id: int, feed: str) -> None:
        """Serve a withheld file again, without a change of the index."""
        self._state.release(match_id, feed)

    # ---- answering: a thread for each connection -------------------------------------------------------

    def _answer(self, asked: Asked) -> Given | None:
        if asked.method not in ("GET", "HEAD"):
            return Given(405)
        path = asked.target.removeprefix(_ROOT)
        arrived = time.monotonic()
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            limited = self._is_over_limit(arrived)
            fault = None if limited else self._next_fault(path)
        try:
            if self.latency_seconds:
                self._server.closing.wait(self.latency_seconds)
            if limited:
                given: Given | None = Given(429, b'{"error": "too many requests"}', {"Retry-After": "1"})
            elif fault is not None and fault.kind in ("reset", "stall"):
                given = None
            elif fault is not None and fault.kind in _ANSWERED:
                given = _faulty_answer(fault)
            else:
                given = self._document(path, asked.headers, fault)
            self._keep(asked.method, path, 0 if given is None else given.status, arrived, asked.headers)
            if fault is not None and fault.kind == "stall":
                self._server.closing.wait(fault.seconds)
            return given
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

    def _document(self, path: str, headers: Mapping[str, str], fault: Fault | None) -> Given:
        """Return the response for a path, changed by a fault."""
        if self._authorization is not None and headers.get("authorization") != self._authorization:
            challenge = {"WWW-Authenticate": 'Basic realm="simulator"'}
            return Given(401, b"who are you?\n", challenge)
        document = self._state.find(path.partition("?")[0])
        if document is None:
            return Given(404, b"404: Not Found\n")
        extra = {"Content-Type": "application/json"}
        if self._etag:
            extra["ETag"] = document.etag
        if self._last_modified:
            extra["Last-Modified"] = document.last_modified
        if self._is_current(document, headers):
            return Given(304, b"", extra)
        body = document.body
        if fault is not None and fault.kind == "corrupt":
            body = body[: len(body) // 2] + b"\x00" + body[len(body) // 2 + 1 :]
        elif self._gzip and "gzip" in headers.get("accept-encoding", ""):
            body = document.gzipped
            extra["Content-Encoding"] = "gzip"
        if fault is not None and fault.kind == "truncate":
            return Given(200, body[: len(body) // 2], extra, announced_bytes=len(body))
        return Given(200, body, extra)

    def _is_current(self, document: Document, headers: Mapping[str, str]) -> bool:
        """RFC 9110, section 13.2.2: If-None-Match counts, and If-Modified-Since only without it."""
        if "if-none-match" in headers:
            wanted = [one.strip() for one in headers["if-none-match"].split(",")]
            return self._etag and (document.etag in wanted or "*" in wanted)
        return self._last_modified and headers.get("if-modified-since") == document.last_modified


def _faulty_answer(fault: Fault) -> Given:
    """Return the response of a fault that needs no document."""
    if fault.kind == "html":
        return Given(200, _HTML, {"Content-Type": "text/html"})
    if fault.kind == "empty":
        return Given(200, b"", {"Content-Type": "application/json"})
    status = 404 if fault.kind == "not_found" else fault.status
    extra = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Given(status, b"it is not our day\n", extra)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a season until interrupted."""
    parser = argparse.ArgumentParser(description="A simulated provider on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--matches", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--events-per-match", type=int, default=1200)
    parser.add_argument(
        "--matches-with-360", type=int, help="how many of the first matches; a third of them if left out"
    )
    parser.add_argument("--seasons", type=int, default=1, help="how many seasons, each with so many matches")
    parser.add_argument("--prepare", action="store_true", help="make all documents before the first request")
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
