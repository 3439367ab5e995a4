"""What simulated providers have in common: they keep what they were asked, and go wrong where they are told to."""

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
    """One request that was answered.

    Attributes:
        path: Below the provider's root, such as `events/12.json`, with its query.
        status: The answer's; 0 where the connection was reset or stalled before one.
        at_seconds: Since the provider started, when the request had been read.
        headers: Names in lower case.
    """

    method: str
    path: str
    status: int
    at_seconds: float
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. It is a value: one may be given to several providers.

    Attributes:
        path: Which paths below the provider's root, with `*` as in file names.
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


class WatchedProvider(abc.ABC):
    """Serves on a free port of 127.0.0.1 while it is open, keeps what it was asked, and goes wrong where it is told to.

    Use it in a `with` block, or `start` and `close` it. Its methods may be called from any thread.

    Args:
        faults: What goes wrong from the beginning.
        port: 0: a free one.
    """

    fault_kinds: ClassVar[frozenset[str]] = Fault.KINDS
    """The kinds of faults that it can do."""

    def __init__(self, *, faults: Sequence[Fault] = (), port: int = 0) -> None:
        self._lock = threading.RLock()
        self._requests: list[Request] = []
        # A fault and how often it is still to happen; None: always.
        self._faults: list[tuple[Fault, int | None]] = []
        self._started = time.monotonic()
        for fault in faults:
            self.add_fault(fault)
        self._server = LoopbackServer(self._answer, port)

    def start(self) -> Self:
        """Serve until `close`, where a `with` block does not fit, as in a notebook."""
        self._server.__enter__()
        return self

    def close(self) -> None:
        """Go away: whoever asks from now on is refused the connection."""
        self._server.__exit__()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the server is, without a slash at its end."""
        return self._server.url

    # ---- what was asked, and what goes wrong -----------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order of the answers."""
        with self._lock:
            return list(self._requests)

    def paths(self) -> list[str]:
        """Return the paths that were asked for, with their query, in the order of the answers."""
        return [request.path for request in self.requests]

    def clear_requests(self) -> None:
        """Forget what was asked so far."""
        with self._lock:
            self._requests.clear()

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong from now on. The first fault that fits a path counts.

        Raises:
            ValueError: It is of a kind that this provider cannot do.
        """
        if fault.kind not in self.fault_kinds:
            raise ValueError(f"A {type(self).__name__} has no faults of the kind '{fault.kind}'.")
        with self._lock:
            self._faults.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    # ---- answering: a thread for each connection -------------------------------------------------------

    @abc.abstractmethod
    def _answer(self, asked: Asked) -> Given | None:
        """Answer a request; None: the connection is reset. A fault comes first, and before it returns, it is kept."""

    def _next_fault(self, path: str) -> Fault | None:
        """Return what is to go wrong with a request, which counts as one of its times."""
        with self._lock:
            for place, (fault, left) in enumerate(self._faults):
                if left != 0 and fnmatch.fnmatchcase(path, fault.path):
                    if left is not None:
                        self._faults[place] = (fault, left - 1)
                    return fault
        return None

    def _keep(self, method: str, path: str, status: int, arrived: float, headers: Mapping[str, str]) -> None:
        """Keep a request, which was read at a moment of `time.monotonic`: who has an answer finds its request."""
        with self._lock:
            self._requests.append(Request(method, path, status, arrived - self._started, headers))
