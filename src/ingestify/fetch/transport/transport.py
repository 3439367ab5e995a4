"""The port of what sends a request and receives its response, and the errors of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from ingestify.fetch.transport.address_policy import AddressPolicy

__all__ = ["AddressForbidden", "BadUrl", "RawResponse", "Transport", "TransportError"]


class TransportError(Exception):
    """A request or its response did not get through.

    Attributes:
        stale: Whether the provider had closed a kept connection before it answered. This is no fault.
        remedy: What to do, where another try would fail in the same way; None: another try may succeed.
        unreached: Whether there was no connection, or no TLS on it.
    """

    def __init__(
        self, message: str, *, stale: bool = False, remedy: str | None = None, unreached: bool = False
    ) -> None:
        super().__init__(message)
        self.stale = stale
        self.remedy = remedy
        self.unreached = unreached


class BadUrl(Exception):
    """No request can be sent to this URL."""


class AddressForbidden(Exception):
    """The host has only addresses that the request may not be sent to, so it was not sent.

    Attributes:
        address: The first of these addresses.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class RawResponse(Protocol):
    """A response whose body is still on the wire."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def address(self) -> str | None:
        """The IP address that sent it; None: it came through a proxy, which alone knows."""

    def iter_wire(self) -> Iterator[bytes]:
        """Yield the body's bytes as they come. Raises a TransportError if fewer come than were announced."""


class Transport(Protocol):
    """Sends one request. Safe to use from any thread."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: AddressPolicy, body: bytes | None = None
    ) -> AbstractContextManager[RawResponse]:
        """Send a request, and return its response as a context.

        Leaving the context keeps the connection, or closes it if the body was not read. The transport does not retry,
        follow redirects or decode.

        Args:
            method: `GET` or `POST`.
            url: http or https, without userinfo and fragment.
            headers: Sent as they are.
            addresses: The addresses that the request may be sent to.
            body: The body of a POST; None: the request has none.

        Raises:
            TransportError: There was no response.
            AddressForbidden: The host has none of these addresses.
            BadUrl: No request can be sent to the URL.
            ConfigurationError: The environment's proxy is of a kind that is not supported.
        """

    def abort(self) -> None:
        """Shut down every open connection; each thread that waits on one gets a TransportError now."""

    def close(self) -> None:
        """Close all connections."""
