"""No commit names an object that is not there: what it does when objects were removed since its own were written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ingestify.domain.ports import ObjectsInDoubt, RemovalsPort, Storage
from ingestify.errors import SaveError
from ingestify.remedies import remedy

__all__ = ["ObjectsGone", "Presence"]

T = TypeVar("T")

LONGEST_REMOVAL_SECONDS = 30.0
"""So long a commit waits at the most for objects that are being removed; that takes as long as a request or two."""

_POLL_SECONDS = 0.05
_LOOKED_UP_AT_ONCE = 16


class ObjectsGone(Exception):
    """Objects that were to be named are not there; they are to be written again. Nobody outside the store sees it."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = frozenset(paths)


class Presence:
    """Lets commits name only objects that are there.

    Attributes:
        removals_seen: The last removal of objects that is known to have ended. Whoever is to write objects takes it
            before that, and gives it to the commit: then these are looked up only if there was a later one.
    """

    def __init__(self, removals: RemovalsPort, storage: Storage) -> None:
        self._removals = removals
        self._storage = storage
        self.removals_seen = 0

    def commit(self, removals_seen: int, commit: Callable[[int], T]) -> T:
        """Call `commit` with the number of the last removal before which its objects were seen, until it goes through.

        Raises:
            ObjectsGone: Some are not there any more; nothing was committed.
            SaveError: They are being removed by somebody who does not come to an end.
        """
        until = time.monotonic() + LONGEST_REMOVAL_SECONDS
        while True:
            try:
                return commit(removals_seen)
            except ObjectsInDoubt as doubt:
                if not doubt.being_removed:
                    removals_seen = self.removals_seen = doubt.as_of
                    self._require(doubt.paths)
                    continue
                if not self._removals.end_dead():
                    if time.monotonic() > until:
                        raise SaveError(
                            f"{len(doubt.being_removed)} objects are being removed, such as {doubt.being_removed[0]}, "
                            f"and that does not come to an end. See which {remedy('gc')} or {remedy('delete --now')} "
                            f"goes on, let it end, and run again."
                        ) from doubt
                    time.sleep(_POLL_SECONDS)

    def _require(self, paths: Sequence[str]) -> None:
        with ThreadPoolExecutor(min(_LOOKED_UP_AT_ONCE, len(paths)), "look-up") as pool:
            sizes = pool.map(self._storage.get_size, paths)
            gone = [path for path, size in zip(paths, sizes, strict=True) if size is None]
        if gone:
            raise ObjectsGone(gone)
