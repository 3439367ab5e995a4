"""Port of the storage: the lake's objects, and staged objects that are being written."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Protocol

__all__ = ["Leftovers", "PartialObject", "Storage", "StoredObject", "TemporaryObject"]


class TemporaryObject(Protocol):
    """A staged object, which is being written and which readers do not see."""

    def write(self, data: bytes) -> object:
        """Append bytes."""

    def restart(self) -> None:
        """Forget what was written."""

    def finish(self) -> None:
        """Make what was written durable; nothing is written after that."""

    def open(self) -> BinaryIO:
        """Read back what was written so far."""

    def discard(self) -> None:
        """Remove it. Harmless when it was published or discarded already."""


class PartialObject(TemporaryObject, Protocol):
    """A temporary object that may outlive its process, with notes about its content.

    One thread holds it at a time; the end of its process releases it. Nothing of it is durable before `finish`: after a
    power loss any part of it, and of its notes, may be missing or zeros. `restart` removes the notes too.
    """

    def read_notes(self) -> bytes:
        """Return the notes."""

    def add_note(self, note: bytes) -> None:
        """Append to the notes."""

    def cut(self, size: int, notes_size: int) -> None:
        """Keep the first `size` bytes of the object and the first `notes_size` bytes of the notes."""

    def keep(self) -> None:
        """Release it, so that it can be taken by its key again. After `publish` this does nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that storage lists."""

    path: str
    size: int
    modified_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Leftovers:
    """Staged objects that were never published.

    Attributes:
        count: How many objects.
        size: Their bytes.
    """

    count: int = 0
    size: int = 0


class Storage(Protocol):
    """Immutable objects by path. Paths are relative, with `/`. Every method may be called from any thread.

    All raise StoreError, which names the path, when the storage refuses.
    """

    def create_temporary(self) -> TemporaryObject:
        """Begin an object."""

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:
        """Take the unfinished object that goes by `key`, to the exclusion of every other thread and process.

        Args:
            key: Up to 64 letters and digits.
            create: Whether to begin one if there is none.

        Returns:
            None: another thread or process holds it, or there is none, or this storage does not keep partial objects.
        """

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Move finished objects to their paths; `settle` makes that durable.

        A path is derived from the content, so an object that exists already has the same bytes, and writing it again is
        harmless.
        """

    def settle(self) -> None:
        """Wait until all objects that were published survive a power loss.

        Called once before each commit of rows that name objects. A storage whose `publish` waits has nothing to do.
        """

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading. Raises IntegrityError if it is not there."""

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects; those that are not there count as removed. Returns how many were there.

        An object that was written after `unless_written_since` is kept: a run may be about to commit it again.
        """

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below `prefix`, lazily.

        Temporary objects are not among them, nor any path that begins with a dot: no bucket's name does.
        """

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:
        """Remove temporary objects that nobody holds.

        Args:
            written_before: Only objects that nobody has written to since that moment.
            dry_run: Remove nothing.

        Returns:
            What was removed, or would be.
        """
