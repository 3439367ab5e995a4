"""The edge to whatever sends requests: one request out, one answer in, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from ingestify.fetch.transport.address_policy import AddressPolicy

__all__ = ["AddressForbidden", "BadUrl", "RawResponse", "Transport", "TransportError"]


class TransportError(Exception):
    """A request or an answer did not get through.

    Attributes:
        stale: A kept connection was closed by the provider before it answered: no fault of anybody's.
        remedy: What to do where another try will not change it; None: it may pass.
        unreached: Whether there was not even a connection, or no TLS on it.
    """

    def __init__(
        self, message: str, *, stale: bool = False, remedy: str | None = None, unreached: bool = False
    ) -> None:
        super().__init__(message)
        self.stale = stale
        self.remedy = remedy
        self.unreached = unreached


class BadUrl(Exception):
    """The URL is none that can be asked."""


class AddressForbidden(Exception):
    """The host is at an address that the request may not be sent to; nothing was.

    Attributes:
        address: That address.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class RawResponse(Protocol):
    """An answer whose body is still on the wire."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def address(self) -> str | None:
        """The IP address that answered; None: it is behind a proxy, which alone knows."""

    def iter_wire(self) -> Iterator[bytes]:
        """Yield the body's bytes as they come; TransportError if fewer came than were announced."""


class Transport(Protocol):
    """Sends one request. Safe to use from any thread."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: AddressPolicy, body: bytes | None = None
    ) -> AbstractContextManager[RawResponse]:
        """Open an answer; leaving the context gives its connection back, or closes it if it was not read.

        No retry, no redirect, nothing decoded.

        Args:
            addresses: The addresses that it may be sent to.
            body: Of a POST; None: the request has none.

        Raises:
            TransportError: There was no answer.
            AddressForbidden: The host is at none of these addresses.
            BadUrl: There can be none.
            ConfigurationError: The environment's proxy is of a kind that is not supported.
        """

    def abort(self) -> None:
        """Shut every open connection down, so that whoever waits on one gets a TransportError now."""

    def close(self) -> None:
        """Close all connections."""
