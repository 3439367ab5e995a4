"""Domain events: what changed in the lake. An event on the pitch is called a match event."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import ClassVar

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.dump import Dumped
from ingestify.domain.selector import Selector

__all__ = [
    "LOGGED_EVENTS",
    "SCHEMA_VERSION",
    "DatasetCreated",
    "DatasetDeleted",
    "DatasetEvent",
    "DatasetSkipped",
    "DomainEvent",
    "MetadataUpdated",
    "RevisionAccepted",
    "RevisionAdded",
    "RevisionDiscarded",
    "RevisionInvalidated",
    "RevisionRejected",
    "RevisionWarned",
    "RevisionWithdrawn",
    "RevisionsThinned",
    "SelectorSkipped",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DomainEvent(Dumped):
    """A change in the lake.

    Attributes:
        event_type: The class's name in snake_case, such as `revision_added`.
        occurred_at: When, in UTC.
        position: Its position in the catalogue's event log, which rises; None for an event that is not logged.
    """

    event_type: ClassVar[str] = "domain_event"
    occurred_at: dt.datetime = dataclasses.field(default_factory=now)
    position: int | None = None

    def __init_subclass__(cls) -> None:
        cls.event_type = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, object]:
        """Return the event as JSON values; the same as `model_dump(mode="json")`."""
        return self.model_dump(mode="json")

    def _dumped_values(self) -> dict[str, object]:
        return {"event_type": self.event_type, **Dumped._dumped_values(self)}


SCHEMA_VERSION = 2
"""The form of a dataset in an event. 1: with all of its revisions; 2: with the last one and its current files."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetEvent(DomainEvent):
    """A domain event about one dataset. It holds the dataset as it was right after the event.

    `(lake_id, epoch, position)` identifies a logged event for ever. A lake that was restored from a backup gives out
    positions again, in a new epoch.

    Attributes:
        lake_id: The lake's id; empty for an event that is not logged.
        epoch: The lake's epoch; 0 for an event that is not logged.
        schema_version: The form in which it was logged.
    """

    dataset: Dataset
    lake_id: str = ""
    epoch: int = 0
    schema_version: int = SCHEMA_VERSION


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetCreated(DatasetEvent):
    """A dataset came into the lake. Its first files come with the `RevisionAdded` that follows."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionAdded(DatasetEvent):
    """A revision was committed, the first one included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionWarned(DatasetEvent):
    """Checks in the mode `warn` found something in a new revision. It follows the revision's `RevisionAdded`.

    Attributes:
        warnings: What they found, a sentence each.
    """

    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetadataUpdated(DatasetEvent):
    """A dataset's name, metadata or state changed, and no file did."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionInvalidated(DatasetEvent):
    """The current revision was marked VALIDATION_FAILED; `reason` says why."""

    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionRejected(DatasetEvent):
    """A bundle failed its checks, and is in quarantine. The dataset is as it was before.

    Attributes:
        dataset: As readers see it; without any revision if it is not in the lake.
        reasons: Why, a sentence each.
        entry_id: The quarantine entry.
    """

    reasons: tuple[str, ...] = ()
    entry_id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionAccepted(DatasetEvent):
    """A person published a bundle from quarantine. A `RevisionAdded` follows if a file changed.

    Attributes:
        entry_id: The quarantine entry.
        decided_by: Who.
        note: Why.
    """

    entry_id: str = ""
    decided_by: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionDiscarded(DatasetEvent):
    """A person threw away a bundle in quarantine. The dataset is as it was before.

    Attributes:
        dataset: As readers see it; without any revision if it is not in the lake.
        entry_id: The quarantine entry.
        decided_by: Who.
        note: Why.
    """

    entry_id: str = ""
    decided_by: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionWithdrawn(DatasetEvent):
    """A bundle in quarantine waits no more: the provider serves something else now.

    Attributes:
        dataset: As readers see it after that.
        entry_id: The quarantine entry.
        state: `RESOLVED`: the new bundle passed its checks, or is what the lake has. `SUPERSEDED`: it failed, too.
    """

    entry_id: str = ""
    state: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionsThinned(DatasetEvent):
    """Provisional revisions of a match lost their files, as `retention` says. The current files are as before.

    Attributes:
        revision_ids: Their numbers. Their files stay in the storage for a safety age.
    """

    revision_ids: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetDeleted(DatasetEvent):
    """A dataset was removed from the lake, with all its revisions and what it had in quarantine.

    Attributes:
        dataset: As it last was. Its files stay in the storage for a safety age.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetSkipped(DatasetEvent):
    """A run found the dataset unchanged. Not logged."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectorSkipped(DomainEvent):
    """A run skipped a whole selector, as the lake is as new as the selector's hint. Not logged."""

    source: str
    provider: str
    dataset_type: str
    selector: Selector


LOGGED_EVENTS: dict[str, type[DatasetEvent]] = {
    event.event_type: event
    for event in (
        DatasetCreated,
        RevisionAdded,
        RevisionWarned,
        MetadataUpdated,
        RevisionInvalidated,
        RevisionRejected,
        RevisionAccepted,
        RevisionDiscarded,
        RevisionWithdrawn,
        RevisionsThinned,
        DatasetDeleted,
    )
}
"""The events that are also in the catalogue's event log, by their type."""
