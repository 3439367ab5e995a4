"""The settings of the HTTP client of one source."""

from __future__ import annotations

import msgspec

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


class HttpOptions(msgspec.Struct, frozen=True):
    """The settings of the HTTP client of one source.

    Attributes:
        requests_per_second: The most requests, evenly spaced; None: as many as each host permits (see
            `fetch.throttling`).
        max_concurrency: The most requests in flight; None: as many as each host permits.
        connect_timeout_seconds: How long a connection may take to be made.
        read_timeout_seconds: How long the next bytes of a response may take; not the whole response.
        attempts: How often a request is tried in all.
        backoff_base_seconds: The longest first pause; each further pause may be twice as long.
        backoff_cap_seconds: The longest pause between two tries, unless the provider asks for one.
        max_retry_after_seconds: The longest pause that a host may ask for. The client does not wait for a longer one,
            but sends no request to this host until it is over.
        user_agent: The User-Agent header.
        max_redirects: How many redirects are followed for one request.
        connections: How many connections are kept open for each host.
        total_seconds: How long one response may take; None: any time, if it is not too slow.
        least_bytes_per_second: A response that is slower, over twice `read_timeout_seconds` of waiting, is given up;
            0: none is.
        max_index_bytes: The most bytes that `get` takes into memory: on the wire, decoded, and as JSON values.
        max_file_bytes: The most bytes of a file, on the wire and decoded.
        max_expansion: How many bytes may become of one, where a Content-Encoding is decoded.
        max_pages: How many pages one pager follows.
        redirect_hosts: The hosts that the provider may lead to, beside its own: names, `*.example.com`, and addresses;
            see `fetch.transport.address_policy`.

    Raises:
        ConfigurationError: A number is not in its range, or an entry of `redirect_hosts` is none.
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
        msgspec.structs.force_setattr(self, "redirect_hosts", tuple(self.redirect_hosts))
        AllowedHosts.parse(self.redirect_hosts)
