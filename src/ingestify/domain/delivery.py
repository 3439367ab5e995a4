"""Deliveries: files that somebody puts where we can read them, into a folder, a bucket, or on a server."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol, runtime_checkable

__all__ = ["DeliveredFile", "Delivery", "OpenDelivery", "PassedOver", "ReadsDeliveries"]


@dataclasses.dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file, as a listing shows it.

    Attributes:
        path: Below the delivery's location, with `/`; as its system spells it.
        size: In bytes.
        modified_at: When it was last written, in UTC.
        version: Another text whenever its bytes may be others: its ETag, or its size and time.
    """

    path: str
    size: int
    modified_at: dt.datetime
    version: str


@dataclasses.dataclass(frozen=True, slots=True)
class PassedOver:
    """Something in a listing that is not read.

    Attributes:
        path: As far as it can be shown.
        reason: Why, as the end of a sentence.
        hides: Whether there may be files behind it, so that the listing is not whole.
    """

    path: str
    reason: str
    hides: bool = False


class Delivery(Protocol):
    """A place with delivered files. Safe to use from any thread. Nothing is ever written to it, or removed."""

    def iter_files(self, folder: str = "") -> Iterator[DeliveredFile | PassedOver]:
        """Yield what is below a folder, and below its folders.

        Args:
            folder: With a `/` at its end; empty: all. One that is not there holds nothing.

        Raises:
            SourceError: The location itself cannot be read, or is not there.
        """

    def open(self, file: DeliveredFile) -> BinaryIO:
        """Open a file for reading; it can seek, and memory does not grow with it.

        Whoever reads it from its beginning to its end gets the version that was listed, or a SourceError.

        Raises:
            SourceError: It cannot be read, or is another one by now.
        """

    def close(self) -> None:
        """Let go of connections; they are made anew when they are needed."""


OpenDelivery = Callable[[str, Mapping[str, Any]], Delivery]
"""`(location, options)` → the delivery. Nothing is asked over the network yet."""


@runtime_checkable
class ReadsDeliveries(Protocol):
    """A source that reads deliveries. The engine that takes it lets it open them."""

    def attach_deliveries(self, open_delivery: OpenDelivery) -> None:
        """Remember how deliveries are opened."""

    def close_deliveries(self) -> None:
        """Let go of connections."""
