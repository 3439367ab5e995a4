"""One client's limiter for each host."""

from __future__ import annotations

import threading

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.request import DEFAULT_PORTS, origin
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.budgets import SourceBudget
from ingestify.fetch.throttling.rate_limit import RateLimit
from ingestify.fetch.throttling.waits import Waits

__all__ = ["HostLimiters"]


class HostLimiters:
    """A client's `AdaptiveLimiter` for each host (scheme, name and port).

    Args:
        waits: How long hosts asked to be left alone, whoever asked them.
        budget: How many requests all hosts together get; None: any number.
    """

    def __init__(
        self, name: str, options: HttpOptions, waits: Waits | None = None, budget: SourceBudget | None = None
    ) -> None:
        self._name = name
        self._waits = Waits() if waits is None else waits
        self._options = options
        self._budget = budget
        self._limit = RateLimit(options.requests_per_second)
        self._by_prefix: dict[str, AdaptiveLimiter] = {}
        self._by_origin: dict[tuple[str, str, int | None], AdaptiveLimiter] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> AdaptiveLimiter:
        """Return the limiter of a URL's host."""
        # Parsed once for each way a host is written, and not for each of its files.
        prefix = "/".join(url.partition("?")[0].split("/", 3)[:3])
        limiter = self._by_prefix.get(prefix)
        if limiter is None:
            scheme, host, port = key = origin(url)
            shown = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
            new = AdaptiveLimiter(self._name, shown, self._options, self._limit, self._waits, self._budget)
            with self._lock:
                limiter = self._by_prefix[prefix] = self._by_origin.setdefault(key, new)
        return limiter
