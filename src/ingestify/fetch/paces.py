"""One client's pace for each host."""

from __future__ import annotations

import threading

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.pace import Pace
from ingestify.fetch.rate_limit import RateLimit
from ingestify.fetch.request import origin

__all__ = ["Paces"]


class Paces:
    """A client's `Pace` for each host (scheme, name and port)."""

    def __init__(self, name: str, options: HttpOptions) -> None:
        self._name = name
        self._options = options
        self._limit = RateLimit(options.requests_per_second)
        self._by_prefix: dict[str, Pace] = {}
        self._by_origin: dict[tuple[str, str, int | None], Pace] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> Pace:
        """Return the pace of a URL's host."""
        # Parsed once for each way a host is written, and not for each of its files.
        prefix = "/".join(url.partition("?")[0].split("/", 3)[:3])
        pace = self._by_prefix.get(prefix)
        if pace is None:
            key = origin(url)
            with self._lock:
                if key not in self._by_origin:
                    self._by_origin[key] = Pace(self._name, key[1], self._options, self._limit)
                pace = self._by_prefix[prefix] = self._by_origin[key]
        return pace
