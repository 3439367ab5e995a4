"""Deliveries: files that somebody puts into a folder, a bucket, or on a server, for the lake to read."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol, runtime_checkable

from ingestify.domain.ports import Storage

__all__ = [
    "QUIET_SECONDS",
    "DeliveredFile",
    "Delivery",
    "DeliveryWithEvents",
    "OpenDelivery",
    "OpenInbox",
    "ReadsDeliveries",
    "ReadsInbox",
    "SkippedEntry",
]

QUIET_SECONDS = 1.0
"""How long nothing happens in a place before its events are told of."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file, as a listing shows it.

    Attributes:
        path: The path below the delivery's location, with `/`.
        size: In bytes.
        modified_at: When it was last written, in UTC.
        version: A text that differs whenever the bytes may differ: the ETag, or the size and time.
    """

    path: str
    size: int
    modified_at: dt.datetime
    version: str


@dataclasses.dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry of a listing that is not read.

    Attributes:
        path: The path, as far as it can be shown.
        reason: Why, as the end of a sentence.
        hides: Whether there may be files behind it, so that the listing is not whole.
    """

    path: str
    reason: str
    hides: bool = False


class Delivery(Protocol):
    """A place with delivered files. Safe to use from any thread. Nothing is ever written to it, or removed."""

    def iter_files(self, folder: str = "") -> Iterator[DeliveredFile | SkippedEntry]:
        """Yield the files in a folder and in all folders below it.

        Args:
            folder: Ends with `/`; empty: everything. A folder that does not exist has no files.

        Raises:
            SourceError: The location itself cannot be read, or does not exist.
        """

    def open(self, file: DeliveredFile) -> BinaryIO:
        """Open a file for reading. The stream can seek, and does not hold the whole file in memory.

        Reading it from beginning to end returns the version that was listed, or raises a SourceError.

        Raises:
            SourceError: It cannot be read, or has changed since the listing.
        """

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""


@runtime_checkable
class DeliveryWithEvents(Protocol):
    """A place that tells when something happens in it."""

    def find_no_events(self) -> str:
        """Return why it tells nothing, for people; empty: it tells."""

    def following(self, is_wanted: Callable[[str], bool], tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Tell of what happens while the block runs, and at its beginning of what may have happened before.

        Args:
            is_wanted: Whether a path of the delivery is worth telling of.
            tell: Called by another thread, `QUIET_SECONDS` after the last event, with what happened.
        """

    def is_being_written(self, file: DeliveredFile) -> bool | None:
        """Return whether any process has a file open for writing; None: the system does not say."""


OpenDelivery = Callable[[str, Mapping[str, Any]], Delivery]
"""`(location, options)` → the delivery. Nothing is asked over the network yet."""


OpenInbox = Callable[[], Storage]
"""Opens the storage of what is pushed to us, beside the files of the lake. Nothing is asked over the network yet."""


@runtime_checkable
class ReadsInbox(Protocol):
    """A source that reads what is pushed to us. The engine tells it how to open that."""

    def attach_inbox(self, open_inbox: OpenInbox) -> None:
        """Remember how the inbox is opened."""


@runtime_checkable
class ReadsDeliveries(Protocol):
    """A source that reads deliveries. The engine tells it how to open them."""

    def attach_deliveries(self, open_delivery: OpenDelivery) -> None:
        """Remember how deliveries are opened."""

    def close_deliveries(self) -> None:
        """Close the connections."""
