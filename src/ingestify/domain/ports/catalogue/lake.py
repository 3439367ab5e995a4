"""Which lake a catalogue belongs to."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.lake import Lake

__all__ = ["LakePort"]


class LakePort(Protocol):
    """The identity of a catalogue's lake."""

    def find(self) -> Lake | None:
        """Return the lake; None: an archive of before lakes had ids, which this user may only read."""

    def has_given_mark(self, mark: str) -> bool:
        """Whether a mark is one of those that this catalogue gave to its last writers."""

    def add_mark(self, mark: str, storage: str) -> Lake:
        """Remember a mark that is about to be written to the storage, and where that is. Returns the lake."""

    def begin_epoch(self, lake_id: str, epoch: int) -> Lake:
        """Begin an epoch; events from now on belong to it. No mark of before is known any more. Returns the lake."""

    def sample_paths(self, limit: int) -> tuple[list[str], list[str]]:
        """Return some paths that rows name, the newest ones, and some that no row names any more."""
