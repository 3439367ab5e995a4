"""An API on loopback that checks what is asked of it: what the simulators of the paid providers have in common."""

from __future__ import annotations

import abc
import base64
import contextlib
import dataclasses
import fnmatch
import hashlib
import http.server
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingestify.testing.season import Season, as_json
from ingestify.testing.simulator import Fault, Request

__all__ = ["ApiAnswer", "ApiRequest", "ProviderApi", "basic_authorization"]


@dataclasses.dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request as it arrived.

    Attributes:
        path: Without a slash at either end, and without the query.
        headers: Names in lower case.
        form: What a POST sent.
    """

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What is answered.

    Attributes:
        content: Bytes as they are, else JSON values; None: no body.
    """

    status: int = 200
    content: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def body(self) -> bytes:
        """The content as bytes."""
        if self.content is None:
            return b""
        return self.content if isinstance(self.content, bytes) else as_json(self.content)


def basic_authorization(username: str, password: str) -> str:
    """Return the header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class ProviderApi(abc.ABC):
    """Serves invented seasons on a free port of 127.0.0.1 while it is open; use it in a `with` block.

    A subclass says what is behind which path. Its methods may be called from any thread while it serves.

    Args:
        seasons: One or several; None: one of 20 matches.
        username: What is accepted.
        password: Likewise.
        requests_per_second: More than that in a second are answered 429; None: no limit.
        etag: Whether answers have an ETag, and a request may be conditional.
    """

    root = ""
    """What stands before each path."""

    def __init__(
        self,
        seasons: Season | Sequence[Season] | None = None,
        *,
        username: str = "analyst",
        password: str = "a-long-password",  # noqa: S107 - nobody else's
        requests_per_second: float | None = None,
        etag: bool = True,
    ) -> None:
        found = [Season()] if seasons is None else [seasons] if isinstance(seasons, Season) else list(seasons)
        self.seasons = tuple(found)
        self.username = username
        self.password = password
        self.etag = etag
        self.requests_per_second = requests_per_second
        self.clock: Callable[[], float] = time.monotonic
        self._faults: list[tuple[Fault, int | None]] = []
        self._requests: list[Request] = []
        self._recent: list[float] = []
        self._lock = threading.RLock()
        self._started = self.clock()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="provider-api", daemon=True
        )

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """What the configuration of a source names."""
        return f"{self.url}/{self.root}".rstrip("/")

    @property
    def match_ids(self) -> list[int]:
        """The numbers of all matches."""
        return [match.match_id for season in self.seasons for match in season.matches]

    # ---- what was asked, and what goes wrong -----------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order of the answers; paths with their query."""
        with self._lock:
            return list(self._requests)

    def paths(self) -> list[str]:
        """Return the paths that were asked for below the base URL, with their query."""
        return [request.path for request in self.requests]

    def clear_requests(self) -> None:
        """Forget what was asked so far."""
        with self._lock:
            self._requests.clear()

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong from now on: the kinds `status`, `not_found`, `reset`, `html` and `empty`."""
        with self._lock:
            self._faults.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    # ---- answering -------------------------------------------------------------------------------------

    @abc.abstractmethod
    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer a request that is authorized and within the limit. Called under the server's lock."""

    def authorize(self, request: ApiRequest) -> ApiAnswer | None:
        """Return a refusal, or None; by Basic authentication where a subclass does not say otherwise."""
        if request.headers.get("authorization") == basic_authorization(self.username, self.password):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="api"'}
        return ApiAnswer(401, {"message": "Unauthorized"}, challenge)

    def too_many(self) -> ApiAnswer:
        """Return what is answered above the limit."""
        return ApiAnswer(429, {"message": "Too many requests"})

    def extra_headers(self) -> dict[str, str]:
        """Return what each answer says besides. Called under the server's lock, after the request was counted."""
        return {}

    def respond(self, request: ApiRequest, target: str) -> ApiAnswer | None:
        """Return the whole answer; None: the connection is reset."""
        with self._lock:
            answer = self._respond(request, target)
            status = 0 if answer is None else answer.status
            path = target.removeprefix(f"/{self.root}").lstrip("/")
            moment = self.clock() - self._started
            self._requests.append(Request(request.method, path, status, moment, request.headers))
            return answer

    def _respond(self, request: ApiRequest, target: str) -> ApiAnswer | None:
        path = target.removeprefix(f"/{self.root}").lstrip("/")
        fault = self._next_fault(path)
        if fault is not None:
            return _faulty(fault)
        if self._is_over_limit():
            return self.too_many()
        answer = self.authorize(request) or self.answer(request)
        headers = {**answer.headers, **self.extra_headers()}
        if self.etag and answer.status == 200:
            headers["ETag"] = f'"{hashlib.sha256(answer.body).hexdigest()[:24]}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                return ApiAnswer(304, None, headers)
        return dataclasses.replace(answer, headers=headers)

    def _next_fault(self, path: str) -> Fault | None:
        for place, (fault, left) in enumerate(self._faults):
            if left != 0 and fnmatch.fnmatchcase(path, fault.path):
                if left is not None:
                    self._faults[place] = (fault, left - 1)
                return fault
        return None

    def _is_over_limit(self) -> bool:
        if self.requests_per_second is None:
            return False
        now = self.clock()
        self._recent = [one for one in self._recent if now - one < 1.0]
        self._recent.append(now)
        return len(self._recent) > self.requests_per_second


def _faulty(fault: Fault) -> ApiAnswer | None:
    if fault.kind == "reset":
        return None
    if fault.kind == "html":
        return ApiAnswer(200, b"<!DOCTYPE html><html><body>We will be back</body></html>", content_type="text/html")
    if fault.kind == "empty":
        return ApiAnswer(200, b"")
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return ApiAnswer(404 if fault.kind == "not_found" else fault.status, {"message": "not our day"}, headers)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is nothing to tell of."""


class _Handler(http.server.BaseHTTPRequestHandler):
    api: ProviderApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._handle(dict(urllib.parse.parse_qsl(body.decode())))

    def log_message(self, *_: Any) -> None:
        """Not on stderr."""

    def _handle(self, form: Mapping[str, str]) -> None:
        path, _, query = self.path.partition("?")
        request = ApiRequest(
            self.command,
            path.removeprefix(f"/{self.api.root}").strip("/"),
            dict(urllib.parse.parse_qsl(query)),
            {name.lower(): value for name, value in self.headers.items()},
            form,
        )
        answer = self.api.respond(request, self.path)
        with contextlib.suppress(OSError):
            if answer is None:
                self.close_connection = True
                self.connection.close()
            else:
                self._send(answer)

    def _send(self, answer: ApiAnswer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status not in (204, 304):
            self.wfile.write(answer.body)
