"""Commits to the catalogue, one at a time, and their events, which subscribers hear in the same order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.dataset import FileReader
from ingestify.domain.events import DatasetEvent, DomainEvent
from ingestify.domain.history import DatasetHistory
from ingestify.domain.ports import Catalogue, EventPublisher, HeadMoved, Storage
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.thinning import ChooseThinned, Thinned
from ingestify.errors import SaveError
from ingestify.failpoints import failpoint
from ingestify.remedies import remedy
from ingestify.store.leases import lease
from ingestify.store.outbox import Outbox
from ingestify.store.presence import ObjectsGone, Presence

__all__ = ["Commits"]


class Commits:
    """Commits changes of a lake, then tells subscribers. Every method may be called from any thread.

    A commit names only objects that are in the storage.

    Args:
        publisher: Tells the subscribers of an event.
        reader: The store that the datasets of events load their files from.
    """

    def __init__(self, catalogue: Catalogue, storage: Storage, publisher: EventPublisher, reader: FileReader) -> None:
        self._catalogue = catalogue
        self._reader = reader
        self._presence = Presence(catalogue.removals, storage)
        # Events go out in commit order, so a commit and the queueing of its events are one step under this lock.
        # The subscribers are called after it is released.
        self._lock = threading.Lock()
        self._outbox = Outbox(publisher.publish)

    @contextlib.contextmanager
    def writer_lease(self, what: str, lease_id: str | None = None) -> Iterator[None]:
        """Hold a writer lease while the block runs. Whoever writes objects before their rows needs one.

        Args:
            what: What the holder does, in a word: `run`, `copy`, …
            lease_id: The id of a run; None: any id.
        """
        with lease(self._catalogue.leases, what, lease_id):
            self._presence.removals_seen = self._catalogue.removals.get_last()
            yield

    @property
    def removals_seen(self) -> int:
        """The last known removal of objects. It is read before objects are written, and given to their commit."""
        return self._presence.removals_seen

    @contextlib.contextmanager
    def _committing(self) -> Iterator[None]:
        """Hold the lock while the block commits and queues its events, then publish them."""
        with self._lock:
            yield
        self._outbox.publish_all()

    def apply(self, changes: Sequence[DatasetChange]) -> list[AppliedChange]:
        """Commit changes in one transaction, then tell subscribers.

        Raises:
            HeadMoved: Another writer has changed some of these datasets meanwhile; nothing was written.
            SaveError: The catalogue refused; nothing was written.
        """
        with self._committing():
            seen = min((change.removals_seen for change in changes), default=0)
            try:
                applied = self._presence.commit(seen, lambda seen: self._catalogue.changes.apply(changes, seen))
            except ObjectsGone as gone:
                raise HeadMoved(
                    [one for one in changes if any(file.storage_path in gone.paths for file in one.files)]
                ) from gone
            failpoint("commit.done")
            self._queue([event for one in applied for event in one.events])
        failpoint("commit.told")
        return applied

    def take_over(self, histories: Sequence[DatasetHistory], removals_seen: int = 0) -> list[bool]:
        """Commit whole histories from another lake, then tell subscribers.

        Args:
            histories: The histories, whose objects are here.
            removals_seen: Its value before these objects were written.

        Returns:
            For each history whether it was committed. False: the dataset here has changed meanwhile, or its objects
            were removed; nothing of this history was written.
        """
        with self._committing():
            return self._take_over(histories, removals_seen)

    def _take_over(self, histories: Sequence[DatasetHistory], removals_seen: int) -> list[bool]:
        """Commit histories and queue their events, while the lock is held."""
        try:
            events_of = self._presence.commit(
                removals_seen, lambda seen: self._catalogue.history_import.write(histories, seen)
            )
        except ObjectsGone as gone:
            are_whole = [gone.paths.isdisjoint(one.new_paths) for one in histories]
            whole = [one for one, is_whole in zip(histories, are_whole, strict=True) if is_whole]
            committed = iter(self._take_over(whole, removals_seen) if whole else [])
            return [is_whole and next(committed) for is_whole in are_whole]
        failpoint("commit.done")
        self._queue([event for events in events_of for event in events or ()])
        return [events is not None for events in events_of]

    def take_over_quarantine(self, entries: Sequence[QuarantineEntry], removals_seen: int = 0) -> None:
        """Commit quarantine entries from another lake, then tell subscribers.

        Args:
            entries: The entries, whose objects are here.
            removals_seen: Its value before these objects were written.

        Raises:
            SaveError: The objects were removed meanwhile, or the catalogue refused; nothing was written.
        """
        with self._committing():
            try:
                events = self._presence.commit(
                    removals_seen, lambda seen: self._catalogue.history_import.write_entries(entries, seen)
                )
            except ObjectsGone as gone:
                raise SaveError(
                    f"{len(gone.paths)} files of bundles in quarantine were removed from the storage before their "
                    f"entries were written, by {remedy('gc')}. Copy again."
                ) from gone
            self._queue(events)

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> int:
        """Mark the current revisions of datasets VALIDATION_FAILED, then tell subscribers. Returns how many changed."""
        with self._committing():
            return self._queue(self._catalogue.changes.invalidate(dataset_ids, reason))

    def mark_missing(self, dataset_ids: Sequence[str]) -> int:
        """Set datasets that the provider does not list any more to MISSING, then tell subscribers.

        Nothing of these datasets is removed.

        Returns:
            How many datasets changed.
        """
        with self._committing():
            return self._queue(self._catalogue.changes.mark_missing(dataset_ids))

    def delete(self, dataset_ids: Sequence[str]) -> Sequence[str]:
        """Remove the rows of datasets, then tell subscribers. Returns the paths of objects that are orphaned now."""
        with self._committing():
            return self._catalogue.changes.delete(dataset_ids, self._queue)

    def thin(self, dataset_ids: Sequence[str], choose: ChooseThinned) -> list[Thinned]:
        """Remove the files of revisions that `choose` returns, then tell subscribers; see `ChangesPort.thin`."""
        with self._committing():
            return self._catalogue.changes.thin(dataset_ids, choose, self._queue)

    def discard(self, entry_ids: Sequence[str], decided_by: str, note: str) -> Sequence[str]:
        """Mark quarantine entries discarded, then tell subscribers; see `Quarantine.discard`.

        Returns:
            The paths of objects that are orphaned now.
        """
        with self._committing():
            return self._catalogue.changes.discard_quarantine(entry_ids, decided_by, note, self._queue)

    def announce(self, event: DomainEvent) -> None:
        """Tell subscribers of an event that needs no commit, after those that are queued."""
        self._queue([event])
        self._outbox.publish_all()

    def _queue(self, events: Sequence[DomainEvent]) -> int:
        for event in events:
            if isinstance(event, DatasetEvent):
                event.dataset.read_from(self._reader)
        self._outbox.put(events)
        return len(events)
