"""The files of one dataset, all loaded: what is new, what is lacking, what is gone."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import NO_VALIDATORS, FeedState
from ingestify.domain.quarantine import NewFile, QuarantineEntry
from ingestify.domain.resource import DatasetResource
from ingestify.engine.bad_parts import leaving_with_a_change
from ingestify.engine.loaded_file import FileKind, LoadedResource

__all__ = ["LoadedBundle"]

_THERE = (FileKind.NEW, FileKind.HELD, FileKind.UNCHANGED)


class LoadedBundle:
    """What the provider has of one dataset, against what the lake and the quarantine have.

    Args:
        loaded: File id to what became of each announced file; may be replaced file by file.
        source_name: Whose announcement it is.
    """

    def __init__(
        self,
        resource: DatasetResource,
        bundle_type: BundleType,
        existing: Dataset | None,
        entry: QuarantineEntry | None,
        loaded: dict[str, LoadedResource],
        source_name: str,
    ) -> None:
        self.resource = resource
        self.bundle_type = bundle_type
        self.existing = existing
        self.entry = entry
        self.loaded = loaded
        self._source_name = source_name
        self._current = {} if existing is None else existing.files

    @property
    def new(self) -> Mapping[str, LoadedResource]:
        """The files whose bytes the lake's current set has not, in the announced order."""
        return {
            file_id: self.loaded[file_id]
            for file_id in self.resource.files
            if file_id in self.loaded and self._is_new(file_id, self.loaded[file_id])
        }

    def _is_new(self, file_id: str, loaded: LoadedResource) -> bool:
        if loaded.kind not in (FileKind.NEW, FileKind.HELD):
            return False
        current = self._current.get(file_id)
        return current is None or current.tag != loaded.tag

    @property
    def is_as_in_quarantine(self) -> bool:
        """Whether it is the very bundle that waits in quarantine."""
        if self.entry is None:
            return False
        tags = {file_id: loaded.tag for file_id, loaded in self.new.items()}
        held = {file.file_id: file.tag for file in self.entry.files}
        removed = set(self.entry.removed_file_ids)
        return bool(held or self.gone) and tags == held and set(self.no_more) == removed

    @property
    def held(self) -> Mapping[str, NewFile]:
        """The new files of which the provider only said that they are as they are in quarantine."""
        return {
            file_id: loaded.draft
            for file_id, loaded in self.new.items()
            if loaded.kind is FileKind.HELD and loaded.draft is not None
        }

    @property
    def gone(self) -> tuple[str, ...]:
        """Files of the lake that the provider says it has no more."""
        return tuple(file_id for file_id, loaded in self.loaded.items() if loaded.kind is FileKind.GONE)

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """Files of the lake that this source brought, of feeds that it announces no more."""
        if self.existing is None:
            return ()
        announced = {file.data_feed_key for file in self.resource.files.values()}
        revisions = self.existing.revisions
        return tuple(
            file_id
            for file_id, file in self._current.items()
            if file.data_feed_key not in announced
            and revisions[file.revision_id].source.get("source", self._source_name) == self._source_name
        )

    def looks_at_withdrawn(self) -> list[FeedState]:
        """Return how what is announced no more is to be remembered: asked for when it is announced again."""
        known = {} if self.existing is None else self.existing.feeds
        return [
            dataclasses.replace(known[file_id], present=False, validators=NO_VALIDATORS, checked_at=now())
            for file_id in self.withdrawn
            if file_id in known
        ]

    @property
    def withdrawn_feeds(self) -> tuple[str, ...]:
        """The required feeds that this source brought into the lake, and announces no more."""
        brought = {self._current[file_id].data_feed_key for file_id in self.withdrawn}
        return tuple(feed for feed in self.bundle_type.lacking(self.feeds_there) if feed in brought)

    @property
    def no_more(self) -> tuple[str, ...]:
        """Files of the lake that are no part of what the provider has now: they go if a person accepts that."""
        return self.gone + self.withdrawn

    @property
    def feeds_there(self) -> set[str]:
        """The feeds that the provider has now."""
        files = self.resource.files
        return {files[file_id].data_feed_key for file_id, one in self.loaded.items() if one.kind in _THERE}

    @property
    def all_feeds(self) -> set[str]:
        """Those, and the ones that the lake has besides, from another source or an earlier plan."""
        return self._feeds_without(leaving_with_a_change(self))

    def _feeds_without(self, file_ids: Collection[str]) -> set[str]:
        kept = {file.data_feed_key for file_id, file in self._current.items() if file_id not in file_ids}
        return self.feeds_there | kept

    @property
    def missing_feeds(self) -> tuple[str, ...]:
        """The required feeds that the dataset will lack, or have broken."""
        return self._missing(self.all_feeds)

    def _missing(self, feeds: set[str]) -> tuple[str, ...]:
        looks = {} if self.existing is None else dict(self.existing.feeds)
        looks |= {file_id: loaded.feed for file_id, loaded in self.loaded.items()}
        return self.bundle_type.missing(feeds, looks.values())

    @property
    def state(self) -> DatasetState:
        """The state that the dataset will have."""
        return self._state_with(self.all_feeds)

    @property
    def missing_feeds_if_accepted(self) -> tuple[str, ...]:
        """The required feeds that the dataset will lack if the bundle is rejected, and then accepted by a person."""
        return self._missing(self._feeds_without(self.no_more))

    @property
    def state_if_accepted(self) -> DatasetState:
        """The state that it will have then."""
        return self._state_with(self._feeds_without(self.no_more))

    def _state_with(self, feeds: set[str]) -> DatasetState:
        resource, existing = self.resource, self.existing
        is_told = resource.post_load_files is None or bool(self.loaded)
        if existing is not None and not is_told and existing.state is not DatasetState.MISSING:
            return existing.state  # post_load_files would say, and was not called
        return self.bundle_type.state_of(
            resource.state, self._missing(feeds), is_empty=not feeds, has_files=bool(resource.files)
        )
