"""A subscriber: a class that hears of domain events in the process that causes them."""

from __future__ import annotations

from collections.abc import Sequence
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
    RevisionsThinned,
    RevisionWarned,
    RevisionWithdrawn,
    SelectorSkipped,
)
from ingestify.domain.run_notice import RunFinished, RunStarted

if TYPE_CHECKING:
    from ingestify.domain.ports import DatasetStorePort

__all__ = ["Subscriber"]


class Subscriber:
    """Override the hooks you want. The committing thread calls those of events after the commit, in commit order.

    An error in a hook is logged and changes nothing else. A slow hook slows the run. Work that may fail or take long
    belongs in an `EventLogConsumer`, which gets the event again after a failure.

    `on_run_started` and `on_run_finished` are for what follows runs: notifications, metrics, lineage. The second one is
    called once for each call of the first one, whatever becomes of the run. A dry run calls neither.

    Args:
        store: The lake that the events are about.
        **configuration: What `event_subscribers: [{type:, configuration:}]` or `run_hooks` says.
    """

    def __init__(self, store: DatasetStorePort, **configuration: Any) -> None:
        self.store = store
        self.configuration = configuration

    def on_dataset_created(self, event: DatasetCreated) -> None:
        """A dataset came into the lake."""

    def on_revision_added(self, event: RevisionAdded) -> None:
        """A revision was committed, the first one included."""

    def on_revision_warned(self, event: RevisionWarned) -> None:
        """Checks in the mode `warn` found something in the revision that was just added."""

    def on_metadata_updated(self, event: MetadataUpdated) -> None:
        """A dataset's name, metadata or state changed, and no file did."""

    def on_revision_invalidated(self, event: RevisionInvalidated) -> None:
        """A current revision was marked VALIDATION_FAILED."""

    def on_revision_rejected(self, event: RevisionRejected) -> None:
        """A bundle failed its checks and is in quarantine; the dataset is as it was."""

    def on_revision_accepted(self, event: RevisionAccepted) -> None:
        """A person published a bundle from quarantine; `on_revision_added` is called next."""

    def on_revision_discarded(self, event: RevisionDiscarded) -> None:
        """A person threw away a bundle in quarantine; the dataset is as it was."""

    def on_revision_withdrawn(self, event: RevisionWithdrawn) -> None:
        """A bundle in quarantine waits no more: the provider serves something else now."""

    def on_revisions_thinned(self, event: RevisionsThinned) -> None:
        """Provisional revisions of a match that has settled lost their files; the current ones are as they were."""

    def on_dataset_deleted(self, event: DatasetDeleted) -> None:
        """A dataset was removed from the lake; the event has its last state."""

    def on_dataset_skipped(self, event: DatasetSkipped) -> None:
        """A run found a dataset unchanged. Overriding this costs a read of every such dataset."""

    def on_selector_skipped(self, event: SelectorSkipped) -> None:
        """A run skipped a whole selector."""

    def on_run_started(self, run: RunStarted) -> None:
        """A run begins: a call of `load` or `iter_datasets(auto_ingest=…)`, or `ingestify run`.

        It has asked no provider yet. A thread of its own calls this, and the run waits for it.
        """

    def on_run_finished(self, run: RunFinished) -> None:
        """A run has ended: to its end, by an error, or as it was interrupted.

        All that it commits is committed, and its events were told. A thread of its own calls this, and the caller of
        the run waits for it. What it raises changes neither the report nor the exit code.
        """

    def handle(self, event: DomainEvent) -> None:
        """Call the hook of the event's type."""
        getattr(self, f"on_{event.event_type}")(event)

    def handle_many(self, events: Sequence[DomainEvent]) -> None:
        """Call `handle` for each event. Every event comes through here, at present in lists of one."""
        for event in events:
            self.handle(event)
