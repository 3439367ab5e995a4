"""Where the lake's objects are, and where bytes are on their way there."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Protocol

__all__ = ["Leftovers", "PartialObject", "Storage", "StoredObject", "TemporaryObject"]


class TemporaryObject(Protocol):
    """Bytes on their way into the lake, visible to nobody."""

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
    """A temporary object that may outlive its process, with notes beside it that say what it is.

    Whoever has it has it alone; with the process that ends. Nothing of it is durable before `finish`: after a power
    loss any part of it, and of its notes, may be missing or zeros. `restart` forgets the notes too.
    """

    def read_notes(self) -> bytes:
        """Return what was noted so far."""

    def add_note(self, note: bytes) -> None:
        """Append to the notes."""

    def cut(self, size: int, notes_size: int) -> None:
        """Forget the object's bytes behind the first `size`, and the notes behind the first `notes_size`."""

    def keep(self) -> None:
        """Let go of it, for whoever takes it by its key. Of a published one, nothing is left to be kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that storage lists."""

    path: str
    size: int
    modified_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Leftovers:
    """What was on its way into the lake and never arrived.

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
            None: somebody else has it, or there is none, or this storage keeps none, which any may do.
        """

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Move finished objects to their paths, durably: when this returns they survive a power loss.

        A path names its content, so one that exists already holds the same bytes, and writing it again
        is harmless.
        """

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading. Raises IntegrityError if it is not there."""

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects; those that are not there count as removed. Returns how many were there.

        Those written after `unless_written_since` are left: somebody may be about to name them again.
        """

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below `prefix`, lazily.

        Temporary ones are not among them, nor is anything else whose first part begins with a dot, as no bucket's does.
        """

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:
        """Remove temporary objects that nobody has written to since, and that nobody holds.

        Args:
            dry_run: Only look.

        Returns:
            What was removed, or would be.
        """
