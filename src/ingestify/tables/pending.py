"""Which datasets of the lake a table lacks, and which rows have to go.

A table that is complete up to a position of the lake's event log looks at the datasets that have an event after it. If
the position is unknown, or its event is not in the log any more, all datasets are compared with the table. Either way
the versions decide: rows of the current version stay.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ingestify.domain.dataset import Dataset
from ingestify.store.dataset_store import DatasetStore
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import DeltaFolder, Version, version_of

__all__ = ["LakeMoment", "Pending", "find_touched", "iter_datasets", "may_concern"]

_PAGE = 1000
_MOST_EVENTS = 20_000
"""With more events, all datasets are compared: their list is shorter."""


class LakeMoment(NamedTuple):
    """A position of a lake's event log. What is read of the lake later has at least all events up to it."""

    lake_id: str
    epoch: int
    position: int
    began: dt.datetime | None = None

    @classmethod
    def of(cls, store: DatasetStore) -> LakeMoment:
        """Return the end of the log."""
        lake = store.catalogue.lake.find()
        position = store.catalogue.event_log.get_last_position()
        return cls("", 0, position) if lake is None else cls(lake.lake_id, lake.epoch, position, lake.epoch_started_at)

    @property
    def cursor(self) -> tuple[str, int]:
        """The position as a table keeps it. A lake that was restored from a backup gives out positions again.

        A backup that was restored twice gives out the number of the epoch again, too, but not the moment when it began.
        """
        began = "" if self.began is None else self.began.isoformat()
        return f"ingestify:{self.lake_id}:{self.epoch}:{began}", self.position


def find_touched(store: DatasetStore, moment: LakeMoment, position: int | None) -> set[str] | None:
    """Return the ids of the datasets with an event after a position, of all buckets; None: that is unknown.

    It is known only as long as the event at that position is in the log: a retention removes the oldest first.
    """
    if not position or position > moment.position or moment.position - position > _MOST_EVENTS:
        return None
    touched: set[str] = set()
    after = position - 1
    while after < moment.position:
        events = store.catalogue.event_log.read(after, _PAGE)
        if after == position - 1 and (not events or events[0].position != position):
            return None
        touched.update(one.dataset.dataset_id for one in events if (one.position or 0) > position)
        if not events:
            break
        after = events[-1].position or moment.position
    return touched


def iter_datasets(store: DatasetStore, dataset_ids: set[str] | None) -> Iterator[Dataset]:
    """Yield the datasets of the store's bucket as its readers see them now.

    Args:
        store: The lake.
        dataset_ids: Only these, in any bucket; None: all.
    """
    if dataset_ids is None:
        yield from store.iter_matching(store.dataset_filter(), _PAGE, explains=False)  # type: ignore[misc]
        return
    ids = sorted(dataset_ids)
    for start in range(0, len(ids), _PAGE):
        for dataset in store.catalogue.datasets.get(ids[start : start + _PAGE]):
            if dataset.bucket == store.bucket:
                yield dataset.read_from(store)


@dataclasses.dataclass(slots=True)
class Pending:
    """What one table lacks. `wants` is called with each dataset that may concern it.

    Args:
        definition: The table.
        folder: The table as it was before the lake was read.
        touched: The datasets that may have changed; None: all.
        failed: The version of each dataset that the table could not be made of.
        retries: Whether these are tried again.

    Attributes:
        replaced: The datasets with rows that new ones take the place of.
        removed: The datasets whose rows have to go.
        solved: After the end: the datasets whose problems are none any more, as they changed, have rows or are gone.
    """

    definition: TableDefinition
    folder: DeltaFolder
    touched: set[str] | None
    failed: Mapping[str, Version]
    retries: bool
    replaced: set[str] = dataclasses.field(default_factory=set)
    removed: set[str] = dataclasses.field(default_factory=set)
    solved: set[str] = dataclasses.field(default_factory=set)
    _tried: set[str] = dataclasses.field(default_factory=set)
    _there: dict[str, Version] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.touched is not None:
            self.touched = self.touched | set(self.failed)
        if not self.folder.exists or self.touched == set():
            self._there = {}
        else:
            self._there = self.folder.contents(self.touched)

    def wants(self, dataset: Dataset, loader: str | None) -> bool:
        """Whether rows have to be made of a dataset."""
        dataset_id = dataset.dataset_id
        if self.touched is not None and dataset_id not in self.touched:
            return False
        found = self._there.pop(dataset_id, None)
        version = version_of(dataset)
        is_for = self.definition.is_for(dataset, loader)
        has_failed = is_for and self.failed.get(dataset_id) == version and not self.retries
        if is_for and not has_failed:
            if found is not None and self.folder.is_version(found, version):
                return False
            self._tried.add(dataset_id)
            if found is not None:
                self.replaced.add(dataset_id)
            return True
        if has_failed:
            self._tried.add(dataset_id)
        if found is not None:
            self.removed.add(dataset_id)
        return False

    def end(self) -> None:
        """All datasets were seen: the rows of others have to go, and so do their problems."""
        self.removed.update(self._there)
        self._there = {}
        self.solved = self.failed.keys() - self._tried


def may_concern(pending: Sequence[Pending]) -> set[str] | None:
    """Return the datasets that may have changed for any of the tables; None: all."""
    found: set[str] = set()
    for one in pending:
        if one.touched is None:
            return None
        found |= one.touched
    return found
