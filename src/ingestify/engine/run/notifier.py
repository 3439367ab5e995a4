"""Tells subscribers, and the reader of a stream, of datasets that are current without a commit."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetSkipped, SelectorSkipped
from ingestify.domain.plan import Job
from ingestify.domain.ports import DatasetFilter
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE
from ingestify.engine.run.committer import Committer
from ingestify.engine.workers import StopToken
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Notifier"]


class Notifier:
    """Tells of datasets in the committer's thread, in the order of its work. Any thread may call it.

    Args:
        store: The lake.
        committer: The committer of the run.
        on_current: Called once with each dataset that is known to be current. None: there is no reader.
        stop: Ends the telling of a whole selector.

    Attributes:
        tells_skipped: Whether a subscriber wants to know of datasets that are unchanged.
        tells_current: Whether there is a reader.
        tells_unchanged: Whether a subscriber or a reader wants to know of a dataset that is unchanged.
    """

    def __init__(
        self, store: DatasetStore, committer: Committer, on_current: Callable[[Dataset], None] | None, stop: StopToken
    ) -> None:
        self._store = store
        self._committer = committer
        self._on_current = on_current
        self._stop = stop
        self._told: set[tuple[str, str, str]] = set()
        self.tells_skipped = store.publisher.wants(DatasetSkipped)
        self.tells_current = on_current is not None
        self.tells_unchanged = self.tells_skipped or self.tells_current

    def skipped(self, dataset: Dataset) -> None:
        """Tell subscribers of a dataset that is unchanged."""
        self._in_turn(functools.partial(self._store.commits.announce, DatasetSkipped(dataset=dataset)))

    def current(self, dataset: Dataset) -> None:
        """Tell the reader of a dataset that is current."""
        self._in_turn(functools.partial(self._tell_reader, dataset))

    def selector_skipped(self, job: Job, wanted: DatasetFilter) -> None:
        """Tell of a selector of which all is unchanged. `wanted` names its datasets."""
        event = SelectorSkipped(
            source=job.source_name, provider=job.provider, dataset_type=job.plan.dataset_type, selector=job.selector
        )
        self._committer.call(functools.partial(self._store.commits.announce, event))
        if not self.tells_current:
            return
        for batch in self._store.catalogue.datasets.iter_batches(wanted, LOOK_UP_SIZE):
            for dataset in batch:
                if self._stop.is_set:
                    return
                self._committer.call(functools.partial(self._tell_reader, dataset))

    def _in_turn(self, call: Callable[[], None]) -> None:
        if threading.current_thread() is self._committer.thread:
            call()
        else:
            self._committer.call(call)

    def _tell_reader(self, dataset: Dataset) -> None:
        """Tell the reader of a dataset, once. The committer's thread calls it."""
        key = (dataset.provider, dataset.dataset_type, dataset.identifier.canonical)
        if self._on_current is not None and key not in self._told:
            self._told.add(key)
            self._on_current(dataset.read_from(self._store))
