"""The identity of a catalogue's lake."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.lake import Lake

__all__ = ["LakePort"]


class LakePort(Protocol):
    """The identity of a catalogue's lake."""

    def find(self) -> Lake | None:
        """Return the lake; None: a read-only archive from before lakes had ids."""

    def has_given_mark(self, mark: str) -> bool:
        """Whether this catalogue gave that mark to one of its last writers."""

    def add_mark(self, mark: str, storage: str) -> Lake:
        """Save a mark before it is written to the storage, with the storage's URL. Returns the lake."""

    def begin_epoch(self, lake_id: str, epoch: int) -> Lake:
        """Begin an epoch, which later events belong to, and remove all marks. Returns the lake."""

    def sample_paths(self, limit: int) -> tuple[list[str], list[str]]:
        """Return some of the newest paths that rows name, and some paths of orphaned objects."""
