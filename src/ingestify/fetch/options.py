"""How one provider is asked."""

from __future__ import annotations

import dataclasses

from ingestify._version import __version__
from ingestify.errors import ConfigurationError

__all__ = ["HttpOptions"]


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
        max_retry_after_seconds: A provider that asks for a longer pause is not waited for.
        max_redirects: How many are followed for one request.
        connections: How many are kept open for each host.
        max_body_bytes: The most that `get` takes into memory, decoded. Files are streamed, and may be any size.

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
    max_body_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "max_concurrency", "connect_timeout_seconds", "read_timeout_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} is {value!r}; it must be more than 0, or left out.")
        for name, least in (("attempts", 1), ("connections", 1), ("max_redirects", 0), ("backoff_base_seconds", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must be at least {least}.")
