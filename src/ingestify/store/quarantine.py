"""The bundles that failed a check: to look at, and for a person to decide about."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.change import DatasetChange, Settlement
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
from ingestify.store.reading.file_collection import PRELOAD_BYTES, FileCollection, LoadedFile
from ingestify.store.reading.nothing_found import explain_no_entry
from ingestify.store.reading.table_list import TableList, with_own_names
from ingestify.store.removal import remove_orphans_of_commit

__all__ = ["EntryList", "Quarantine"]

logger = PrintableLogger(__name__)

Entries = QuarantineEntry | str | Iterable[QuarantineEntry | str]
"""One or several, or their ids."""

_LOOKED_AT = 1000
"""So many entries are looked through for what there is, where filters find nothing."""

_WHAT_TO_DO = (
    "Of engine.quarantine, load_files(entry) reads what came, request_retry(entry) lets the next run fetch it anew, "
    "accept(entry, decided_by) publishes it as it is, and discard(entry, decided_by) throws it away."
)

_MOST_LINES = 10
"""Of a quarantine that is printed."""


class EntryList(TableList[QuarantineEntry]):
    """A list that is shown as a table; as a data frame it has a column for each key of the identifiers."""

    columns = ("entry", "dataset", "name", "state", "since (UTC)", "readers see", "why")

    @property
    def caption(self) -> str:
        """How many there are."""
        return "1 entry" if len(self) == 1 else f"{len(self):,} entries"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield what is shown of each."""
        return map(_shown_of, self)

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each entry, with the keys of its identifier."""
        return [_row(entry) for entry in self]


class Quarantine:
    """The quarantine of one bucket: `engine.quarantine`. Every method may be called from any thread.

    It is iterated over, counted and shown as what waits in it, newest first; a notebook shows a table. `to_polars()`
    and `to_pandas()` make a data frame of it.

    Example::

        for entry in engine.quarantine:
            print(entry.name, entry.reasons)

    Attributes:
        bundle_type_of: Says what a complete dataset of an entry's kind holds. An engine sets it, as it knows the
            settings and the sources; without one it is what is built in.
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

    def to_polars(self) -> Any:
        """Return a polars DataFrame with a row for each bundle that waits; see `EntryList`.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return EntryList(self).to_polars()

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame likewise.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return EntryList(self).to_pandas()

    def __len__(self) -> int:
        return len(self.find_waiting(self._reader.dataset_filter()))

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
        return "\n".join(map(printable, lines))  # it quotes providers, and a terminal shows it as it is

    def _repr_html_(self) -> str:
        count = len(self)
        caption = f"Quarantine of the bucket '{self._reader.bucket}': {count:,} {_wait(count)}"
        table = html_table(caption, EntryList.columns, map(_shown_of, self), count)
        return f"{table}<p>{_WHAT_TO_DO}</p>" if count else table

    def find_waiting(self, wanted: DatasetFilter) -> list[WaitingBundle]:
        """Return what waits of the datasets that a filter means, newest first: by one query, unless it has a `where`.

        A condition is looked at for what the dataset would become.
        """
        waiting = self._reader.catalogue.quarantine.find_waiting(dataclasses.replace(wanted, where=None))
        if wanted.where is None or not waiting:
            return waiting
        meant = {entry.entry_id for entry in self._iter_meant(wanted)}
        return [one for one in waiting if one.entry_id in meant]

    def _iter_meant(self, wanted: DatasetFilter) -> Iterator[QuarantineEntry]:
        where = wanted.where
        assert where is not None, "without a condition all of them are"
        everything = dataclasses.replace(wanted, where=None)
        for entry in self._reader.catalogue.quarantine.iter_entries(everything, [QuarantineState.OPEN]):
            with contextlib.suppress(Undecidable):  # who reads the datasets is told of that
                if where.matches_dataset(entry.dataset_to_be()):
                    yield entry

    def iter_entries(
        self, states: Sequence[QuarantineState] = (QuarantineState.OPEN,), **filters: Any
    ) -> Iterator[QuarantineEntry]:
        """Yield the bundles in quarantine, newest first, a thousand in memory at once.

        What filters find nothing of is explained in a warning.

        Args:
            states: Empty: also what was accepted, discarded or settled by a later bundle.
            **filters: `provider`, `dataset_type`, `dataset_id` and identifier keys.

        Raises:
            ConfigurationError: A filter is the name of an option, or one on what only a dataset has.
        """
        wanted = self._reader.dataset_filter(**filters)
        if wanted.states or wanted.where is not None:
            raise ConfigurationError(
                "Entries of the quarantine are narrowed by provider, dataset_type, dataset_id and identifier keys, and "
                "by states=, which are their own; state and where are of datasets."
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
        """Return the ids of this bucket's entries, of all states, that begin so."""
        return self._reader.catalogue.quarantine.find_ids(self._reader.bucket, beginning)

    def get_entry(self, entry_id: str) -> QuarantineEntry:
        """Return one entry of this bucket.

        Raises:
            DatasetNotFound: There is none with that id here.
        """
        entry = self._reader.catalogue.quarantine.find_entry(entry_id)
        if entry is None or entry.bucket != self._reader.bucket:
            raise DatasetNotFound(
                f"The quarantine of the bucket '{self._reader.bucket}' has no entry with the id '{entry_id}'; see "
                f"{remedy('quarantine list')}."
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
            one = LoadedFile(file, self._reader.opener(file))
            if not lazy and file.size <= PRELOAD_BYTES:
                one.preload()
            loaded.append(one)
        return FileCollection(loaded)

    def accept(
        self, entry: QuarantineEntry | str, decided_by: str, note: str = "", *, without: Sequence[str] = ()
    ) -> Dataset:
        """Publish a bundle in quarantine as a revision: a person's decision, which is kept with it.

        A broken file of a feed that its dataset can do without is left out by itself. Another one that is broken is
        published as it is, and then the dataset is PARTIAL: its `missing_feeds` and `broken_files` name it.

        Args:
            entry: One, or its id.
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
        (entry_id,) = _ids_of(entry)
        entry = self.get_entry(entry_id)  # as it is now
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
        # What the provider stopped listing is not listed again by a person's decision.
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
            settles=Settlement(entry.entry_id, entry.state, QuarantineState.ACCEPTED, decided_by, note),
        )
        try:
            (applied,) = self._commits.apply([change])
        except HeadMoved as moved:
            raise SaveError(
                f"The quarantine entry {entry_id} of {entry} cannot be accepted: somebody else decided about it, or "
                f"wrote to its dataset, at this moment. Look at it again with {remedy('quarantine show', entry_id)}."
            ) from moved
        if existing is None:
            self._reader.catalogue.selector_syncs.forget_listings()
        if part.removed_file_ids:
            self._reader.catalogue.selector_syncs.forget_hints()
        return applied.dataset

    def discard(self, entries: Entries, decided_by: str, note: str = "") -> int:
        """Throw the files of bundles in quarantine away: a person's decision, which is kept.

        The next run does not fetch the same bundles again; another one of the provider's is looked at as ever.

        Args:
            entries: An entry or its id, or several.

        Returns:
            How many files were removed from the storage; those that a revision names too stay.

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
        """Let the next run fetch bundles in quarantine anew, whatever the provider says of them. Returns how many."""
        return self._reader.catalogue.quarantine.request_retry(_ids_of(entries))


def _ids_of(entries: Entries) -> list[str]:
    several = [entries] if isinstance(entries, (str, QuarantineEntry)) else entries
    return [one if isinstance(one, str) else one.entry_id for one in several]


def _wait(count: int) -> str:
    return "bundle waits" if count == 1 else "bundles wait"


def _shown_of(entry: QuarantineEntry) -> Sequence[object]:
    return (
        entry.entry_id,
        str(entry),
        entry.name,
        entry.state.value,
        entry.created_at,
        "nothing" if entry.base_revision_id is None else f"revision {entry.base_revision_id}",
        "; ".join(entry.reasons),
    )


def _row(entry: QuarantineEntry) -> dict[str, Any]:
    row = {
        "entry_id": entry.entry_id,
        "dataset_id": entry.dataset_id,
        "provider": entry.provider,
        "dataset_type": entry.dataset_type,
        "name": entry.name,
        "state": entry.state.value,
        "reasons": list(entry.reasons),
        "base_revision_id": entry.base_revision_id,
        "created_at": entry.created_at,
        "checked_at": entry.checked_at,
        "metadata": dict(entry.metadata),
    }
    return {**with_own_names(entry.identifier, row), **row}
