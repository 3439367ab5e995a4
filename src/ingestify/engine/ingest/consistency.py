"""Makes sure that the files of a dataset belong together, before the bundle is validated.

What `consistency_rules` finds uncertain is asked for once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.engine.discovery.source_context import SourceContext
from ingestify.engine.ingest.consistency_rules import (
    can_be_asked_again,
    find_uncertain,
    is_announced_alike,
    is_file_announced_alike,
)
from ingestify.engine.ingest.fetched_dataset import FetchedDataset
from ingestify.engine.ingest.file_loading import FileLoading
from ingestify.engine.ingest.pipeline import LoadFiles, ReadIndexAgain
from ingestify.engine.ingest.relisting import Relisted
from ingestify.errors import FetchError, SourceError
from ingestify.progress.printable import PrintableLogger

__all__ = ["ConsistencyCheck"]

logger = PrintableLogger(__name__)

MOST_REQUESTS = 6
"""How often files are asked for once more that changed each time."""
MOST_LISTINGS = 3
"""How often the index is read once more for a dataset whose entry changed each time."""


class ConsistencyCheck:
    """The consistency check of one dataset.

    Args:
        fetched: The dataset. What changed meanwhile is put into it.
        loading: Loads its files.
        source_context: What the run keeps for its source.

    Attributes:
        found_change: Whether the provider changed a file or the entry since the dataset was discovered. Then nothing is
            known of the dataset before the check has ended.
    """

    def __init__(self, fetched: FetchedDataset, loading: FileLoading, source_context: SourceContext) -> None:
        self._fetched = fetched
        self._loading = loading
        self._source_context = source_context
        self._requests = self._listings = 0
        self.found_change = False
        self._are_files_sure = False  # every file was requested once more, and none had changed
        self._is_entry_sure = False  # the entry was read between two such requests or after them, and had not changed

    async def has_changed(self, *, is_suspicious: bool = False) -> bool:
        """Ask the provider once more for whatever is uncertain.

        Args:
            is_suspicious: A check of the bundle failed: whatever can be asked for is uncertain.

        Returns:
            Whether the provider changed the dataset meanwhile. Then the bundle is another one: all checks start again.
        """
        fetched = self._fetched
        if fetched.resource.snapshot is not None:
            return False  # the entry and all files are of the same moment, whatever the provider does meanwhile
        while True:
            uncertain = find_uncertain(
                fetched.resource.files,
                fetched.loaded,
                fetched.index,
                is_change=fetched.existing is not None,
                has_changed=self.found_change,
                is_suspicious=is_suspicious,
            )
            if uncertain.files and not self._are_files_sure:
                if await self._have_files_changed(uncertain.files):
                    return True
                self._are_files_sure = True
            elif uncertain.entry and not self._is_entry_sure:
                if await self._has_entry_changed():
                    return True
                self._is_entry_sure = True
            else:
                return False

    async def load_unplanned(self) -> None:
        """Load also the feeds that the lake has and the plan does not ask for, where the source still has them."""
        fetched = self._fetched
        found = await self._read_index()
        fetched.asked_for_unplanned = True
        if found.discovered is None:
            fetched.unplanned = frozenset()  # with these feeds, the source does not list the dataset
        else:
            # Then the files that came before belong to another entry.
            self.found_change |= not is_announced_alike(fetched.resource, found.discovered.resource, with_more=True)
            fetched.take_up(found)
        await LoadFiles(fetched.resource.files.values(), self._load_as_listed)

    # ---- the files -------------------------------------------------------------------------------------

    async def _have_files_changed(self, file_ids: Iterable[str]) -> bool:
        fetched = self._fetched
        changed = {}
        is_strict = fetched.existing is not None or self.found_change

        def ask_again(file: FileResource) -> None:
            again = self._loading.ask_again(file, fetched.loaded[file.file_id], is_strict=is_strict)
            if again is not None:
                changed[file.file_id] = again
                fetched.put(file.file_id, again)

        await LoadFiles(fetched.files(file_ids), ask_again)
        if not changed:
            return False
        self._requests += 1
        self.found_change = True
        self._is_entry_sure = fetched.is_post_loaded = False
        logger.debug("%s: %s changed while it was being fetched", fetched.title, ", ".join(sorted(changed)))
        if all(again.differs_alike for again in changed.values()):
            # What differs is made anew for each response. If the file changed as well, its entry shows that.
            feeds = sorted({file.data_feed_key for file in fetched.files(changed)})
            self._warn_once(
                "answers anew",
                "%s: %s: the provider sent different bytes of %s each of three times, always different in the same "
                "places. The last bytes are stored. The same is done for other datasets of this type.",
                ", ".join(feeds),
            )
            self._are_files_sure = True
        elif self._requests >= MOST_REQUESTS:
            raise FetchError("the provider changed it before each of several requests; the next run fetches it")
        return True

    # ---- the entry -------------------------------------------------------------------------------------

    async def _read_index(self) -> Relisted:
        found = await ReadIndexAgain(self._fetched.discovered, self._fetched.unplanned)
        self._fetched.leave_out_others(found)
        return found

    async def _has_entry_changed(self) -> bool:
        fetched = self._fetched
        before = fetched.resource
        self._listings += 1
        found = await self._read_index()
        if found.is_gone:
            raise SourceError(
                "the index, read once more after the files, no longer lists it, or its entry cannot be read; the next "
                "run tries again (if find_datasets cannot be called twice in a run, the source has to set "
                "lists_everything = False)"
            )
        # A source that lists only what is new may have nothing more to say of the dataset.
        if found.discovered is None or is_announced_alike(before, found.discovered.resource):
            return False
        logger.debug("%s: its entry in the index changed while it was being fetched", fetched.title)
        if self._listings >= MOST_LISTINGS:
            self._accept_last_listing(before, found.discovered.resource)
            return False
        fetched.take_up(found)
        files = fetched.resource.files
        same = {
            file_id
            for file_id, file in files.items()
            if file_id in fetched.loaded
            and is_file_announced_alike(before.files[file_id], file)
            and (file.json_content is not None or self._is_loaded(file))
        }
        self.found_change = True
        # If no file has changed after this, the entry was read between two requests that found the same. Whatever
        # changed in the entry, a time that stayed shows nothing.
        self._are_files_sure = False
        others = fetched.files(file_id for file_id in files if file_id not in same)
        # What is loaded only now may have changed between this reading and that.
        self._is_entry_sure = all(file.json_content is not None or self._is_loaded(file) for file in others)
        await LoadFiles(others, self._load_as_listed)
        return True

    def _is_loaded(self, file: FileResource) -> bool:
        """Whether a file of an entry that changed was loaded, and can be asked for once more."""
        loaded = self._fetched.loaded.get(file.file_id)
        return (
            loaded is not None
            and file.url is not None
            and (file.content_id or "") == loaded.feed.content_id
            and loaded.feed.asked_for == file.asked_for
            and can_be_asked_again(loaded)
        )

    def _load_as_listed(self, file: FileResource) -> None:
        """Load a file of an entry that was read once more. A file that came already is asked for again later."""
        if self._is_loaded(file):
            loaded = self._loading.as_announced(file, self._fetched.loaded[file.file_id])
        else:
            loaded = self._loading.load(file)
        self._fetched.put(file.file_id, loaded)

    def _accept_last_listing(self, before: DatasetResource, after: DatasetResource) -> None:
        """Accept an entry that was different each time, if only values in it are made anew for each response.

        Raises:
            FetchError: The provider keeps changing the dataset.
        """
        same = before.files.keys() == after.files.keys() and all(
            file.announced == after.files[file_id].announced for file_id, file in before.files.items()
        )
        if not same or (before.name, before.state) != (after.name, after.state):
            raise FetchError("the provider changed its entry each time the index was read; the next run fetches it")
        self._warn_once(
            "lists anew",
            "%s: %s: its entry in the index was different each of %d times, but its name and times stayed the same. "
            "The last entry is stored. The same is done for other datasets of this type.",
            MOST_LISTINGS,
        )

    def _warn_once(self, kind: str, text: str, argument: object) -> None:
        """Warn only of the first dataset of a type."""
        discovered = self._fetched.discovered
        if self._source_context.tells_first(kind, discovered.resource.dataset_type, str(argument)):
            logger.warning(text, discovered.job.source_name, discovered.name, argument)
