"""Quarantine: bundles that failed a check. They are kept with the reasons, and readers of the lake do not see them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import FeedState, NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.masking import mask_text

__all__ = ["QuarantineEntry", "QuarantineState", "WaitingBundle"]


class QuarantineState(enum.StrEnum):
    """What became of a bundle in quarantine."""

    OPEN = "OPEN"
    """It waits for the provider, or for a person."""
    ACCEPTED = "ACCEPTED"
    """A person accepted it; it is a revision now."""
    DISCARDED = "DISCARDED"
    """A person discarded it."""
    SUPERSEDED = "SUPERSEDED"
    """The provider served another bundle later, which failed too."""
    RESOLVED = "RESOLVED"
    """The provider served a bundle later that passed, or serves again what the lake has."""


@dataclasses.dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One bundle in quarantine.

    Attributes:
        entry_id: A UUID, as text.
        dataset_id: The dataset that it would change, or the one that it would become.
        dataset_state: The state that the dataset would have.
        reasons: Why it was rejected, a sentence each.
        files: The files that differ from the lake. Those of a discarded entry have no `storage_path` any more.
        removed_file_ids: Files of the lake that the provider has no more, or that the source announces no more;
            accepting the bundle takes them out of the current set.
        missing_feeds: The required feeds that it lacks.
        feeds: The result of the check of each file, with the provider's validators.
        base_revision_id: The revision that was current then; None if there was none.
        source: Its origin: the names of the source, the run and the job.
        created_at: When it was rejected; `checked_at`: when the provider last served the same bundle.
        retry_requested_at: When a person requested to fetch it anew; None: nobody did.
        decided_by: Who accepted or discarded it; empty: nobody.
        note: What that person said.
    """

    entry_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Identifier
    dataset_id: str
    name: str
    state: QuarantineState
    dataset_state: DatasetState
    reasons: tuple[str, ...]
    files: tuple[NewFile, ...]
    removed_file_ids: tuple[str, ...]
    missing_feeds: tuple[str, ...]
    feeds: Mapping[str, FeedState]
    metadata: Mapping[str, JsonValue]
    base_revision_id: int | None
    source: Mapping[str, str]
    created_at: dt.datetime
    checked_at: dt.datetime
    retry_requested_at: dt.datetime | None = None
    decided_at: dt.datetime | None = None
    decided_by: str = ""
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return self.state is QuarantineState.OPEN

    def dataset_to_be(self) -> Dataset:
        """Return the dataset that the bundle would become: without any revision."""
        return Dataset(
            dataset_id=self.dataset_id,
            bucket=self.bucket,
            provider=self.provider,
            dataset_type=self.dataset_type,
            identifier=self.identifier,
            name=self.name,
            state=DatasetState.SCHEDULED,
            metadata=self.metadata,
            created_at=self.created_at,
            updated_at=self.created_at,
            last_modified_at=None,
            missing_feeds=self.missing_feeds,
        )

    def __str__(self) -> str:
        return f"{self.provider}/{self.dataset_type}/{self.identifier}"

    def __repr__(self) -> str:
        first = mask_text(self.reasons[0]) if self.reasons else "no reason"
        more = f" and {len(self.reasons) - 1} more" if len(self.reasons) > 1 else ""
        return f"QuarantineEntry({self.entry_id}, {self}, {self.name!r}, {self.state.value}: {first!r}{more})"


@dataclasses.dataclass(frozen=True, slots=True)
class WaitingBundle:
    """The part of an open entry that readers of its dataset are told; cheap to load for many entries.

    Attributes:
        dataset_id: The dataset that it would change, or the one that it would become.
        is_published: Whether that dataset is in the lake, so that readers see its earlier state.
    """

    entry_id: str
    dataset_id: str
    name: str
    reasons: tuple[str, ...]
    created_at: dt.datetime
    is_published: bool
