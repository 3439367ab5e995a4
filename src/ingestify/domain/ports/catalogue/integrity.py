"""The rows that name objects, for garbage collection, verification and repair."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from ingestify.domain.damage import Damage, FileRecord

__all__ = ["DeletionsPort", "IntegrityCheckPort", "RowRepairPort"]


class DeletionsPort(Protocol):
    """The objects that lost their last row."""

    def find_orphaned(self, paths: Sequence[str], since: dt.datetime) -> set[str]:
        """Return those of `paths` that no row names, nor has named at `since` or later: readers may still use those.

        Rows of the quarantine count, whatever the state of their entry is.
        """

    def forget(self, until: dt.datetime) -> int:
        """Remove the rows of objects that were deleted up to a moment. Returns how many there were."""


class IntegrityCheckPort(Protocol):
    """The rows as they are: which objects they name, and whether they agree with each other."""

    def iter_file_records(self, bucket: str | None = None) -> Iterator[list[FileRecord]]:
        """Yield the rows that name objects, in the order of the paths; all rows of one path together.

        Args:
            bucket: The bucket; None: any.
        """

    def find_file_records(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return the rows that name any of `paths` now."""

    def find_records_by_tag(self, tags: Sequence[str]) -> list[FileRecord]:
        """Return the rows whose bytes have one of these hashes. It may read all rows, so pass many hashes at once."""

    def iter_row_damages(self, bucket: str | None = None) -> Iterator[Damage]:
        """Yield the damages of rows. The rows of a dataset are read at one moment.

        Args:
            bucket: The bucket; None: any. Rows without a dataset belong to every bucket.
        """


class RowRepairPort(Protocol):
    """Repairs of a catalogue's rows."""

    def restore_revisions(self, dataset_ids: Sequence[str]) -> None:
        """Restore lost revisions from their files' rows, and make each dataset's newest revision its current one."""

    def request_full_fetch(self, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch datasets in full whose current revision is VALIDATION_FAILED; others stay.

        Without this call, a dataset that was fetched since its invalidation is requested conditionally.
        """

    def confirm_revisions(self, dataset_ids: Sequence[str]) -> int:
        """Confirm current revisions that were invalidated with a reason that begins with `damage.DAMAGED`.

        Returns how many there were.
        """

    def correct_sizes(self, path: str, tag: str, size: int, storage_size: int) -> None:
        """Write the true sizes of an object into the rows that name it with these bytes."""

    def remove_dangling(self) -> int:
        """Remove rows whose dataset or quarantine entry does not exist. Returns how many there were.

        Their objects count as deleted now.
        """
