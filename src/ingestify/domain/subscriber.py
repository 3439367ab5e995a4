"""A subscriber: what wants to know of domain events in the process that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestify.domain.events import (
    DatasetCreated,
    DatasetDeleted,
    DatasetSkipped,
    DomainEvent,
    MetadataUpdated,
    RevisionAccepted,
    RevisionAdded,
    RevisionDiscarded,
    RevisionInvalidated,
    RevisionRejected,
    RevisionWithdrawn,
    SelectorSkipped,
)

if TYPE_CHECKING:
    from ingestify.domain.ports import DatasetStorePort

__all__ = ["Subscriber"]


class Subscriber:
    """Override the hooks you want. Each is called after the commit, in commit order, by the committing thread.

    What a hook raises is logged and changes nothing else. A slow hook slows the run; work that may fail
    or take long belongs in an `EventLogConsumer`, which is told again after a failure.

    Args:
        store: The lake that the events are about.
        **configuration: What `event_subscribers: [{type:, configuration:}]` says.
    """

    def __init__(self, store: DatasetStorePort, **configuration: Any) -> None:
        self.store = store
        self.configuration = configuration

    def on_dataset_created(self, event: DatasetCreated) -> None:
        """A dataset came into the lake."""

    def on_revision_added(self, event: RevisionAdded) -> None:
        """A revision was committed, the first one included."""

    def on_metadata_updated(self, event: MetadataUpdated) -> None:
        """A dataset's name, metadata or state changed, and no file did."""

    def on_revision_invalidated(self, event: RevisionInvalidated) -> None:
        """A current revision was marked VALIDATION_FAILED."""

    def on_revision_rejected(self, event: RevisionRejected) -> None:
        """What the provider served failed its checks and is in quarantine; the dataset is as it was."""

    def on_revision_accepted(self, event: RevisionAccepted) -> None:
        """A person published what was in quarantine; `on_revision_added` is called next."""

    def on_revision_discarded(self, event: RevisionDiscarded) -> None:
        """A person threw away what was in quarantine; the dataset is as it was."""

    def on_revision_withdrawn(self, event: RevisionWithdrawn) -> None:
        """What was in quarantine waits no more: the provider serves something else by now."""

    def on_dataset_deleted(self, event: DatasetDeleted) -> None:
        """A dataset was removed from the lake; the event shows it as it last was."""

    def on_dataset_skipped(self, event: DatasetSkipped) -> None:
        """A run found a dataset unchanged. Overriding this costs a read of every such dataset."""

    def on_selector_skipped(self, event: SelectorSkipped) -> None:
        """A run skipped a whole selector."""

    def handle(self, event: DomainEvent) -> None:
        """Call the hook of the event's type."""
        getattr(self, f"on_{event.event_type}")(event)
