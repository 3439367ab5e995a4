"""Makes sure that a bundle is of one moment, before it is judged: what `engine.moment` doubts is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.engine.bundle.loaded_file import LoadedResource
from ingestify.engine.discovery.source_context import SourceLane
from ingestify.engine.ingest.file_loading import FileLoading
from ingestify.engine.ingest.file_pipeline import Steps
from ingestify.engine.ingest.in_hand import DatasetInHand
from ingestify.engine.ingest.moment import can_be_asked_again, doubts_about, is_announced_alike, is_file_announced_alike
from ingestify.engine.ingest.relisting import Relisted, Relistings
from ingestify.errors import FetchError, SourceError
from ingestify.progress.printable import PrintableLogger

__all__ = ["MomentProof"]

logger = PrintableLogger(__name__)

MOST_LOOKS = 6
"""How often files are asked for once more that moved each time."""
MOST_LISTINGS = 3
"""How often the index is read once more for a dataset whose entry moved each time."""


class MomentProof:
    """Makes sure of one dataset; its methods are called by the worker that finished the step before.

    Args:
        hand: The dataset.
        loading: Loads its files.
        steps: Works on them side by side.
        relistings: Reads the index once more.
        lane: That of its source.
        reconsider: Goes on when other files than before are loaded.
        judge: Goes on when nothing is doubted any more.

    Attributes:
        has_moved: Whether a file or the entry was another one when it was asked for once more. Then nothing is known of
            the dataset before it was made sure of.
    """

    def __init__(
        self,
        hand: DatasetInHand,
        *,
        loading: FileLoading,
        steps: Steps,
        relistings: Relistings,
        lane: SourceLane,
        reconsider: Callable[[], None],
        judge: Callable[[], None],
    ) -> None:
        self._hand = hand
        self._loading = loading
        self._steps = steps
        self._relistings = relistings
        self._lane = lane
        self._reconsider = reconsider
        self._judge = judge
        self._moved: dict[str, LoadedResource] = {}
        self._looks = self._listings = 0
        self.has_moved = False
        self._is_bracketed = False  # every file was asked for once more, and none was another one
        self._is_entry_sure = False  # the entry was read between two such looks, or after them, and is as it was

    def go_on(self, *, suspicious: bool = False) -> bool:
        """Ask for what is doubted, and then go on to the verdict.

        Args:
            suspicious: A check failed: whatever can be asked for is. Then the verdict follows only if something was.

        Returns:
            Whether anything was left to be asked for.
        """
        hand = self._hand
        doubts = doubts_about(
            hand.resource.files,
            hand.loaded,
            hand.index,
            is_change=hand.existing is not None,
            has_moved=self.has_moved,
            suspicious=suspicious,
        )
        if doubts.files and not self._is_bracketed:
            self._moved = {}
            self._steps.side_by_side(hand.files(doubts.files), self._ask_again, self._looked_again)
        elif doubts.entry and not self._is_entry_sure:
            self._listings += 1
            self._read_entry(self._entry_read)
        else:
            if not suspicious:
                self._judge()
            return False
        return True

    def widen(self) -> None:
        """Load what the lake has and the plan does not ask for along with the rest, if there is any of it."""
        self._read_entry(self._widened)

    def _read_entry(self, then: Callable[[Relisted], None]) -> None:
        """Wait for the index to be read once more, and let a worker go on with `then`."""
        self._relistings.ask(self._hand.discovered, lambda found: self._go_on_with(found, then), self._hand.extra)

    def _go_on_with(self, found: Relisted, then: Callable[[Relisted], None]) -> None:
        def go_on() -> None:
            if found.error is not None:
                raise found.error
            self._hand.leave_out_others(found)
            then(found)

        self._steps.go_on(go_on)

    # ---- the files -------------------------------------------------------------------------------------

    def _ask_again(self, file: FileResource) -> None:
        hand = self._hand
        strictly = hand.existing is not None or self.has_moved
        again = self._loading.look_again(file, hand.loaded[file.file_id], strictly=strictly)
        if again is not None:
            self._moved[file.file_id] = again

    def _looked_again(self) -> None:
        moved = self._moved
        if not moved:
            self._is_bracketed = True
            self.go_on()
            return
        self._looks += 1
        self.has_moved = True
        self._is_entry_sure = self._hand.is_post_loaded = False
        for file_id, again in moved.items():
            self._hand.put(file_id, again)
        logger.debug("%s: %s moved while it was being fetched", self._hand.title, ", ".join(sorted(moved)))
        if all(again.is_alike for again in moved.values()):
            # What differs is made anew for each answer. If it moved as well, its entry shows that.
            self._warn_of_answers(moved)
            self._is_bracketed = True
        elif self._looks >= MOST_LOOKS:
            raise FetchError("the provider changed it each time it was asked for; the next run fetches it")
        self._reconsider()

    def _warn_of_answers(self, file_ids: Iterable[str]) -> None:
        discovered = self._hand.discovered
        feeds = sorted({file.data_feed_key for file in self._hand.files(file_ids)})
        if self._lane.tells_first("answers anew", discovered.resource.dataset_type, *feeds):
            logger.warning(
                "%s: %s: %s answered with other bytes each of three times, in the same places; the last answer is "
                "taken, and so it is of others like it.",
                discovered.job.source_name,
                discovered.name,
                ", ".join(feeds),
            )

    # ---- the entry -------------------------------------------------------------------------------------

    def _widened(self, found: Relisted) -> None:
        """The index was read for more than the plan asks for; of that, what the lake has is taken along."""
        hand = self._hand
        hand.is_widened = True
        if found.discovered is None:
            hand.extra = frozenset()  # with them it is not listed so that it can be read
        else:
            # What came before that is of another entry, then.
            self.has_moved |= not is_announced_alike(hand.resource, found.discovered.resource, with_more=True)
            hand.take_up(found)
        self._steps.side_by_side(hand.resource.files.values(), self._load_as_listed, self._reconsider)

    def _entry_read(self, found: Relisted) -> None:
        hand = self._hand
        before = hand.resource
        if found.is_gone:
            raise SourceError(
                "its index, read once more after its files, lists it no more, or so that it cannot be read; the next "
                "run tries again (if find_datasets cannot be called twice in a run, its source says "
                "lists_everything = False)"
            )
        # A source that lists only what is new may have nothing more to say of it.
        if found.discovered is None or is_announced_alike(before, found.discovered.resource):
            self._is_entry_sure = True
            self.go_on()
            return
        logger.debug("%s: its entry in the index moved while it was being fetched", hand.title)
        if self._listings >= MOST_LISTINGS:
            self._end_of_listings(before, found.discovered.resource)
            return
        hand.take_up(found)
        files = hand.resource.files
        alike = {
            file_id
            for file_id, file in files.items()
            if file_id in hand.loaded
            and is_file_announced_alike(before.files[file_id], file)
            and (file.json_content is not None or self._came_before(file))
        }
        self.has_moved = True
        # If no file is another one after this, the entry was read between two looks that found the same. Whatever moved
        # in it, a time that stayed shows nothing.
        self._is_bracketed = False
        others = hand.files(file_id for file_id in files if file_id not in alike)
        # What is loaded only now may have changed between this reading and that.
        self._is_entry_sure = all(file.json_content is not None or self._came_before(file) for file in others)
        self._steps.side_by_side(others, self._load_as_listed, self._reconsider)

    def _came_before(self, file: FileResource) -> bool:
        """Whether a file of an entry that moved has come, and can be asked for once more."""
        loaded = self._hand.loaded.get(file.file_id)
        return (
            loaded is not None
            and file.url is not None
            and loaded.feed.asked_for == file.asked_for
            and can_be_asked_again(loaded)
        )

    def _load_as_listed(self, file: FileResource) -> None:
        """Load a file of an entry that was read once more; one that came already is asked for again later."""
        if self._came_before(file):
            loaded = self._hand.loaded[file.file_id]
            self._hand.put(file.file_id, self._loading.as_announced(file, loaded))
        else:
            self._hand.put(file.file_id, self._loading.load(file))

    def _end_of_listings(self, before: DatasetResource, after: DatasetResource) -> None:
        """The entry was another one each time: it moves, or it holds something that is made anew for each answer."""
        same = before.files.keys() == after.files.keys() and all(
            file.announced == after.files[file_id].announced for file_id, file in before.files.items()
        )
        if not same or (before.name, before.state) != (after.name, after.state):
            raise FetchError("the provider changed its entry each time the index was read; the next run fetches it")
        discovered = self._hand.discovered
        if self._lane.tells_first("lists anew", after.dataset_type):
            logger.warning(
                "%s: %s: its entry in the index was another one each of %d times, with the same name and the same "
                "times; the last one is taken, and so it is of others like it.",
                discovered.job.source_name,
                discovered.name,
                MOST_LISTINGS,
            )
        self._is_entry_sure = True
        self.go_on()
