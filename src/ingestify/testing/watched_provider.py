"""The base class of simulated providers: it keeps the requests, and injects faults."""

from __future__ import annotations

import abc
import dataclasses
import fnmatch
import threading
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from ingestify.testing.loopback import Asked, Given, LoopbackServer

__all__ = ["Fault", "Request", "WatchedProvider"]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A request, with the status of its response.

    Attributes:
        method: The method, such as `GET`.
        path: The path below the provider's root, such as `events/12.json`, with the query.
        status: The status of the response; 0 if the connection was reset or stalled before a response.
        at_seconds: When the request had been read, in seconds since the provider started.
        headers: The headers, names in lower case.
    """

    method: str
    path: str
    status: int
    at_seconds: float
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A fault. It is a value, so several providers may have the same one.

    Attributes:
        path: The affected paths below the provider's root, with `*` as in file names.
        kind: `status` (respond with `status`), `not_found` (404), `reset` (close with RST before a response),
            `truncate` (announce the whole length, send half and close), `stall` (wait `seconds`, then close), `html`
            (200 with a page), `empty` (200 without a byte), `corrupt` (200 with the right length and a middle that is
            no JSON).
        status: The status of a `status`.
        times: How many requests it affects; None: all.
        retry_after: The value of the header Retry-After of a `status`.
        seconds: The duration of a `stall`.
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


class WatchedProvider(abc.ABC):
    """Serves on a port of 127.0.0.1 while it is open, keeps the requests, and injects faults.

    Use it in a `with` block, or `start` and `close` it. Its methods may be called from any thread.

    Args:
        faults: The faults from the beginning on.
        port: The port; 0: a free one.
    """

    fault_kinds: ClassVar[frozenset[str]] = Fault.KINDS
    """The kinds of faults that it can inject."""

    def __init__(self, *, faults: Sequence[Fault] = (), port: int = 0) -> None:
        self._lock = threading.RLock()
        self._requests: list[Request] = []
        # Fault and the number of requests that it will still affect; None: all.
        self._faults: list[tuple[Fault, int | None]] = []
        self._started = time.monotonic()
        for fault in faults:
            self.add_fault(fault)
        self._server = LoopbackServer(self._answer, port)

    def start(self) -> Self:
        """Serve until `close`. For a notebook, in which a `with` block does not fit."""
        self._server.__enter__()
        return self

    def close(self) -> None:
        """Stop: connections are refused from now on."""
        self._server.__exit__()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The URL of the server, without a slash at its end."""
        return self._server.url

    # ---- requests and faults ---------------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order of the responses."""
        with self._lock:
            return list(self._requests)

    def paths(self) -> list[str]:
        """Return the paths of the requests, with their query, in the order of the responses."""
        return [request.path for request in self.requests]

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._requests.clear()

    def add_fault(self, fault: Fault) -> None:
        """Add a fault. The first fault that matches a path counts.

        Raises:
            ValueError: This provider cannot inject faults of that kind.
        """
        if fault.kind not in self.fault_kinds:
            raise ValueError(f"A {type(self).__name__} has no faults of the kind '{fault.kind}'.")
        with self._lock:
            self._faults.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    # ---- answering: a thread for each connection -------------------------------------------------------

    @abc.abstractmethod
    def _answer(self, asked: Asked) -> Given | None:
        """Return the response, None for a reset. It applies a fault first, and keeps the request before it returns."""

    def _next_fault(self, path: str) -> Fault | None:
        """Return the fault of a request, and count it as one of the fault's times."""
        with self._lock:
            for place, (fault, left) in enumerate(self._faults):
                if left != 0 and fnmatch.fnmatchcase(path, fault.path):
                    if left is not None:
                        self._faults[place] = (fault, left - 1)
                    return fault
        return None

    def _keep(self, method: str, path: str, status: int, arrived: float, headers: Mapping[str, str]) -> None:
        """Keep a request before its response is sent. `arrived` is a time of `time.monotonic`."""
        with self._lock:
            self._requests.append(Request(method, path, status, arrived - self._started, headers))
