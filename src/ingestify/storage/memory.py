"""Objects in memory, for tests and for trial runs of a source."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from ingestify.clock import now
from ingestify.domain.ports import Leftovers, PartialObject, StoredObject, TemporaryObject
from ingestify.errors import IntegrityError

__all__ = ["MemoryStorage"]


class _MemoryTemporary:
    def __init__(self) -> None:
        self.buffer = bytearray()

    def write(self, data: bytes) -> None:
        self.buffer += data

    def restart(self) -> None:
        self.buffer.clear()

    def finish(self) -> None:
        """Memory needs no sync."""

    def open(self) -> BinaryIO:
        return io.BytesIO(bytes(self.buffer))

    def discard(self) -> None:
        self.buffer = bytearray()


class MemoryStorage:
    """Implements `domain.ports.Storage` with a dict. Its objects end with the process."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, StoredObject]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "memory"

    def create_temporary(self) -> TemporaryObject:
        """Begin an object."""
        return _MemoryTemporary()

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:  # noqa: ARG002 - the port's
        """Return None: nothing here outlives the process."""
        return None

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Put finished objects under their paths."""
        with self._lock:
            for temporary, path in objects:
                assert isinstance(temporary, _MemoryTemporary)
                content = bytes(temporary.buffer)
                self._objects[path] = (content, StoredObject(path, len(content), now()))

    def settle(self) -> None:
        """Memory needs no sync."""

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading."""
        with self._lock:
            found = self._objects.get(path)
        if found is None:
            raise IntegrityError(
                f"The object {path} is in the catalogue and not in memory: run again to fetch it anew."
            )
        return io.BytesIO(found[0])

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""
        with self._lock:
            found = self._objects.get(path)
        return None if found is None else found[1].size

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects."""
        with self._lock:
            return sum(
                self._objects.pop(path, None) is not None
                for path in paths
                if unless_written_since is None
                or path not in self._objects
                or self._objects[path][1].modified_at <= unless_written_since
            )

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below `prefix`, by path."""
        with self._lock:
            found = sorted(
                (
                    stored
                    for path, (_, stored) in self._objects.items()
                    if path.startswith(prefix) and not path.startswith(".")
                ),
                key=lambda stored: stored.path,
            )
        yield from found

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:  # noqa: ARG002
        """Return none: temporary objects end with the process."""
        return Leftovers()
