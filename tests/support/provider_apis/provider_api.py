"""The base class of the simulated APIs: it checks authorization and rate limit, and injects faults."""

from __future__ import annotations

import abc
import base64
import dataclasses
import hashlib
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ingestify.testing.loopback import Asked, Given
from ingestify.testing.season import Season, as_json
from ingestify.testing.watched_provider import Fault, WatchedProvider

__all__ = ["ApiAnswer", "ApiRequest", "ProviderApi", "basic_authorization"]


@dataclasses.dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request.

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
    """A response.

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


class ProviderApi(WatchedProvider, abc.ABC):
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
    """The first part of all paths."""
    fault_kinds: ClassVar[frozenset[str]] = frozenset({"status", "not_found", "reset", "html", "empty"})

    def __init__(
        self,
        seasons: Season | Sequence[Season] | None = None,
        *,
        username: str = "analyst",
        password: str = "a-long-password",
        requests_per_second: float | None = None,
        etag: bool = True,
    ) -> None:
        super().__init__()
        found = [Season()] if seasons is None else [seasons] if isinstance(seasons, Season) else list(seasons)
        self.seasons = tuple(found)
        self.username = username
        self.password = password
        self.etag = etag
        self.requests_per_second = requests_per_second
        self.clock: Callable[[], float] = time.monotonic
        self._recent: list[float] = []

    @property
    def base_url(self) -> str:
        """The URL for the configuration of a source."""
        return f"{self.url}/{self.root}".rstrip("/")

    @property
    def match_ids(self) -> list[int]:
        """The numbers of all matches."""
        return [match.match_id for season in self.seasons for match in season.matches]

    # ---- answering -------------------------------------------------------------------------------------

    @abc.abstractmethod
    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Return the response to a request that is authorized and within the limit. Called under the lock."""

    def authorize(self, request: ApiRequest) -> ApiAnswer | None:
        """Return a refusal, or None; by Basic authentication, unless a subclass overrides it."""
        if request.headers.get("authorization") == basic_authorization(self.username, self.password):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="api"'}
        return ApiAnswer(401, {"message": "Unauthorized"}, challenge)

    def too_many(self) -> ApiAnswer:
        """Return the response to a request above the limit."""
        return ApiAnswer(429, {"message": "Too many requests"})

    def extra_headers(self) -> dict[str, str]:
        """Return further headers of each response. Called under the lock, after the request was counted."""
        return {}

    def _answer(self, asked: Asked) -> Given | None:
        arrived = time.monotonic()
        path = asked.target.removeprefix(f"/{self.root}").lstrip("/")
        with self._lock:
            answer = self._answer_to(asked, path)
            self._keep(asked.method, path, 0 if answer is None else answer.status, arrived, asked.headers)
        if answer is None:
            return None
        return Given(answer.status, answer.body, {"Content-Type": answer.content_type, **answer.headers})

    def _answer_to(self, asked: Asked, path: str) -> ApiAnswer | None:
        """Return the response; None: the connection is reset."""
        fault = self._next_fault(path)
        if fault is not None:
            return _faulty(fault)
        if self._is_over_limit():
            return self.too_many()
        name, _, query = asked.target.partition("?")
        request = ApiRequest(
            asked.method,
            name.removeprefix(f"/{self.root}").strip("/"),
            dict(urllib.parse.parse_qsl(query)),
            asked.headers,
            dict(urllib.parse.parse_qsl(asked.body.decode())),
        )
        answer = self.authorize(request) or self.answer(request)
        headers = {**answer.headers, **self.extra_headers()}
        if self.etag and answer.status == 200:
            headers["ETag"] = f'"{hashlib.sha256(answer.body).hexdigest()[:24]}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                return ApiAnswer(304, None, headers)
        return dataclasses.replace(answer, headers=headers)

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
