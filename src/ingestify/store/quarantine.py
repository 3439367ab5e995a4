"""The quarantine: the bundles that failed a check, for a person to look at and decide about."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.change import DatasetChange, Settlement
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.expression import Undecidable
from ingestify.domain.html_table import html_table
from ingestify.domain.ports import DatasetFilter, HeadMoved
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState, WaitingBundle
from ingestify.domain.text import LONGEST_NAME, storable
from ingestify.errors import ConfigurationError, DatasetNotFound, IntegrityError, SaveError
from ingestify.masking import mask_text
from ingestify.progress.printable import PrintableLogger, printable
from ingestify.remedies import remedy
from ingestify.store.accepted_part import built_in_type_of, choose_part
from ingestify.store.commits import Commits
from ingestify.store.reading.dataset_reader import DatasetReader
from ingestify.store.reading.entry_list import EntryList
from ingestify.store.reading.file_collection import FileCollection
from ingestify.store.reading.nothing_found import explain_no_entry
from ingestify.store.removal import remove_orphans_of_commit

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from ingestify.store.reading.dataset_diff import DatasetDiff

__all__ = ["Quarantine"]

logger = PrintableLogger(__name__)

Entries = QuarantineEntry | str | Iterable[QuarantineEntry | str]
"""One entry or several, or their ids."""

_LOOKED_AT = 1000
"""How many entries are read to say what there is, if filters find nothing."""

_WHAT_TO_DO = (
    "Of engine.quarantine, load_files(entry) reads what came, request_retry(entry) lets the next run fetch it anew, "
    "accept(entry, decided_by) publishes it as it is, and discard(entry, decided_by) throws it away."
)

_MOST_LINES = 10
"""How many entries are printed."""


class Quarantine:
    """The quarantine of one bucket: `engine.quarantine`. Every method may be called from any thread.

    It is a sequence of the bundles that wait, newest first: it can be iterated over and has a length; a notebook shows
    a table. `to_polars()` and `to_pandas()` make a data frame.

    Example::

        for entry in engine.quarantine:
            print(entry.name, entry.reasons)

    Attributes:
        bundle_type_of: Returns what a complete dataset of an entry's kind holds. An engine sets it: it knows the
            settings and the sources; without an engine the built-in types count.
    """

    def __init__(self, reader: DatasetReader, commits: Commits) -> None:
        self._reader = reader
        self._commits = commits
        self.bundle_type_of: Callable[[QuarantineEntry], BundleType] = built_in_type_of

    def list_entries(self, states: Sequence[QuarantineState] = (QuarantineState.OPEN,), **filters: Any) -> EntryList:
        """Return the bundles in quarantine, newest first; see `iter_entries`."""
        return EntryList(self.iter_entries(states, **filters))

    def __iter__(self) -> Iterator[QuarantineEntry]:
        return self.iter_entries()

    def __getitem__(self, number: int) -> QuarantineEntry:
        return self.list_entries()[number]

    def to_polars(self) -> pl.DataFrame:
        """Return a polars DataFrame with a row for each bundle that waits; see `EntryList`.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return EntryList(self).to_polars()

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each bundle that waits; see `EntryList`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return EntryList(self).to_pandas()

    def __len__(self) -> int:
        return sum(self._reader.catalogue.quarantine.count_open(self._reader.bucket).values())

    def __repr__(self) -> str:
        waiting = self.find_waiting(self._reader.dataset_filter())
        lines = [f"Quarantine of the bucket '{self._reader.bucket}': {len(waiting):,} {_wait(len(waiting))}"]
        for one in waiting[:_MOST_LINES]:
            instead = "readers see what was before" if one.is_published else "readers see nothing of it"
            lines.append(f"  {one.entry_id}  {one.created_at:%Y-%m-%d %H:%M}  {one.name}  ({instead})")
            lines += [f"    {mask_text(reason)}" for reason in one.reasons]
        if len(waiting) > _MOST_LINES:
            lines.append(f"  … and {len(waiting) - _MOST_LINES:,} more")
        if waiting:
            lines.append(_WHAT_TO_DO)
        return "\n".join(map(printable, lines))  # reasons quote providers, and a terminal obeys control characters

    def _repr_html_(self) -> str:
        count = len(self)
        caption = f"Quarantine of the bucket '{self._reader.bucket}': {count:,} {_wait(count)}"
        table = html_table(caption, EntryList.columns, EntryList(self).iter_shown(), count)
        return f"{table}<p>{_WHAT_TO_DO}</p>" if count else table

    def find_waiting(self, wanted: DatasetFilter) -> list[WaitingBundle]:
        """Return the waiting bundles of the datasets that a filter names, newest first.

        It is one query, unless the filter has a `where`, which is evaluated for the dataset as it would become.
        """
        waiting = self._reader.catalogue.quarantine.find_waiting(dataclasses.replace(wanted, where=None))
        if wanted.where is None or not waiting:
            return waiting
        matching = {entry.entry_id for entry in self._iter_matching(wanted, wanted.where)}
        return [one for one in waiting if one.entry_id in matching]

    def _iter_matching(self, wanted: DatasetFilter, where: DatasetCondition) -> Iterator[QuarantineEntry]:
        everything = dataclasses.replace(wanted, where=None)
        for entry in self._reader.catalogue.quarantine.iter_entries(everything, [QuarantineState.OPEN]):
            with contextlib.suppress(Undecidable):  # the reader of the datasets warns of it
                if where.matches_dataset(entry.dataset_to_be()):
                    yield entry

    def iter_entries(
        self, states: Sequence[QuarantineState] = (QuarantineState.OPEN,), **filters: Any
    ) -> Iterator[QuarantineEntry]:
        """Yield the bundles in quarantine, newest first, a thousand in memory at once.

        If filters find nothing, a warning says why.

        Args:
            states: Entries in these states; empty: all entries, also those that were accepted, discarded or settled by
                a later bundle.
            **filters: `provider`, `dataset_type`, `dataset_id` and identifier keys.

        Raises:
            ConfigurationError: A filter has the name of an option, or is one that only datasets have.
        """
        wanted = self._reader.dataset_filter(**filters)
        if wanted.states or wanted.where is not None:
            raise ConfigurationError(
                "Quarantine entries have the filters provider, dataset_type, dataset_id and identifier keys, and "
                "states= for their own states; the filters state and where are for datasets."
            )
        return self._iter_wanted(wanted, states)

    def _iter_wanted(self, wanted: DatasetFilter, states: Sequence[QuarantineState]) -> Iterator[QuarantineEntry]:
        catalogue = self._reader.catalogue
        everything = DatasetFilter(wanted.bucket)
        is_empty = True
        for entry in catalogue.quarantine.iter_entries(wanted, states):
            is_empty = False
            yield entry
        if is_empty and wanted != everything:
            there = itertools.islice(catalogue.quarantine.iter_entries(everything, states), _LOOKED_AT)
            logger.warning("%s", explain_no_entry(list(there), wanted))

    def find_ids(self, beginning: str) -> list[str]:
        """Return the ids of this bucket's entries, in any state, that begin with this text."""
        return self._reader.catalogue.quarantine.find_ids(self._reader.bucket, beginning)

    def get_entry(self, entry_id: str) -> QuarantineEntry:
        """Return one entry of this bucket.

        Raises:
            DatasetNotFound: This bucket has no entry with that id.
        """
        entry = self._reader.catalogue.quarantine.find_entry(entry_id)
        if entry is None or entry.bucket != self._reader.bucket:
            raise DatasetNotFound(
                f"The quarantine of the bucket '{self._reader.bucket}' has no entry with the id '{entry_id}'; see "
                f"{remedy('quarantine list')}."
            )
        return entry

    def load_files(self, entry: QuarantineEntry, lazy: bool = False) -> FileCollection:
        """Return the files of a bundle in quarantine that differ from those of the lake; see `DatasetStore.load_files`.

        Raises:
            IntegrityError: An object is missing or damaged, or the entry was discarded.
        """
        if entry.state is QuarantineState.DISCARDED:
            raise IntegrityError(f"The files of the quarantine entry {entry.entry_id} were discarded.")
        number = 0 if entry.base_revision_id is None else entry.base_revision_id + 1
        files = (new.in_revision(number, entry.created_at) for new in entry.files)
        return self._reader.open_files(files, lazy=lazy)

    def diff(self, entry: QuarantineEntry) -> DatasetDiff | None:
        """Return what accepting a bundle would change for readers, record by record; see `DatasetStore.diff`.

        Returns:
            The differences from the revision that was current when the bundle was rejected; None: there was none.

        Raises:
            IntegrityError: An object is missing or damaged, or the entry was discarded.
        """
        # Most readers compare nothing.
        from ingestify.comparison.files import compare_files
        from ingestify.store.reading.dataset_diff import DatasetDiff

        dataset = self._reader.catalogue.datasets.find(
            self._reader.bucket, entry.provider, entry.dataset_type, entry.identifier
        )
        base = entry.base_revision_id
        if dataset is None or base is None:
            return None
        kept = dataset.at(revision=base).files
        gone = {*entry.removed_file_ids, *(new.file_id for new in entry.files)}
        with (
            self.load_files(entry, lazy=True) as bundle,
            self._reader.open_files(kept.values(), lazy=True) as before,
            self._reader.open_files((one for key, one in kept.items() if key not in gone), lazy=True) as unchanged,
        ):
            found = compare_files(before, [*unchanged, *bundle], self._reader.record_keys_of(dataset))
        return DatasetDiff(found, entry.name, base, base + 1)

    def accept(
        self, entry: QuarantineEntry | str, decided_by: str, note: str = "", *, without: Sequence[str] = ()
    ) -> Dataset:
        """Publish a bundle in quarantine as a revision. The person's decision is kept with the revision.

        A broken file is left out if the dataset is complete without its feed. Otherwise it is published as it is, and
        the dataset is PARTIAL: its `missing_feeds` and `broken_files` name the file.

        Args:
            entry: An entry or its id.
            decided_by: The person who decides.
            note: Why, for later readers.
            without: Feeds, or file ids, that are left out. They leave the current set if the lake has them; each run
                requests them again. The dataset is PARTIAL, unless it is complete without them.

        Returns:
            The dataset with its new revision; without a new one, if the lake has all files that are left.

        Raises:
            DatasetNotFound: There is no such entry.
            SaveError: The entry does not wait any more, the dataset has another revision since, or no file is left.
            ConfigurationError: The entry has no such feed.
        """
        (entry_id,) = _ids_of(entry)
        entry = self.get_entry(entry_id)  # the caller's may be old
        existing = self._reader.catalogue.datasets.find(
            self._reader.bucket, entry.provider, entry.dataset_type, entry.identifier
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
                    f"in the storage as it was written. Fetch it anew with {remedy('quarantine retry', entry_id)}."
                ) from error
        # A dataset that the provider stopped listing stays MISSING: the decision does not list it again.
        is_missing = existing is not None and existing.state is DatasetState.MISSING
        said = f"{part.described}: {note}" if note else part.described
        change = DatasetChange(
            bucket=self._reader.bucket,
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
            settlement=Settlement(entry.entry_id, entry.state, QuarantineState.ACCEPTED, decided_by, note),
        )
        # Before the commit, which may be the last thing that succeeds.
        if existing is None:
            self._reader.catalogue.selector_syncs.forget_listings()
        if part.removed_file_ids:
            self._reader.catalogue.selector_syncs.forget_hints()
        try:
            (applied,) = self._commits.apply([change])
        except HeadMoved as moved:
            raise SaveError(
                f"The quarantine entry {entry_id} of {entry} cannot be accepted: meanwhile somebody else decided about "
                f"it, or wrote to its dataset. Look at it again with {remedy('quarantine show', entry_id)}."
            ) from moved
        return applied.dataset

    def discard(self, entries: Entries, decided_by: str, note: str = "") -> int:
        """Throw the files of bundles in quarantine away. The person's decision is kept.

        The next run does not fetch the same bundles again; a new version of a bundle is validated as usual.

        Args:
            entries: An entry or its id, or several.
            decided_by: The person who decides.
            note: Why, for later readers.

        Returns:
            How many files were removed from the storage; a file that a revision names too stays.

        Raises:
            DatasetNotFound: There is no such entry.
        """
        entry_ids = _ids_of(entries)
        for entry_id in entry_ids:
            self.get_entry(entry_id)
        self._reader.identity.claim()
        begun = now()
        orphans = self._commits.discard(entry_ids, storable(decided_by, LONGEST_NAME), storable(note))
        return remove_orphans_of_commit(self._reader.catalogue, self._reader.storage, orphans, begun)

    def request_retry(self, entries: Entries) -> int:
        """Let the next run fetch bundles in quarantine anew, even if the provider says that they are unchanged.

        Returns:
            How many entries were marked.
        """
        return self._reader.catalogue.quarantine.request_retry(_ids_of(entries))


def _ids_of(entries: Entries) -> list[str]:
    several = [entries] if isinstance(entries, (str, QuarantineEntry)) else entries
    return [one if isinstance(one, str) else one.entry_id for one in several]


def _wait(count: int) -> str:
    return "bundle waits" if count == 1 else "bundles wait"
