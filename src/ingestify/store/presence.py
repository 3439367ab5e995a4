"""The checks that a commit names only objects that are durable, and are there although others remove objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ingestify.domain.ports import ObjectsInDoubt, RemovalsPort, Storage
from ingestify.errors import SaveError
from ingestify.failpoints import failpoint
from ingestify.remedies import remedy

__all__ = ["ObjectsGone", "Presence"]

T = TypeVar("T")

LONGEST_REMOVAL_SECONDS = 30.0
"""How long a commit waits for a removal of its objects to end. A removal takes as long as a request or two."""

_POLL_SECONDS = 0.05
_LOOKED_UP_AT_ONCE = 16


class ObjectsGone(Exception):
    """Objects of a commit are gone, and must be written again. This error does not leave the store."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = frozenset(paths)


class Presence:
    """Lets commits name only objects that are in the storage, and stay there after a power loss.

    Attributes:
        removals_seen: The last known removal that has ended. A writer reads it before it writes objects, and gives it
            to the commit. The objects are only looked up if there was a later removal.
    """

    def __init__(self, removals: RemovalsPort, storage: Storage) -> None:
        self._removals = removals
        self._storage = storage
        self.removals_seen = 0

    def commit(self, removals_seen: int, commit: Callable[[int], T]) -> T:
        """Settle what was published, and call `commit` until it succeeds.

        Args:
            removals_seen: The last removal that had ended before the objects were written.
            commit: Commits, if there was no removal of its objects after the one that it is given.

        Raises:
            ObjectsGone: Some objects are gone; nothing was committed.
            SaveError: Somebody is removing some of the objects, and does not end.
            StoreError: The objects could not be made durable.
        """
        self._storage.settle()
        failpoint("commit.settled")
        until = time.monotonic() + LONGEST_REMOVAL_SECONDS
        while True:
            try:
                return commit(removals_seen)
            except ObjectsInDoubt as doubt:
                if not doubt.being_removed:
                    removals_seen = self.removals_seen = doubt.last_removal
                    self._require(doubt.paths)
                    continue
                if not self._removals.end_dead():
                    if time.monotonic() > until:
                        raise SaveError(
                            f"{len(doubt.being_removed)} objects are being removed, such as {doubt.being_removed[0]}, "
                            f"and the removal does not end. Find the {remedy('gc')} or {remedy('delete --now')} that "
                            "is still running, let it finish, and run again."
                        ) from doubt
                    time.sleep(_POLL_SECONDS)

    def _require(self, paths: Sequence[str]) -> None:
        with ThreadPoolExecutor(min(_LOOKED_UP_AT_ONCE, len(paths)), "find-objects") as pool:
            sizes = pool.map(self._storage.get_size, paths)
            gone = [path for path, size in zip(paths, sizes, strict=True) if size is None]
        if gone:
            raise ObjectsGone(gone)
