"""The HTTP client as the engine uses it: it streams a file into a sink."""

from __future__ import annotations

import dataclasses
import enum
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ingestify.domain.error_answer import FindError
from ingestify.domain.file import NO_VALIDATORS, Validators
from ingestify.domain.ports.http_client import Auth, HttpClientPort
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
    "IndexLook",
    "OutOfReach",
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


class IndexLook:
    """What was seen of the provider's index while one listing was read; safe to share between threads.

    Attributes:
        answers: How many answers the listing was read from; 0: no request of ours was needed for it.
        first_date: The Date header of the first of them: up to then the index had not been read. None: it had none.
        gaps: Why the listing may lack something although nothing failed, a sentence each.
        not_before: No answer counts that was asked for before that moment of `time.monotonic`.
    """

    __slots__ = ("_lock", "answers", "first_date", "gaps", "not_before")

    def __init__(self, not_before: float = 0.0) -> None:
        self._lock = threading.Lock()
        self.not_before = not_before
        self.answers = 0
        self.first_date: str | None = None
        self.gaps: list[str] = []

    def answered(self, date: str | None) -> None:
        """An index answered, with this Date header."""
        with self._lock:
            self.answers += 1
            if self.answers == 1:
                self.first_date = date

    def lacks(self, why: str) -> None:
        """The listing is not whole, although no request failed."""
        with self._lock:
            if why not in self.gaps:
                self.gaps.append(why)

    def take_over(self, other: IndexLook) -> None:
        """This listing is read from what another one was read from: an answer that several discoveries share."""
        if other.answers:
            self.answered(other.first_date)
        for why in other.gaps:
            self.lacks(why)


class OutOfReach:
    """Which hosts a run found out of reach, for a reader who goes on with what the lake has.

    Such a reader waits for the answer: a host of which nothing was heard in this run is given up within seconds, once
    for all that is asked of it. One that answered has its tries, as in any run. Safe to share between threads.
    """

    __slots__ = ("_answered", "_given_up", "_lock", "_sources")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: set[str] = set()
        self._given_up: dict[str, str] = {}
        self._sources: set[str] = set()

    def answered(self, host: str) -> None:
        """A host answered, whatever it said."""
        if host not in self._answered:
            with self._lock:
                self._answered.add(host)

    def may_be_there(self, host: str) -> bool:
        """Whether a host answered before in this run, so that it is only away for a moment."""
        return host in self._answered

    def give_up(self, host: str, source: str, why: str) -> None:
        """Nothing more is asked of a host, which a source needs."""
        with self._lock:
            self._given_up.setdefault(host, why)
            self._sources.add(source)

    def find(self, host: str) -> str | None:
        """Return why nothing is asked of a host; None: it may be asked."""
        return self._given_up.get(host)

    @property
    def hosts(self) -> dict[str, str]:
        """The hosts that were given up, and why."""
        with self._lock:
            return dict(self._given_up)

    @property
    def sources(self) -> set[str]:
        """The names of the sources that asked for them."""
        with self._lock:
            return set(self._sources)


@dataclasses.dataclass(frozen=True, slots=True)
class FetchContext:
    """What a thread works for while it fetches.

    Attributes:
        usage: Counts what this work costs, beside the client's own total.
        stop: When set, waiting (for a retry, for the rate limit) ends at once with a FetchError.
        index: Keeps what is seen of the provider's index; of no interest where files are fetched.
        out_of_reach: Keeps which hosts are out of reach, for a reader who does without them; None: there is none.
    """

    usage: Usage
    stop: threading.Event
    index: IndexLook = dataclasses.field(default_factory=IndexLook)
    out_of_reach: OutOfReach | None = None


class FetchStatus(enum.StrEnum):
    """How the provider answered for a file."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not modified"
    NOT_FOUND = "not found"
    NOT_READY = "not ready"
    """The provider is still making it, and says so by an answer without a body (200, 201, 202, 204), or by a 202
    with a note."""


@dataclasses.dataclass(frozen=True, slots=True)
class FetchRequest:
    """One file to fetch.

    Attributes:
        url: `http://` or `https://`.
        headers: Sent to this URL's host only, never on to another one after a redirect; `auth` neither.
        params: Added to the URL's query; None values are left out, lists repeat the key.
        auth: User and password for Basic authentication, or an `Authorization`; None: neither.
        ignore_not_found: Whether a 404 or 410 is an answer (NOT_FOUND) instead of an error.
        ignore_not_ready: Whether an answer without a body, or a 202 with no more than a note, is one (NOT_READY).
        validators: Of the bytes that the lake has: asked for conditionally. Empty: in full.
        data_serialization_format: The declared format. Where it is a compressed one (`gz`, `zip`, `mp4`, …) the
            bytes are the provider's own, and a Content-Encoding that only says so is not undone.
        pager: How to go on to further pages, or None; see `ingestify.fetch.paging.pages`.
        find_error: Of a file in pages, returns what a page's body says went wrong, for people; empty: it is no error.
            What the pages are joined to does not show it any more. None: no page is looked at.
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

    __repr__ = masked_repr  # a URL may be signed


@dataclasses.dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of a fetch.

    Attributes:
        validators: Of the answer; empty if the provider sends none.
        content_type: The Content-Type header without parameters, lower case, or None.
        url: Where the bytes came from after redirects, with secrets masked.
        attempts: How many times it was tried.
        date: The Date header as it was sent: the moment of the answer by the provider's clock; None if there was none.
    """

    status: FetchStatus
    validators: Validators = NO_VALIDATORS
    content_type: str | None = None
    url: str = ""
    attempts: int = 1
    date: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FileVersion:
    """Which version of a file a body is of, so that the rest of it can be asked for.

    Attributes:
        etag: A strong ETag: equal ones mean equal bytes (RFC 9110, section 8.8.1).
        last_modified: The Last-Modified header as it was sent with the first part; that of the rest may lack it.
        content_type: The Content-Type of the first part, likewise; None if there was none.
        size: Bytes of the whole file; None if that was not announced.
    """

    etag: str
    last_modified: str | None = None
    content_type: str | None = None
    size: int | None = None


class HostWaitBook(Protocol):
    """Which hosts are left alone, as they asked for it; shared by the HTTP clients of an engine."""

    def begin_run(self, *, ignored: bool, writes: bool) -> None:
        """Learn what other runs were told.

        Args:
            ignored: Forget what hosts said up to now, and ask them.
            writes: Whether what hosts say from now on is kept for other runs.
        """

    def look_up(self) -> None:
        """Learn what other processes were told by now."""


class ByteSink(Protocol):
    """Where the bytes of one file go."""

    def take_up(self) -> tuple[FileVersion, int] | None:
        """Go on with what an earlier fetch of this file left behind, if there is something.

        Asked once, before the first request. It may take a while: what is there is read and verified.

        Returns:
            The version that it is of, and how many bytes of it the sink holds now, as if they had been written.
        """

    def begin(self, version: FileVersion) -> None:
        """All that is written from here on, up to a restart, is of this version, from its first byte.

        Called before the first bytes of a body whose rest can be asked for later, and for no other body: such a sink
        may keep what it got when the fetch fails.
        """

    def write(self, data: bytes) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget what was written: the file begins anew, with bytes of whichever version."""


class Fetcher(HttpClientPort, Protocol):
    """The same client, as the engine uses it for files."""

    @property
    def usage(self) -> Usage:
        """All that this client has sent and received."""

    @property
    def max_concurrency(self) -> int | None:
        """The most requests it lets be in flight; None: no limit of its own."""

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        """Stream a file into `sink`, with retries; a retry that cannot resume restarts the sink.

        Raises:
            FetchError: It could not be had. What was written to the sink is worth nothing but to a later fetch that
                takes it up.
        """

    def activated(self, context: FetchContext) -> AbstractContextManager[None]:
        """Make this the client that `retrieve_http` uses in this thread, working for `context`."""

    def abort(self) -> None:
        """Break off what is on the wire; who waits for it gets a FetchError. It can be used again afterwards."""

    def close(self) -> None:
        """Close its connections."""
