"""The port of the HTTP client that streams files, and what it takes and returns."""

from __future__ import annotations

import dataclasses
import enum
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ingestify.domain.error_response import FindError
from ingestify.domain.file import NO_VALIDATORS, Validators
from ingestify.domain.ports.http_client import Auth, HttpClientPort
from ingestify.domain.ports.observer import NOT_OBSERVED, ObservedRequests
from ingestify.domain.request_budget import BudgetState
from ingestify.masking import masked_repr

__all__ = [
    "ByteSink",
    "FetchContext",
    "FetchRequest",
    "FetchResult",
    "FetchStatus",
    "Fetcher",
    "FileVersion",
    "HostWaitBook",
    "IndexReading",
    "RequestBudget",
    "RequestBudgetBook",
    "UnreachableHosts",
    "Usage",
]


class Usage:
    """Counts requests and received bytes; safe to share between threads."""

    __slots__ = ("_lock", "received_bytes", "requests")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.received_bytes = 0

    def add(self, *, requests: int = 0, received_bytes: int = 0) -> None:
        """Count more of them."""
        with self._lock:
            self.requests += requests
            self.received_bytes += received_bytes


class IndexReading:
    """How the provider's index was read for one listing; safe to share between threads.

    Attributes:
        responses: How many responses the listing was read from; 0: it needed no request.
        first_date: The Date header of the first response, before which nothing of the index was read. None: it had
            no such header.
        gaps: Why the listing may be incomplete although no request failed, a sentence each.
        not_before: A moment of `time.monotonic`; a response that was requested earlier does not count.
    """

    __slots__ = ("_lock", "first_date", "gaps", "not_before", "responses")

    def __init__(self, not_before: float = 0.0) -> None:
        self._lock = threading.Lock()
        self.not_before = not_before
        self.responses = 0
        self.first_date: str | None = None
        self.gaps: list[str] = []

    def add_response(self, date: str | None) -> None:
        """Count a response of the index, with this Date header."""
        with self._lock:
            self.responses += 1
            if self.responses == 1:
                self.first_date = date

    def add_gap(self, why: str) -> None:
        """Note that the listing may be incomplete, although no request failed."""
        with self._lock:
            if why not in self.gaps:
                self.gaps.append(why)

    def include(self, other: IndexReading) -> None:
        """Add what another listing was read from, where several listings share one response."""
        if other.responses:
            self.add_response(other.first_date)
        for why in other.gaps:
            self.add_gap(why)


class UnreachableHosts:
    """Which hosts a run could not reach, for a reader who is content with what the lake has.

    Such a reader waits for the result. So a host that has not answered in this run is given up within seconds, once
    for all requests to it. A host that answered before is tried as often as in any run. Safe to share between threads.
    """

    __slots__ = ("_answered", "_given_up", "_lock", "_sources")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: set[str] = set()
        self._given_up: dict[str, str] = {}
        self._sources: set[str] = set()

    def answered(self, host: str) -> None:
        """Note that a host answered, with whatever status."""
        if host not in self._answered:
            with self._lock:
                self._answered.add(host)

    def has_answered(self, host: str) -> bool:
        """Return whether a host answered before in this run, so that it is away only for a moment."""
        return host in self._answered

    def give_up(self, host: str, source: str, why: str) -> None:
        """Send no more requests to a host, which this source needs."""
        with self._lock:
            self._given_up.setdefault(host, why)
            self._sources.add(source)

    def find(self, host: str) -> str | None:
        """Return why a host was given up; None: it was not."""
        return self._given_up.get(host)

    @property
    def hosts(self) -> dict[str, str]:
        """The hosts that were given up, and why."""
        with self._lock:
            return dict(self._given_up)

    @property
    def sources(self) -> set[str]:
        """The names of the sources that need these hosts."""
        with self._lock:
            return set(self._sources)


@dataclasses.dataclass(frozen=True, slots=True)
class FetchContext:
    """What a thread fetches for.

    Attributes:
        usage: Counts the requests of this work.
        stop: When set, waiting (for a retry, for the rate limit) ends at once with a FetchError.
        index: Keeps how the provider's index was read; not used while files are fetched.
        unreachable_hosts: Keeps which hosts could not be reached, for a reader who can do without them; None: there is
            no such reader.
        is_run: Whether it is a run, in which a source may see one state of all data. Each run has its own `stop`.
        observed: Is told of the requests.
    """

    usage: Usage
    stop: threading.Event
    index: IndexReading = dataclasses.field(default_factory=IndexReading)
    unreachable_hosts: UnreachableHosts | None = None
    is_run: bool = False
    observed: ObservedRequests = NOT_OBSERVED


class FetchStatus(enum.StrEnum):
    """What the provider answered to a request for a file."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not modified"
    NOT_FOUND = "not found"
    NOT_READY = "not ready"
    """The provider is still making the file: its response has no body (200, 201, 202, 204), or is a 202 with a note."""


@dataclasses.dataclass(frozen=True, slots=True)
class FetchRequest:
    """One file to fetch.

    Attributes:
        url: `http://` or `https://`.
        headers: Sent to this URL's host only; a redirect to another host gets neither these nor `auth`.
        params: Added to the URL's query; None values are left out, lists repeat the key.
        auth: User and password for Basic authentication, an `Authorization`, or a callable on a request; None: none.
        ignore_not_found: Whether a 404 or 410 gives the status NOT_FOUND instead of an error.
        ignore_not_ready: Whether a response without a body, or a 202 with only a note, gives NOT_READY instead of an
            error.
        validators: Those of the bytes in the lake, for a conditional request. Empty: the whole file is requested.
        data_serialization_format: The declared format. A compressed one (`gz`, `zip`, `mp4`, …) means that the
            bytes are the provider's own; a Content-Encoding that only repeats this is not decoded.
        pager: How to get further pages, or None; see `ingestify.fetch.paging.pages`.
        find_error: For a file in pages: returns the error that a page's body tells of, for people, or an empty text.
            The joined pages would not show it. None: pages are not checked.
        cookies: Name to value, or cookies of `http.cookiejar`; None: none are sent.
        timeout: Seconds, or two numbers: for connecting and for reading. None: as the settings of the source say.
        verify: Whether the host's certificate is verified; a path: with the certificates of that file or folder.
    """

    url: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    auth: Auth = dataclasses.field(default=None, repr=False)
    ignore_not_found: bool = False
    ignore_not_ready: bool = False
    validators: Validators = NO_VALIDATORS
    data_serialization_format: str | None = None
    pager: Any = None
    find_error: FindError | None = None
    cookies: Any = dataclasses.field(default=None, repr=False)
    timeout: Any = None
    verify: Any = True

    __repr__ = masked_repr  # a URL may be signed


@dataclasses.dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of a fetch.

    Attributes:
        validators: Those of the response; empty if the provider sends none.
        content_type: The Content-Type header without parameters, lower case, or None.
        attempts: How many times the request was tried.
        date: The Date header as it was sent, by the provider's clock; None if there was none.
    """

    status: FetchStatus
    validators: Validators = NO_VALIDATORS
    content_type: str | None = None
    attempts: int = 1
    date: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FileVersion:
    """The version of a file that a partial body belongs to; with it, the rest of the file can be requested.

    Attributes:
        etag: A strong ETag: equal ones mean equal bytes (RFC 9110, section 8.8.1).
        last_modified: The Last-Modified header of the first part; the response with the rest may lack it.
        content_type: The Content-Type of the first part; None if there was none.
        size: Bytes of the whole file; None if the provider did not announce it.
    """

    etag: str
    last_modified: str | None = None
    content_type: str | None = None
    size: int | None = None


class HostWaitBook(Protocol):
    """The hosts that asked for a pause in requests; shared by the HTTP clients of an engine."""

    def begin_run(self, *, ignored: bool, writes: bool) -> None:
        """Load the pauses that hosts asked other runs for.

        Args:
            ignored: Forget all pauses, and send requests to these hosts again.
            writes: Whether a pause that a host asks for from now on is kept for other runs.
        """

    def look_up(self) -> None:
        """Load the pauses that hosts have asked other processes for since."""


class RequestBudget(Protocol):
    """The budget of one source."""

    @property
    def left_of_day(self) -> int | None:
        """How many requests of the day are left, as far as this process knows; None: there is no such limit."""

    @property
    def is_half_used(self) -> bool:
        """Whether less than half of the requests of the day are left."""

    def is_enough_for(self, requests: int) -> bool:
        """Return whether so many requests are left now, as far as this process knows, so that none has to wait."""


class RequestBudgetBook(Protocol):
    """The budgets of requests that sources have, shared by all processes of a lake."""

    def find(self, source: str) -> RequestBudget | None:
        """Return the budget of a source; None: it has none."""

    def states(self) -> Sequence[BudgetState]:
        """Return what is left of each budget, in the catalogue."""

    def begin_run(self) -> None:
        """Ask the catalogue again for each budget, also if it was used up before."""

    def end_run(self) -> None:
        """Give back what is reserved and was not sent."""


class ByteSink(Protocol):
    """Where the bytes of one file go."""

    def resume(self) -> tuple[FileVersion, int] | None:
        """Continue with the bytes that an earlier fetch of this file left, if there are any.

        The client calls this once, before the first request. It may take a while, as the bytes are read and verified.

        Returns:
            The version of these bytes, and their number; the sink holds them as if they had been written.
        """

    def begin(self, version: FileVersion) -> None:
        """Begin a body of this version; all bytes up to the next restart belong to it, from its first byte on.

        The client calls this only for a body whose rest can be requested later. A sink may then keep its bytes when
        the fetch fails.
        """

    def write(self, data: bytes) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes that were written; the file begins anew, with bytes of any version."""


class Fetcher(HttpClientPort, Protocol):
    """The HTTP client of a source, with what the engine needs for files."""

    @property
    def max_concurrency(self) -> int | None:
        """How many requests may be in flight at once; None: this client sets no limit."""

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        """Stream a file into `sink`, with retries; a retry that cannot resume restarts the sink.

        Raises:
            FetchError: The file could not be fetched. Only a later fetch that takes them up can use the bytes that
                the sink got.
        """

    def activated(self, context: FetchContext) -> AbstractContextManager[None]:
        """Make this the client that `retrieve_http` uses in the current thread, fetching for `context`."""

    def abort(self) -> None:
        """Break off all transfers; each waiting caller gets a FetchError. The client can be used again afterwards."""

    def close(self) -> None:
        """Close its connections."""
