"""The provisional revisions that somebody needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

__all__ = ["KeptRevisionsPort"]


class KeptRevisionsPort(Protocol):
    """Which revisions are never thinned."""

    def find(self, dataset_ids: Sequence[str]) -> Mapping[str, Collection[int]]:
        """Return the numbers of the revisions of datasets that are kept."""

    def keep(self, revisions: Collection[tuple[str, int]], why: str) -> None:
        """Keep revisions from now on.

        Args:
            revisions: The id of a dataset, and the number of a revision.
            why: What names them, for people.

        Raises:
            SaveError: The catalogue refused; this user may only read it, for example.
        """
