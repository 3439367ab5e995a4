"""What changed in a lake since a position of its event log, by asset and partition. Only the catalogue is opened."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ingestify.domain.events import (
    DatasetCreated,
    DatasetDeleted,
    DatasetEvent,
    MetadataUpdated,
    RevisionAdded,
    RevisionInvalidated,
)
from ingestify.domain.ports import Catalogue
from ingestify.domain.selector import Filters, Selector
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.main.event_log_consumer import open_log
from ingestify.main.place import find_place
from ingestify.orchestrators.assets import LakeAsset, lake_assets

__all__ = [
    "CHANGES",
    "AssetChange",
    "ChangedDataset",
    "LogPosition",
    "LogReading",
    "find_log_end",
    "group_changes",
    "read_changes",
    "read_log",
]

CHANGES = frozenset(
    one.event_type for one in (DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated, DatasetDeleted)
)
"""The types of the events after which readers of the lake see something else. Bundles in quarantine are not among them.
"""

MOST_NAMED = 50
"""How many datasets of a change are named."""

_PAGE = 500


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """A place in the event log of a lake.

    A lake that was restored from a backup uses positions again, in a new epoch, so the number alone is not enough.

    Attributes:
        lake_id: Empty: nothing was written to the lake yet.
        position: Of the last event before the place; 0: the beginning.
    """

    lake_id: str
    epoch: int
    position: int

    def __str__(self) -> str:
        return f"{self.lake_id}/{self.epoch}/{self.position}"

    @classmethod
    def parse(cls, text: str) -> LogPosition:
        """Return the position of a text, such as a cursor that an orchestrator kept.

        Raises:
            ConfigurationError: It is none.
        """
        lake_id, _, rest = text.partition("/")
        epoch, _, position = rest.partition("/")
        if not (epoch.isdecimal() and position.isdecimal()):
            raise ConfigurationError(f"{text!r:.200} is no position of an event log: lake/epoch/position.")
        return cls(lake_id, int(epoch), int(position))


@dataclasses.dataclass(frozen=True, slots=True)
class ChangedDataset:
    """One dataset after its last change.

    Attributes:
        identifier: The identifier as text.
        event_type: The type of its last event, such as `revision_added`.
        revision_id: Its last revision; None: it has none.
        run_id: The run that brought this revision; empty: it was not a run.
        last_modified_at: When the provider last changed it, by the provider's word.
    """

    dataset_id: str
    identifier: str
    name: str
    event_type: str
    revision_id: int | None
    run_id: str
    position: int
    last_modified_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class AssetChange:
    """What changed in one partition of one asset.

    Attributes:
        partition_key: Empty: the asset has no partitions.
        log_position: The place of its last event. It is never given out again; the number alone is, after a restore.
        count: How many datasets changed.
        datasets: The last 50 of them, in the order of their last change.
        last_modified_at: The provider's newest time of all of them; None: it gives none.
    """

    provider: str
    dataset_type: str
    partition_key: str
    log_position: LogPosition
    count: int
    datasets: tuple[ChangedDataset, ...]
    last_modified_at: dt.datetime | None

    @property
    def name(self) -> str:
        """Its asset's name for people: `statsbomb/match`."""
        return f"{self.provider}/{self.dataset_type}"

    @property
    def position(self) -> int:
        """The position of its last event, the number of `log_position`."""
        return self.log_position.position

    @property
    def run_key(self) -> str:
        """A text that only this change has: `statsbomb/match/competition_id=11/season_id=90@lake/epoch/number`."""
        partition = f"/{self.partition_key}" if self.partition_key else ""
        return f"{self.name}{partition}@{self.log_position}"


@dataclasses.dataclass(frozen=True, slots=True)
class LogReading:
    """A part of the event log.

    Attributes:
        position: Where the next reading begins.
        changes: What changed, in the order of the last events.
        is_at_end: Whether there was nothing more to read.
    """

    position: LogPosition
    changes: tuple[AssetChange, ...]
    is_at_end: bool


def find_log_end(config: str | Path | None = None) -> LogPosition:
    """Return the position of the last event of a lake. A lake that does not exist yet has none."""
    with _opened(config) as catalogue:
        return log_end(catalogue)


def log_end(catalogue: Catalogue) -> LogPosition:
    """Return the position of the last event of a catalogue; see `find_log_end`."""
    try:
        # First: an event that comes in between belongs to this epoch or to a later one.
        lake = catalogue.lake.find()
        position = catalogue.event_log.get_last_position()
    except LakeNotFound:
        return LogPosition("", 0, 0)
    return LogPosition("", 0, position) if lake is None else LogPosition(lake.lake_id, lake.epoch, position)


def read_changes(
    config: str | Path | None = None,
    after: LogPosition | str | None = None,
    *,
    limit: int = _PAGE,
    assets: Sequence[LakeAsset] | None = None,
    provider: str | None = None,
    dataset_type: str | None = None,
    selector: Filters | None = None,
    event_types: Collection[str] = CHANGES,
) -> LogReading:
    """Return what changed in a lake after a position: at most `limit` events are read.

    The catalogue is opened and closed again, and not the storage. A lake that does not exist yet has no changes.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        after: The `position` of the reading before, or its text; None: the end of the log as it is now, so that there
            are no changes yet. After a lake was restored from a backup, it goes on with the first event since then.
        limit: The most events; of large ones fewer are read.
        assets: How datasets are partitioned; None: `lake_assets` of the config.yaml.
        provider: Only datasets of this provider; None: any.
        dataset_type: Only datasets of this type; None: any.
        selector: Only datasets that match; a key that a dataset does not have is ignored.
        event_types: Only events of these types.

    Raises:
        ConfigurationError: The settings are wrong, or `after` is no position.
        StoreError: The catalogue cannot be read.
    """
    if limit < 1:
        raise ConfigurationError(f"limit: {limit} is not 1 or more.")
    known = lake_assets(config) if assets is None else assets
    with _opened(config) as catalogue:
        end = log_end(catalogue)
        if after is None:
            return LogReading(end, (), is_at_end=True)
        start = find_start(catalogue, LogPosition.parse(after) if isinstance(after, str) else after, end)
        events = catalogue.event_log.read(start, limit, has_history=False) if end.position > start else []
    last = events[-1].position if events else None
    reached = LogPosition(end.lake_id, end.epoch, start if last is None else last)
    wanted = [
        event
        for event in events
        if event.event_type in event_types and is_of(event, provider, dataset_type, selector or {})
    ]
    return LogReading(reached, group_changes(wanted, known), is_at_end=reached.position >= end.position)


def read_log(catalogue: Catalogue, after: int, until: int) -> Iterator[DatasetEvent]:
    """Yield the events after a position, up to another one, page by page."""
    while after < until:
        events = catalogue.event_log.read(after, _PAGE, has_history=False)
        if not events:
            return
        for event in events:
            assert event.position is not None
            if event.position > until:
                return
            after = event.position
            yield event


def is_of(event: DatasetEvent, provider: str | None, dataset_type: str | None, selector: Filters) -> bool:
    """Return whether an event is about a dataset of a provider and a type, whose identifier contradicts no filter."""
    dataset = event.dataset
    return (
        provider in (None, dataset.provider)
        and dataset_type in (None, dataset.dataset_type)
        and Selector(dataset.identifier).matches(selector)
    )


def group_changes(events: Iterable[DatasetEvent], assets: Sequence[LakeAsset]) -> tuple[AssetChange, ...]:
    """Return events by asset and partition, in the order of the last event of each.

    The events of datasets that no asset has are left out. Of a dataset, memory keeps its id only, but for the last 50.
    """
    by_name = {(one.provider, one.dataset_type): one for one in assets}
    grouped: dict[tuple[str, str, str], _Group] = {}
    for event in events:
        asset = by_name.get((event.dataset.provider, event.dataset.dataset_type))
        if asset is not None:
            key = asset.provider, asset.dataset_type, asset.partition_of(event.dataset.identifier)
            place = LogPosition(event.lake_id, event.epoch, event.position or 0)
            grouped.setdefault(key, _Group(place)).add(_changed(event), place)
    return tuple(sorted((group.change(key) for key, group in grouped.items()), key=lambda one: one.position))


class _Group:
    """The changes of one partition."""

    def __init__(self, place: LogPosition) -> None:
        self._ids: set[str] = set()
        self._last: dict[str, ChangedDataset] = {}
        self._place = place
        self._last_modified_at: dt.datetime | None = None

    def add(self, changed: ChangedDataset, place: LogPosition) -> None:
        self._ids.add(changed.dataset_id)
        self._last.pop(changed.dataset_id, None)
        self._last[changed.dataset_id] = changed
        if len(self._last) > MOST_NAMED:
            del self._last[next(iter(self._last))]
        self._place = place
        moments = [one for one in (self._last_modified_at, changed.last_modified_at) if one is not None]
        self._last_modified_at = max(moments, default=None)

    def change(self, key: tuple[str, str, str]) -> AssetChange:
        last = tuple(self._last.values())
        return AssetChange(
            *key,
            log_position=self._place,
            count=len(self._ids),
            datasets=last,
            last_modified_at=self._last_modified_at,
        )


def _changed(event: DatasetEvent) -> ChangedDataset:
    dataset = event.dataset
    last = dataset.revisions[-1] if dataset.revisions else None
    origin: Mapping[str, str] = {} if last is None else last.source
    assert event.position is not None
    return ChangedDataset(
        dataset.dataset_id,
        str(dataset.identifier),
        dataset.name,
        event.event_type,
        None if last is None else last.revision_id,
        origin.get("run_id", ""),
        event.position,
        dataset.last_modified_at,
    )


def find_start(catalogue: Catalogue, after: LogPosition, end: LogPosition) -> int:
    """Return the number after which the events are not known yet to whoever kept a position."""
    if after.lake_id != end.lake_id:
        return 0  # another lake: all of it is new
    if after.epoch == end.epoch:
        return after.position

    def is_newer(position: int) -> bool:
        following = catalogue.event_log.read(position, 1, has_history=False)
        return not following or following[0].epoch > after.epoch

    # Epochs rise with the positions. The numbers behind the restored backup were given out a second time.
    return bisect.bisect_left(range(after.position), True, key=is_newer)


@contextlib.contextmanager
def _opened(config: str | Path | None) -> Iterator[Catalogue]:
    catalogue = open_log(find_place(config))
    try:
        yield catalogue
    finally:
        catalogue.close()
