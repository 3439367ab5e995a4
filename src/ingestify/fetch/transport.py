"""The edge to whatever sends requests: one request out, one answer in, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

__all__ = ["Answer", "BadUrl", "Transport", "TransportError"]


class TransportError(Exception):
    """A request or an answer did not get through.

    Attributes:
        stale: A kept connection was closed by the provider before it answered: no fault of anybody's.
        permanent: Another try will not change it: the provider's certificate is not trusted.
    """

    def __init__(self, message: str, *, stale: bool = False, permanent: bool = False) -> None:
        super().__init__(message)
        self.stale = stale
        self.permanent = permanent


class BadUrl(Exception):
    """The URL is none that can be asked."""


class Answer(Protocol):
    """An answer whose body is still on the wire."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    def iter_wire(self) -> Iterator[bytes]:
        """Yield the body's bytes as they come; TransportError if fewer came than were announced."""


class Transport(Protocol):
    """Sends one request. Safe to use from any thread."""

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """Open an answer; leaving the context gives its connection back, or closes it if it was not read.

        No retry, no redirect, nothing decoded.

        Raises:
            TransportError: There was no answer.
            BadUrl: There can be none.
            ConfigurationError: The environment's proxy is of a kind that is not supported.
        """

    def abort(self) -> None:
        """Shut every open connection down, so that whoever waits on one gets a TransportError now."""

    def close(self) -> None:
        """Close all connections."""
