"""The catalogue's rows that name objects: what collecting garbage, verifying and repairing ask of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from ingestify.domain.damage import Damage, FileRecord

__all__ = ["DeletionsPort", "IntegrityCheckPort", "RowRepairPort"]


class DeletionsPort(Protocol):
    """The objects that no row names any more."""

    def find_orphaned(self, paths: Sequence[str], since: dt.datetime) -> set[str]:
        """Return those of `paths` that no row names, nor did at `since` or later: a reader may still be at those.

        Rows of the quarantine count, whatever state their entry is in.
        """

    def forget(self, until: dt.datetime) -> int:
        """Forget which objects lost their last row up to a moment. Returns how many there were."""


class IntegrityCheckPort(Protocol):
    """The rows of a catalogue as they are: which objects they name, and whether they agree."""

    def iter_file_records(self, bucket: str | None = None) -> Iterator[list[FileRecord]]:
        """Yield the rows that name objects, lazily, in the order of their paths; all rows of one path together.

        Args:
            bucket: None: any.
        """

    def find_file_records(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return the rows that name any of `paths` at this moment."""

    def find_records_by_tag(self, tags: Sequence[str]) -> list[FileRecord]:
        """Return the rows whose bytes have one of these hashes. It may read all rows, so ask for many at once."""

    def iter_row_damages(self, bucket: str | None = None) -> Iterator[Damage]:
        """Yield what is wrong with the rows themselves, each dataset's as they are at one moment.

        Args:
            bucket: None: any. Rows that belong to nothing are of every bucket.
        """


class RowRepairPort(Protocol):
    """Repairs of a catalogue's rows."""

    def restore_revisions(self, dataset_ids: Sequence[str]) -> None:
        """Make lost revisions again from their files' rows, and let each dataset call its newest one current."""

    def request_full_fetch(self, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch datasets in full whose current revision is VALIDATION_FAILED; others stay as they are.

        One that was marked and asked for since then is otherwise asked for conditionally.
        """

    def confirm_revisions(self, dataset_ids: Sequence[str]) -> int:
        """Trust current revisions again that were invalidated with a reason that begins with `damage.DAMAGED`.

        Returns how many there were.
        """

    def correct_sizes(self, path: str, tag: str, size: int, storage_size: int) -> None:
        """Write the sizes that an object has into each row that names it with these bytes."""

    def remove_dangling(self) -> int:
        """Remove rows whose dataset or quarantine entry is not there. Returns how many there were.

        Their objects count as deleted now.
        """
