"""How one provider is asked."""

from __future__ import annotations

import dataclasses

from ingestify._version import __version__
from ingestify.errors import ConfigurationError
from ingestify.fetch.json_values import MOST_INDEX_BYTES
from ingestify.fetch.transport.address_policy import AllowedHosts

__all__ = ["HttpOptions"]


_LEAST = {
    "attempts": 1,
    "connections": 1,
    "max_redirects": 0,
    "backoff_base_seconds": 0,
    "least_bytes_per_second": 0,
    "max_index_bytes": 1,
    "max_file_bytes": 1,
    "max_expansion": 1,
    "max_pages": 1,
}


@dataclasses.dataclass(frozen=True, slots=True)
class HttpOptions:
    """How one provider is asked.

    Attributes:
        requests_per_second: At most, evenly spaced; None: as fast as each host lets (see `fetch.pace`).
        max_concurrency: Requests in flight at most; None: as many as each host lets.
        connect_timeout_seconds: For a connection to be made.
        read_timeout_seconds: For the next bytes to come; not for the whole answer.
        attempts: How often a request is tried in all.
        backoff_base_seconds: The first pause is up to this long, each further one up to twice as long.
        backoff_cap_seconds: No pause of ours is longer.
        max_retry_after_seconds: A host that asks for a longer pause is not waited for, but left alone until then.
        max_redirects: How many are followed for one request.
        connections: How many are kept open for each host.
        total_seconds: How long one answer may take; None: as long as it does, if it is not too slow.
        least_bytes_per_second: An answer that brings less is given up; 0: none is. It is looked at over twice
            `read_timeout_seconds` of waiting.
        max_index_bytes: The most that `get` takes into memory: as it came, decoded, and what its JSON becomes.
        max_file_bytes: The most that a file may have, as it came and decoded.
        max_expansion: How many bytes may become of one that came, where a Content-Encoding is undone.
        max_pages: How many pages one pager follows.
        redirect_hosts: Where the provider may lead to beside its own host: names, `*.example.com`, and addresses; see
            `fetch.transport.address_policy`.

    Raises:
        ConfigurationError: A number is not in its range.
    """

    requests_per_second: float | None = None
    max_concurrency: int | None = None
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    attempts: int = 5
    backoff_base_seconds: float = 0.5
    backoff_cap_seconds: float = 30.0
    max_retry_after_seconds: float = 120.0
    user_agent: str = f"ingestify/{__version__}"
    max_redirects: int = 10
    connections: int = 64
    total_seconds: float | None = None
    least_bytes_per_second: float = 100.0
    max_index_bytes: int = MOST_INDEX_BYTES
    max_file_bytes: int = 64_000_000_000
    max_expansion: float = 200.0
    max_pages: int = 10_000
    redirect_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "requests_per_second",
            "max_concurrency",
            "connect_timeout_seconds",
            "read_timeout_seconds",
            "total_seconds",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} is {value!r}; it must be more than 0, or left out.")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least {least}.")
        object.__setattr__(self, "redirect_hosts", tuple(self.redirect_hosts))
        AllowedHosts.parse(self.redirect_hosts)
