"""One dataset while it is ingested: what the index lists of it by now, and what came of each of its files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable

from ingestify.domain.bundle import BundleType
from ingestify.domain.fetch_policy import is_any_announced_anew
from ingestify.domain.ports import IndexReading
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.engine.bundle.bundle import LoadedBundle, find_unannounced, is_known_lost
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.bundle.loaded_file import LoadedResource
from ingestify.engine.decision.change_detection import Decision, wanted_by
from ingestify.engine.ingest.relisting import Pairs, Relisted
from ingestify.errors import SourceError

__all__ = ["FetchedDataset"]


class FetchedDataset:
    """The state of one ingest. During a step each worker thread puts its own files into it.

    Args:
        rules: What a bundle must fulfil.
        reads_index_again: Whether the index may be read once more.

    Attributes:
        discovered: The dataset as it is listed by now.
        existing: The dataset as the lake has it, or None.
        entry: Its entry in the quarantine, or None.
        index: How the index was read. None: it is not read again.
        loaded: File id to what came of each file that is listed.
        is_post_loaded: Whether `post_load_files` has seen what is loaded.
        bundle_type: What a complete dataset holds.
        unplanned: The feeds and versions that the lake has besides those of the plan.
        asked_for_unplanned: Whether these were asked for.
    """

    def __init__(self, decision: Decision, rules: BundleRules, *, reads_index_again: bool) -> None:
        self.discovered = decision.discovered
        self.existing = decision.existing
        self.entry = decision.entry
        self.index: IndexReading | None = self.discovered.progress.index if reads_index_again else None
        self.loaded: dict[str, LoadedResource] = {}
        self.is_post_loaded = False
        self._rules = rules
        self.bundle_type = self._find_type()
        self._asked_besides: Pairs = frozenset()
        self.asked_for_unplanned = False
        self.unplanned = frozenset() if self.index is None else self._find_unplanned()

    @functools.cached_property
    def _wants(self) -> Callable[[str], bool]:
        return wanted_by(self.discovered)  # it is seldom needed for a new dataset

    @property
    def resource(self) -> DatasetResource:
        """What is announced of the dataset by now."""
        return self.discovered.resource

    @property
    def title(self) -> str:
        """The name of the dataset in logs."""
        return f"{self.discovered.provider}/{self.resource.dataset_type}/{self.discovered.identifier}"

    @property
    def current(self) -> Collection[str]:
        """The ids of the files that the lake has of the dataset."""
        return () if self.existing is None else self.existing.files

    @property
    def bundle(self) -> LoadedBundle:
        """All that is loaded, against what the lake and the quarantine have."""
        return LoadedBundle(
            self.resource,
            self.bundle_type,
            self.existing,
            self.entry,
            self.loaded,
            self.discovered.job.plan,
            unasked=[file_id for file_id in self.current if not self._was_asked_for(file_id)],
        )

    @property
    def may_lack_unplanned(self) -> bool:
        """Whether a file that the plan does not ask for may be gone, although nothing else has changed.

        It may if the entry has another time, or a time that does not exclude a later change. It may also if an earlier
        run found a file gone: this run has to confirm that.
        """
        feeds = {} if self.existing is None else self.existing.feeds
        known = (feeds.get(f"{feed}__{version}") for feed, version in self.unplanned)
        if any(feed is not None and is_known_lost(feed) for feed in known):
            return True
        return is_any_announced_anew(feeds, self.resource) or any(
            file.announced is not None and file_id in feeds and not feeds[file_id].settled
            for file_id, file in self.resource.files.items()
        )

    def files(self, file_ids: Iterable[str]) -> list[FileResource]:
        """Return what is announced of some files."""
        return [self.resource.files[file_id] for file_id in file_ids]

    def put(self, file_id: str, loaded: LoadedResource | None) -> None:
        """Keep what came of a file, instead of what came before. None: the file is no longer part of the dataset."""
        before = self.loaded.pop(file_id, None)
        if loaded is not None:
            self.loaded[file_id] = loaded
        if before is not None and before.staged is not None and (loaded is None or loaded.staged is not before.staged):
            before.staged.discard()

    def clear(self) -> None:
        """Forget what came of each file."""
        for file_id in [*self.loaded]:
            self.put(file_id, None)

    def leave_out_others(self, found: Relisted) -> None:
        """Leave out of a new entry the files that the plan does not ask for and the lake does not have.

        The index is read once for all datasets that wait for it, so these files were asked for because of another one.
        """
        if found.discovered is None:
            return
        before, again = self.resource.files, found.discovered.resource.files
        for file_id in [*again]:
            if not (file_id in before or file_id in self.current or self._wants(file_id)):
                del again[file_id]

    def take_up(self, found: Relisted) -> None:
        """Go on with the entry that the index has now.

        Raises:
            SourceError: The entry says that there is nothing to fetch.
        """
        assert found.discovered is not None, "it is listed"
        again = found.discovered.resource
        if again.error is not None:
            raise again.error
        if again.postponed is not None:
            raise SourceError(f"the provider changed it while it was being fetched: {again.postponed}")
        self.discovered = found.discovered
        self.is_post_loaded = False
        self.index = found.index
        self._asked_besides = found.unplanned
        self.bundle_type = self._find_type()
        for file_id in self.loaded.keys() - again.files.keys():
            self.put(file_id, None)

    def _was_asked_for(self, file_id: str) -> bool:
        feed, _, version = file_id.rpartition("__")
        return self._wants(file_id) or (feed, version) in self._asked_besides

    def _find_unplanned(self) -> Pairs:
        """Return what the lake has from this source, and the plan does not ask for."""
        lost = find_unannounced(self.existing, self.resource, self.discovered.job.plan)
        parts = [file_id.rpartition("__") for file_id in lost if not self._wants(file_id)]
        return frozenset((feed, version) for feed, _, version in parts)

    def _find_type(self) -> BundleType:
        """Return what a complete dataset holds, by the feeds that are announced, and those that the lake has."""
        feeds = {file.data_feed_key for file in self.resource.files.values()}
        if self.existing is not None:
            feeds |= {file.data_feed_key for file in self.existing.files.values()}
        discovered = self.discovered
        return self._rules.type_of(discovered.job.plan.source, discovered.provider, self.resource.dataset_type, feeds)
