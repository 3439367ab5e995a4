"""The bundles that failed a check: to look at, and for a person to decide about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.change import DatasetChange, Settlement
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.ports import HeadMoved
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.text import LONGEST_NAME, storable
from ingestify.errors import DatasetNotFound, IntegrityError, SaveError
from ingestify.store.accepted_part import built_in_type_of, choose_part
from ingestify.store.file_collection import PRELOAD_BYTES, FileCollection, LoadedFile

if TYPE_CHECKING:
    from ingestify.store.dataset_store import DatasetStore

__all__ = ["Quarantine"]


class Quarantine:
    """The quarantine of one bucket: `store.quarantine`. Every method may be called from any thread.

    Attributes:
        bundle_type_of: Says what a complete dataset of an entry's kind holds. An engine sets it, as it knows the
            settings and the sources; without one it is what is built in.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self.bundle_type_of: Callable[[QuarantineEntry], BundleType] = built_in_type_of

    def list_entries(
        self, states: Sequence[QuarantineState] = (QuarantineState.OPEN,), **filters: Any
    ) -> list[QuarantineEntry]:
        """Return the bundles in quarantine, newest first; see `iter_entries`."""
        return list(self.iter_entries(states, **filters))

    def iter_entries(
        self, states: Sequence[QuarantineState] = (QuarantineState.OPEN,), **filters: Any
    ) -> Iterator[QuarantineEntry]:
        """Yield the bundles in quarantine, newest first, a thousand in memory at once.

        Args:
            states: Empty: also what was accepted, discarded or settled by a later bundle.
            **filters: As `get_dataset_collection` takes them, without paging.
        """
        return self._store.catalogue.iter_quarantine(self._store.dataset_filter(**filters), states)

    def find_ids(self, beginning: str) -> list[str]:
        """Return the ids of this bucket's entries, of all states, that begin so."""
        return self._store.catalogue.find_quarantine_ids(self._store.bucket, beginning)

    def get_entry(self, entry_id: str) -> QuarantineEntry:
        """Return one entry of this bucket.

        Raises:
            DatasetNotFound: There is none with that id here.
        """
        entry = self._store.catalogue.find_quarantine_entry(entry_id)
        if entry is None or entry.bucket != self._store.bucket:
            raise DatasetNotFound(
                f"The quarantine of the bucket '{self._store.bucket}' has no entry with the id '{entry_id}'; see "
                f"'ingestify quarantine list'."
            )
        return entry

    def load_files(self, entry: QuarantineEntry, lazy: bool = False) -> FileCollection:
        """Return the files of a bundle in quarantine that differ from the lake's, to look at them.

        Raises:
            IntegrityError: An object is missing or damaged, or the entry was discarded.
        """
        if entry.state is QuarantineState.DISCARDED:
            raise IntegrityError(f"The files of the quarantine entry {entry.entry_id} were discarded.")
        loaded = []
        number = 0 if entry.base_revision_id is None else entry.base_revision_id + 1
        for new in entry.files:
            file = new.in_revision(number, entry.created_at)
            one = LoadedFile(file, self._store.opener(file))
            if not lazy and file.size <= PRELOAD_BYTES:
                one.preload()
            loaded.append(one)
        return FileCollection(loaded)

    def accept(self, entry_id: str, decided_by: str, note: str = "", *, without: Sequence[str] = ()) -> Dataset:
        """Publish a bundle in quarantine as a revision: a person's decision, which is kept with it.

        A broken file of a feed that its dataset can do without is left out by itself. Another one that is broken is
        published as it is, and then the dataset is PARTIAL: its `missing_feeds` and `broken_files` name it.

        Args:
            decided_by: Who decides.
            note: Why, for those who come later.
            without: Feeds, or file ids, that are left out. They leave the current set if the lake has them; each run
                asks for them again. The dataset is PARTIAL, unless it can do without them.

        Returns:
            The dataset with its new revision; without a new one, if nothing is left that the lake has not.

        Raises:
            DatasetNotFound: There is no such entry.
            SaveError: It does not wait any more, the dataset has moved on since, or nothing of it would be left.
            ConfigurationError: It has no such feed.
        """
        entry = self.get_entry(entry_id)
        existing = self._store.catalogue.find_dataset(
            self._store.bucket, entry.provider, entry.dataset_type, entry.identifier
        )
        head = existing.revisions[-1].revision_id if existing is not None and existing.revisions else None
        if not entry.is_open or head != entry.base_revision_id:
            now_is = f"it is {entry.state}" if not entry.is_open else "the dataset has got another revision since"
            raise SaveError(f"The quarantine entry {entry_id} of {entry} cannot be accepted: {now_is}.")
        part = choose_part(entry, existing, self.bundle_type_of(entry), without, decided_by, note)
        for file in self.load_files(entry, lazy=True):
            if file.file_id in part.left_out:
                continue
            try:
                file.open_stream.verify()
            except IntegrityError as error:
                raise SaveError(
                    f"The quarantine entry {entry_id} of {entry} cannot be accepted: its file {file.file_id} is not "
                    f"in the storage as it was written. Fetch it anew with 'ingestify quarantine retry {entry_id}'."
                ) from error
        # What the provider stopped listing is not listed again by a person's decision.
        is_missing = existing is not None and existing.state is DatasetState.MISSING
        said = f"{part.described}: {note}" if note else part.described
        change = DatasetChange(
            bucket=self._store.bucket,
            provider=entry.provider,
            dataset_type=entry.dataset_type,
            identifier=entry.identifier,
            name=entry.name,
            state=DatasetState.MISSING if is_missing else part.state,
            metadata=entry.metadata,
            existing=existing,
            files=part.files,
            feeds=part.feeds,
            description=f"accepted by {decided_by}{said} (its checks had said: {'; '.join(entry.reasons)})"[:500],
            source=entry.source,
            missing_feeds=part.missing_feeds,
            removed_file_ids=part.removed_file_ids,
            dataset_id=entry.dataset_id,
            settles=Settlement(entry.entry_id, entry.state, QuarantineState.ACCEPTED, decided_by, note),
        )
        try:
            (applied,) = self._store.commit([change])
        except HeadMoved as moved:
            raise SaveError(
                f"The quarantine entry {entry_id} of {entry} cannot be accepted: somebody else decided about it, or "
                f"wrote to its dataset, at this moment. Look at it again with 'ingestify quarantine show {entry_id}'."
            ) from moved
        if existing is None:
            self._store.catalogue.forget_listings()
        if part.removed_file_ids:
            self._store.catalogue.forget_hints()
        return applied.dataset

    def discard(self, entry_ids: Sequence[str], decided_by: str, note: str = "") -> int:
        """Throw the files of bundles in quarantine away: a person's decision, which is kept.

        The next run does not fetch the same bundles again; another one of the provider's is looked at as ever.

        Returns:
            How many files were removed from the storage; those that a revision names too stay.

        Raises:
            DatasetNotFound: There is no such entry.
        """
        for entry_id in entry_ids:
            self.get_entry(entry_id)
        self._store.identity.claim()
        begun = now()
        orphans = self._store.commit_discards(entry_ids, storable(decided_by, LONGEST_NAME), storable(note))
        return self._store.remove_objects(orphans, begun)

    def request_retry(self, entry_ids: Sequence[str]) -> int:
        """Let the next run fetch bundles in quarantine anew, whatever the provider says of them. Returns how many."""
        return self._store.catalogue.request_quarantine_retry(entry_ids)
