"""The loaded files of one dataset: which are new, which are lacking, and which are lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ingestify.clock import now
from ingestify.domain.bundle import BundleType, is_named
from ingestify.domain.change import metadata_text, stored_metadata_text
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import NO_VALIDATORS, FeedState
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource
from ingestify.engine.bundle.loaded_file import FileKind, LoadedResource

__all__ = ["NO_LONGER_ANNOUNCED", "LoadedBundle", "find_unannounced", "is_known_lost"]

NO_LONGER_ANNOUNCED = "(no longer announced)"
"""Kept as the announced version of a file that the source no longer announces."""

_THERE = (FileKind.NEW, FileKind.HELD, FileKind.UNCHANGED)


class LoadedBundle:
    """What the provider has of one dataset, compared with what the lake and the quarantine have.

    Args:
        resource: The dataset, as it is announced.
        bundle_type: What a complete dataset holds.
        existing: The dataset as the lake has it, or None.
        entry: Its entry in the quarantine, or None.
        loaded: File id to what came of each announced file. Whoever changes it, or what is announced, calls `compare`.
        plan: The plan that the dataset belongs to.
        unasked: The ids of files that the plan does not ask for. Nothing is concluded if they are not announced.

    Attributes:
        new: The files whose bytes the lake's current set does not have, in the announced order.
        gone: Files of the lake of which the provider answers that it does not have them any more.
        withdrawn: Files of the lake that came from this source, and that it no longer announces.
        lost: Files of the lake that the provider no longer has. No file is, as long as none of those that are announced
            was loaded.
        lost_feeds: The feeds that a complete dataset needs, that the lake has, and that the provider no longer has.
        removed: Files that leave the current set, as the provider no longer has them.
        feeds: The feeds that the dataset will have.
        missing_feeds: The required feeds that the dataset will lack, or have broken.
        state: The state that the dataset will have.
    """

    def __init__(
        self,
        resource: DatasetResource,
        bundle_type: BundleType,
        existing: Dataset | None,
        entry: QuarantineEntry | None,
        loaded: dict[str, LoadedResource],
        plan: IngestionPlan,
        unasked: Collection[str] = (),
    ) -> None:
        self.resource = resource
        self.bundle_type = bundle_type
        self.existing = existing
        self.entry = entry
        self.loaded = loaded
        self._plan = plan
        self._unasked = unasked
        self._current = {} if existing is None else existing.files
        self.compare()

    def compare(self) -> None:
        """Compare what is loaded with what the lake has."""
        existing, files, loaded, current = self.existing, self.resource.files, self.loaded, self._current
        self.new = {
            file_id: one
            for file_id in files
            if (one := loaded.get(file_id)) is not None
            and one.kind in (FileKind.NEW, FileKind.HELD)
            and not (file_id in current and current[file_id].tag == one.tag)
        }
        self.gone: tuple[str, ...] = ()
        self.withdrawn: tuple[str, ...] = ()
        if existing is not None and (loaded or not files):
            self.gone = tuple(file_id for file_id, one in loaded.items() if one.kind is FileKind.GONE)
            self.withdrawn = tuple(find_unannounced(existing, self.resource, self._plan))
        self.lost = self.gone + self.withdrawn
        self.lost_feeds = self._find_lost_feeds() if self.lost else ()
        self.removed = self._find_removed() if self.lost else ()
        self.feeds = self._feeds_without(self.removed)
        looks = {file_id: one.feed for file_id, one in loaded.items()}
        looks = looks if existing is None else {**existing.feeds, **looks}
        self.missing_feeds = self.bundle_type.missing(self.feeds, looks.values())
        self.state = self._find_state()

    def _find_lost_feeds(self) -> tuple[str, ...]:
        """If no file at all is announced, each feed is needed: a dataset is never left without any file."""
        lost = {self._current[file_id].data_feed_key for file_id in self.lost}
        if not self.resource.files:
            return tuple(sorted(lost))
        lacking = self.bundle_type.lacking(self._feeds_without(self.lost))
        return tuple(feed for wanted in lacking for feed in sorted(lost) if is_named(feed, wanted))

    def _find_removed(self) -> tuple[str, ...]:
        """Return the lost files that leave.

        If another file is new, or the entry has changed, a lost file belongs to an older moment, and leaves. If nothing
        else changed, it leaves if no complete dataset needs it, and if an earlier run found it lost: two runs have to
        find the same. A file that is broken at the provider is not lost.
        """
        if self.new or (self.is_described_anew and not self.keeps_description):
            return self.lost
        return tuple(
            file_id
            for file_id in self.lost
            if file_id not in self._unasked
            and self._current[file_id].data_feed_key not in self.lost_feeds
            and self._was_lost_before(file_id)
            and not (file_id in self.loaded and self.loaded[file_id].feed.is_left_out)
        )

    def _was_lost_before(self, file_id: str) -> bool:
        known = None if self.existing is None else self.existing.feeds.get(file_id)
        return known is not None and is_known_lost(known)

    def _feeds_without(self, file_ids: Collection[str]) -> set[str]:
        """Return the feeds that the provider has, and those that the lake keeps, also from another source."""
        files = self.resource.files
        there = {files[file_id].data_feed_key for file_id, one in self.loaded.items() if one.kind in _THERE}
        return there | {file.data_feed_key for file_id, file in self._current.items() if file_id not in file_ids}

    def _find_state(self) -> DatasetState:
        resource, existing = self.resource, self.existing
        is_told = resource.post_load_files is None or bool(self.loaded)
        if existing is not None and not is_told and existing.state is not DatasetState.MISSING:
            return existing.state  # post_load_files would tell the state, and was not called
        return self.bundle_type.state_of(
            resource.state, self.missing_feeds, is_empty=not self.feeds, has_files=bool(resource.files)
        )

    @property
    def equals_quarantined(self) -> bool:
        """Whether it is the same bundle as the one in quarantine."""
        if self.entry is None:
            return False
        tags = {file_id: loaded.tag for file_id, loaded in self.new.items()}
        held = {file.file_id: file.tag for file in self.entry.files}
        removed = set(self.entry.removed_file_ids)
        return bool(held or self.gone) and tags == held and set(self.lost) == removed

    @property
    def equals_lake(self) -> bool:
        """Whether each announced file has the bytes of the current set."""
        kinds = {loaded.kind for loaded in self.loaded.values()}
        return FileKind.UNCHANGED in kinds and not self.removed and kinds <= {FileKind.UNCHANGED, FileKind.ABSENT}

    def is_unasked(self, file_id: str) -> bool:
        """Whether the plan does not ask for a file. Then nothing is concluded if it is not announced."""
        return file_id in self._unasked

    @property
    def is_described_anew(self) -> bool:
        """Whether the entry has another name or other metadata than the lake."""
        existing, resource = self.existing, self.resource
        if existing is None:
            return False
        return resource.name_of(existing.identifier) != existing.name or (
            metadata_text(resource.metadata) != stored_metadata_text(existing.metadata)
        )

    @property
    def keeps_description(self) -> bool:
        """Whether the lake keeps name and metadata, as they belong to a lost file that is needed, and so stays."""
        return not self.new and bool(self.lost_feeds)

    @property
    def is_in_doubt(self) -> bool:
        """Whether a file is lost that stays until another run finds the same."""
        settled = {*self.removed, *self._unasked}
        return any(one not in settled and self._current[one].data_feed_key not in self.lost_feeds for one in self.lost)

    def feeds_of_withdrawn(self, *, rejected: bool = False) -> list[FeedState]:
        """Return what to remember of files that are no longer announced, and stay. They may be announced again."""
        known = {} if self.existing is None else self.existing.feeds
        leaving = () if rejected else (*self.removed, *self._unasked)
        stay = [one for one in self.withdrawn if one not in leaving]
        return [
            dataclasses.replace(known[file_id], present=False, validators=NO_VALIDATORS, checked_at=now())
            if rejected
            else dataclasses.replace(known[file_id], announced=NO_LONGER_ANNOUNCED)
            for file_id in stay
            if file_id in known
        ]


def find_unannounced(existing: Dataset | None, resource: DatasetResource, plan: IngestionPlan) -> list[str]:
    """Return the files of the lake's current set that came from a plan's source, and that it no longer announces."""
    if existing is None:
        return []
    revisions = existing.revisions
    return [
        file_id
        for file_id, file in existing.files.items()
        if file_id not in resource.files
        # Which source brought a file of an adopted dataset is not known, so no plan decides that it is lost.
        and plan.answers_for(revisions[file.revision_id].source.get("source"))
    ]


def is_known_lost(known: FeedState) -> bool:
    """Return whether an earlier run found that the provider no longer has a file."""
    return not known.present or known.announced == NO_LONGER_ANNOUNCED
