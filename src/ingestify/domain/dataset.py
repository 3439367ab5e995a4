"""A dataset: one match, one video, one season's aggregates, versioned as a whole."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, overload

from ingestify.clock import moment_of
from ingestify.domain.dump import Dumped
from ingestify.domain.file import FeedState, File
from ingestify.domain.html_table import html_table
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.domain.readable_files import ReadableFile, ReadableFiles
from ingestify.domain.revision import FilesById, Revision, RevisionState
from ingestify.errors import LoadError
from ingestify.suggestion import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from ingestify.pictures.picture import Picture

__all__ = [
    "DATASET_COLUMNS",
    "PICTURES",
    "CollectionMetadata",
    "Dataset",
    "DatasetCollection",
    "DatasetState",
    "DatasetSummary",
    "FileReader",
    "Library",
    "lake_of",
    "shown_of",
]

logger = logging.getLogger(__name__)

Library: TypeAlias = Literal["polars", "pandas"]
"""Whose data frame it is."""

PICTURES = ("shots", "xg", "frame", "lineups")
"""The pictures of a dataset."""


class DatasetState(enum.StrEnum):
    """How much of a dataset the provider has."""

    SCHEDULED = "SCHEDULED"
    PARTIAL = "PARTIAL"
    COMPLETE = "COMPLETE"
    MISSING = "MISSING"

    @property
    def is_complete(self) -> bool:
        """Whether every file of the dataset is there."""
        return self is DatasetState.COMPLETE

    @classmethod
    def parse(cls, value: object) -> DatasetState:
        """Return the state that `value` names, in any case.

        Raises:
            ValueError: It names none. The message lists the valid ones.
        """
        if isinstance(value, cls):
            return value
        try:
            return cls(str(value).upper())
        except ValueError:
            names = [state.value for state in cls]
            meant = did_you_mean(str(value), names)
            valid = f"{' Valid' if meant else '; valid'} are {', '.join(names)}."
            raise ValueError(f"'{value}' is not a dataset state{meant}{valid}") from None

    @classmethod
    def parse_many(cls, value: object) -> tuple[DatasetState, ...]:
        """Return the states that a name, a state, or a collection of them names; () for None, which means all states.

        Raises:
            ValueError: A name is unknown, or the collection is empty, which does not mean all states.
        """
        if value is None:
            return ()
        if value in ([], (), set()):
            raise ValueError(f"{value!r} names no state; leave it out for all of them: {', '.join(cls)}.")
        if isinstance(value, (list, tuple, set, frozenset)):
            return tuple(dict.fromkeys(cls.parse(item) for item in value))
        return (cls.parse(value),)


@dataclasses.dataclass(slots=True)  # frozen, it would take twice as long to make, for each dataset of a run
class DatasetSummary:
    """A summary of a dataset in the lake, to decide about it without loading it. Never changed after it is made.

    Attributes:
        last_modified: The newest provider time of its files, in UTC; None if unknown.
        current_created_at: When its current revision was committed; None if it has none.
        current_state: The state of its current revision; None if it has none.
        has_revisions: Whether it has any revision.
        feeds: File id to the result of the last check of that file; None if the summary does not have it.
    """

    last_modified: dt.datetime | None
    current_created_at: dt.datetime | None
    current_state: RevisionState | None
    has_revisions: bool
    feeds: Mapping[str, FeedState] | None = None


class FileReader(Protocol):
    """The lake that a dataset was read from."""

    @property
    def reference(self) -> object:
        """Opens the lake in another process; a text says why that is not possible."""

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> ReadableFiles:
        """Return the dataset's current files."""

    def list_of(self, datasets: Sequence[Dataset]) -> DatasetTable:
        """Return the datasets as a list that becomes a data frame."""

    def frame_with_kloppy(
        self, datasets: Sequence[Dataset], library: Library, arguments: Mapping[str, Any], progress: bool | None
    ) -> Any:
        """Return kloppy's frames of many datasets as one."""

    def plot(self, dataset: Dataset, kind: str, *, shot: str | None, frame: int) -> Picture:
        """Return a picture of a dataset."""

    def preview(self, dataset: Dataset) -> str:
        """Return a picture of a dataset as HTML, or a sentence; it is quick, and raises nothing."""


class DatasetTable(Protocol):
    """Datasets that become one data frame; `DatasetList` documents it."""

    def to_polars(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
    ) -> pl.DataFrame:
        """Return a feed of all datasets, or their table, as a polars DataFrame."""

    def to_pandas(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """Return a feed of all datasets, or their table, as a pandas DataFrame."""


@dataclasses.dataclass(frozen=True)
class Dataset(Dumped):
    """One dataset of the lake with its history.

    Attributes:
        dataset_id: A UUID, as text.
        identifier: The provider's keys: `dataset.identifier["match_id"]`.
        state: SCHEDULED, PARTIAL, COMPLETE or MISSING.
        metadata: The source's description of it; JSON values.
        created_at: When it came into the lake; `updated_at`: when its row last changed.
        last_modified_at: The newest time at which a file changed, by the provider's word; None if it gives none.
        revisions: Oldest first, numbered from 0 without gaps.
        feeds: File id to the result of the last check of that file.
        missing_feeds: The feeds that a complete dataset of its type has and that this one lacks, or has broken.
    """

    dataset_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Identifier
    name: str
    state: DatasetState
    metadata: Mapping[str, JsonValue]
    created_at: dt.datetime
    updated_at: dt.datetime
    last_modified_at: dt.datetime | None
    revisions: tuple[Revision, ...] = dataclasses.field(default_factory=tuple)  # `()` would be a class attribute
    feeds: Mapping[str, FeedState] = dataclasses.field(default_factory=dict)
    missing_feeds: tuple[str, ...] = ()

    @classmethod
    def stored(
        cls,
        known: dict[str, Any],
        read_revisions: Callable[[], tuple[Revision, ...]],
        current_created_at: dt.datetime | None,
    ) -> Dataset:
        """Return a dataset of the lake whose revisions are made when they are first used: of most, they never are.

        Args:
            known: The values of all other fields. The dataset keeps this dict.
            read_revisions: Returns `revisions`.
            current_created_at: When the last of them was committed; None if there is none.
        """
        known["_read_revisions"] = read_revisions
        known["_current_created_at"] = current_created_at
        dataset = object.__new__(cls)
        object.__setattr__(dataset, "__dict__", known)
        return dataset

    if not TYPE_CHECKING:  # a type checker would believe in any attribute

        def __getattr__(self, name: str) -> Any:
            values = self.__dict__
            if name == "revisions":
                # Two threads may both make them, alike. The one that comes later finds them made.
                if read := values.get("_read_revisions"):
                    values.setdefault(name, read())
                    values.pop("_read_revisions", None)
                if name in values:
                    return values[name]
            if name in _OF_REVISIONS and "_today" in values:
                return values.setdefault(name, self._value_then(name, values["_today"]))
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    @property
    def is_complete(self) -> bool:
        """Whether its state is COMPLETE."""
        return self.state.is_complete

    @property
    def current_revision(self) -> Revision | None:
        """The whole current set of files: the newest of each, from any revision.

        A file that a later revision removed, because the provider had it no more, is not in it. The id, time and state
        are those of the last revision. None if there is no revision.
        """
        if not self.revisions:
            return None
        return dataclasses.replace(self.revisions[-1], modified_files=tuple(self.files.values()))

    def at(self, moment: dt.datetime | dt.date | str | None = None, *, revision: int | None = None) -> Dataset:
        """Return the dataset with the files that it had after a revision, or at a moment.

        Every reader takes it: `load_files`, `to_polars`, kloppy. Its `revisions` end with that revision, and its files
        are the whole set of then. Its name, state and metadata are those of today, as the lake keeps no others.

        Example::

            before = dataset.at(revision=0).to_polars("events")
            at_first = dataset.at(dataset.created_at)  # or "2026-10-31"

        Args:
            moment: The last revision that was committed until then; if it was thinned, the one before it that was not.
                A text such as `2026-10-31T18:00`, or a datetime,
                in UTC if it has no zone; a day means its end, and so does a minute or a second in a text.
            revision: The number of a revision; a negative one counts from the end, so -2 is the one before the last.
                Revisions that were thinned do not count then; one that is named is an error.

        Raises:
            LoadError: There is no such revision, or none was committed by then. The message lists what there is.
            ValueError: `moment` is no date and no time.
        """
        if (moment is None) == (revision is None) or isinstance(moment, (int, float)):
            raise LoadError("Give at() one of the two: dataset.at(revision=0), or dataset.at('2026-10-31').")
        revisions = self.revisions
        if revision is not None:
            if isinstance(revision, bool) or not hasattr(revision, "__index__"):
                raise LoadError(f"{revision!r} is no number of a revision of {self}; {self._describe_revisions()}")
            there: Sequence[int] = range(len(revisions))
            if revision < 0:
                there = [one.revision_id for one in revisions if not one.is_thinned]
            number = there[revision] if -len(there) <= revision < len(there) else None
            if number is None:
                lacks = f"has no revision {revision}" if revision >= 0 else f"does not have {-revision} revisions"
                raise LoadError(f"{self} {lacks}; {self._describe_revisions()}")
            if revisions[number].is_thinned:
                raise LoadError(self._describe_thinned(number))
        else:
            assert moment is not None
            until = moment_of(moment)
            then = self.as_of(until)
            if not then.revisions:
                raise LoadError(
                    f"{self} had no revision until {until:%Y-%m-%d %H:%M} UTC; {self._describe_revisions()}"
                )
            return then
        return self if number == len(revisions) - 1 else self._with_revisions(revisions[: number + 1])

    def as_of(self, moment: dt.datetime) -> Dataset:
        """Return the dataset with the files that its readers saw at a moment, in UTC; without files if it had none yet.

        Its name, state and metadata are those of today, as the lake keeps no others.

        It ends with the last revision that was committed until then, and has all before it: after a clock that was put
        back, they may have later times. `at` is the same for a person: it raises an error where there was no revision
        yet.
        """
        current_created_at = self.__dict__.get("_current_created_at")
        if current_created_at is not None:  # it says without a look at the revisions, which are made then
            return self if current_created_at <= moment else self._earlier(lambda: self._until(moment))
        then = self._until(moment)
        return self if len(then) == len(self.revisions) else self._with_revisions(then)

    def _until(self, moment: dt.datetime) -> tuple[Revision, ...]:
        count = len(self.revisions)
        while count and (self.revisions[count - 1].created_at > moment or self.revisions[count - 1].is_thinned):
            count -= 1
        return self.revisions[:count]

    def with_files(self, files: Sequence[File]) -> Dataset:
        """Return the dataset with exactly these of its files, which may have come with several revisions."""
        number = max(file.revision_id for file in files)
        others = {one.file_id for revision in self.revisions[:number] for one in revision.modified_files}
        gone = tuple(sorted(others - {file.file_id for file in files}))
        last = dataclasses.replace(self.revisions[number], modified_files=tuple(files), removed_file_ids=gone)
        return self._with_revisions((*self.revisions[:number], last))

    def _with_revisions(self, revisions: tuple[Revision, ...]) -> Dataset:
        """Return the dataset as it was when it had only these revisions."""
        return self._earlier(lambda: revisions)

    def _earlier(self, read_revisions: Callable[[], tuple[Revision, ...]]) -> Dataset:
        """Return the dataset with other revisions. What depends on them is made when it is first used."""
        known = {**self.__dict__, "missing_feeds": ()}
        for name in ("revisions", "_current_created_at", *_OF_REVISIONS):
            known.pop(name, None)
        known.update(_read_revisions=read_revisions, _today=self)
        earlier = object.__new__(Dataset)
        object.__setattr__(earlier, "__dict__", known)
        return earlier

    def _value_then(self, name: str, today: Dataset) -> object:
        """Return the value of a field of `_OF_REVISIONS` as it was with these revisions."""
        if name == "updated_at":
            return self.revisions[-1].created_at if self.revisions else self.created_at
        if name == "last_modified_at":
            times = [file.modified_at for file in self.files.values() if file.modified_at is not None]
            return max(times, default=None)
        files = today.files
        same = {key for key, file in self.files.items() if key in files and files[key].tag == file.tag}
        return {file_id: feed for file_id, feed in today.feeds.items() if file_id in same}

    def find_before(self, revision: Revision) -> int | None:
        """Return the number of the revision before another one that was not thinned; None: it is the first one."""
        before = reversed(self.revisions[: revision.revision_id])
        return next((one.revision_id for one in before if not one.is_thinned), None)

    def _describe_thinned(self, number: int) -> str:
        before = self.find_before(self.revisions[number])
        after = next(one.revision_id for one in self.revisions[number:] if not one.is_thinned)
        return (
            f"Revision {number} of {self} was thinned: it was committed while the match was played, and the lake keeps "
            f"only some of these (retention). The nearest ones are {before} and {after}."
        )

    def _describe_revisions(self) -> str:
        if not self.revisions:
            return "it has no revision yet."
        first, last = self.revisions[0].created_at, self.revisions[-1].created_at
        if len(self.revisions) == 1:
            return f"its only revision is 0, of {first:%Y-%m-%d %H:%M} UTC."
        return (
            f"it has the revisions 0 to {len(self.revisions) - 1}, of {first:%Y-%m-%d %H:%M} to "
            f"{last:%Y-%m-%d %H:%M} UTC."
        )

    @property
    def loader(self) -> str:
        """The format that the source declared, which is the name of a kloppy loader; else the provider's name."""
        said = (revision.source.get("loader") for revision in reversed(self.revisions))
        return next(filter(None, said), self.provider)

    @property
    def source_name(self) -> str:
        """The name of the source that brought the current revision; empty: it is not known."""
        return self.revisions[-1].source.get("source", "") if self.revisions else ""

    @property
    def files(self) -> FilesById:
        """The current files by file id; empty if there is no revision. `files["events"]` is the feed's only file."""
        newest = FilesById()
        for revision in self.revisions:
            newest.update(revision.files)
            for gone in revision.removed_file_ids:
                newest.pop(gone, None)
        return newest

    @property
    def left_out_files(self) -> dict[str, str]:
        """File id to the reason why the provider's file is not in the lake: it is broken, or a person left it out."""
        return {file_id: feed.problem for file_id, feed in sorted(self.feeds.items()) if feed.is_left_out}

    @property
    def broken_files(self) -> dict[str, str]:
        """File id to what is wrong with a current file that a person accepted although it is broken."""
        return {file_id: feed.problem for file_id, feed in sorted(self.feeds.items()) if feed.is_broken}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the checks in the mode `warn` found in the current files, a sentence each."""
        return self.revisions[-1].warnings if self.revisions else ()

    @property
    def is_adopted(self) -> bool:
        """Whether the published package made it, and no run has confirmed it yet (`domain.adopted`)."""
        return any(feed.is_adopted for feed in self.feeds.values())

    @property
    def summary(self) -> DatasetSummary:
        """The summary that a fetch policy sees."""
        last = self.revisions[-1] if self.revisions else None
        return DatasetSummary(
            last_modified=self.last_modified_at,
            current_created_at=None if last is None else last.created_at,
            current_state=None if last is None else last.state,
            has_revisions=last is not None,
            feeds=self.feeds,
        )

    def to_polars(
        self,
        data_feed_key: str,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        **options: Any,
    ) -> pl.DataFrame:
        """Return a feed as a polars DataFrame with a row for each record; see `store.reading.data_frame`.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            events = dataset.to_polars("events")
            players = dataset.to_polars("lineups")["lineup"].explode()

        Args:
            data_feed_key: A feed whose file is JSON, JSON Lines, CSV or TSV.
            data_spec_version: None: the highest that is there.
            records: Of JSON, the dotted way to the records, such as `data.matches`; empty: the whole as one row;
                `players[*]`: each value of an object by ids, with its key as `id`.
            encoding: What its text is written in, such as `cp1252`; None: UTF-8, or what a byte order mark says.
            **options: Passed on to polars.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: There is no such file, it has another format, or this dataset is of no lake.
        """
        return self.require_file(data_feed_key, data_spec_version).to_polars(records, encoding, **options)

    def to_pandas(
        self,
        data_feed_key: str,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        **options: Any,
    ) -> pd.DataFrame:
        """Return a feed as a pandas DataFrame likewise; nested objects are dotted columns. Needs the extra `pandas`."""
        return self.require_file(data_feed_key, data_spec_version).to_pandas(records, encoding, **options)

    def plot(self, kind: str = "shots", *, shot: str | None = None, frame: int = 0) -> Picture:
        """Return a picture of the match: SVG with its table, which a notebook shows and `save` writes.

        Matches of StatsBomb are read in milliseconds. All others are read with kloppy. The picture says so if the
        provider has no xG or no freeze frames.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            dataset.plot("xg").save("race.svg")

        Args:
            kind: `shots` is a map of the shots, `xg` how the xG grew in the course of the match, `lineups` the first
                eleven on the pitch, and `frame` the freeze frame of a shot; of tracking data, a frame of it.
            shot: Of `frame`, the provider's id of the shot; None: the best chance that was no penalty.
            frame: Of tracking data, the number of the frame, from 0.

        Raises:
            ConfigurationError: There is no such picture.
            LoadError: The files cannot be drawn, there is no such shot or frame, or this dataset is of no lake.
            MissingExtraError: The format is read with kloppy, which is not installed.
            IntegrityError: An object of the lake is missing or damaged.
        """
        return lake_of(self).plot(self, kind, shot=shot, frame=frame)

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> ReadableFile:
        """Return the file of a feed, to be read; without a version, the highest that is there.

        Raises:
            LoadError: There is no such file, or this dataset is of no lake.
        """
        return lake_of(self, data_feed_key).load_files(self, lazy=True).require_file(data_feed_key, data_spec_version)

    def read_from(self, reader: FileReader) -> Dataset:
        """Remember the lake that it was read from; the store calls this. Two datasets are equal without it."""
        # Not a field: two datasets are equal whichever store read them, and a store cannot be pickled.
        self.__dict__["_reader"] = reader
        return self

    def with_plain_feeds(self) -> Dataset:
        """Return the same dataset with `feeds` as a dict, for code that accepts no other mapping."""
        copied = object.__new__(Dataset)
        copied.__dict__.update(self.__dict__)
        if "feeds" in copied.__dict__:  # else they are made as a dict
            copied.__dict__["feeds"] = dict(self.feeds)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in _FIELDS}
        reader = self.__dict__.get("_reader")
        if reader is not None and isinstance(reader.reference, str):
            state["_why_lost"] = f" since it was copied or pickled, because {reader.reference}"
        elif reader is not None:
            state["_reader"] = reader  # another process opens the lake by its reference
        return state

    def __str__(self) -> str:
        return f"{self.provider}/{self.dataset_type}/{self.identifier}"

    def __repr__(self) -> str:
        # One line: all of its fields, with each file of each revision, are pages in a notebook.
        revision = f"revision {self.revisions[-1].revision_id}" if self.revisions else "no revision"
        return f"Dataset({self}, {self.name!r}, {self.state.value}, {revision})"

    def _repr_html_(self) -> str:
        reader: FileReader | None = self.__dict__.get("_reader")
        preview = "" if reader is None else reader.preview(self)
        return preview + html_table(str(self), DATASET_COLUMNS, [shown_of(self)], 1)


_FIELDS = tuple(field.name for field in dataclasses.fields(Dataset))
_OF_REVISIONS = ("updated_at", "feeds", "last_modified_at")
"""The fields that depend on the revisions."""


def lake_of(dataset: Dataset, data_feed_key: str = "…") -> FileReader:
    """Return the lake that a dataset was read from.

    Raises:
        LoadError: It is of no lake, or of one that this process cannot open. The message names the feed.
    """
    reader: FileReader | None = dataset.__dict__.get("_reader")
    if reader is None:
        why = dataset.__dict__.get("_why_lost", ", because it was not read from one")
        raise LoadError(
            f"{dataset} does not know its lake{why}: "
            f"use store.load_files(dataset)['{data_feed_key}'] of the lake that has it."
        )
    return reader


@dataclasses.dataclass(frozen=True, slots=True)
class CollectionMetadata:
    """The size and age of a collection, without its datasets.

    Attributes:
        row_count: How many datasets.
        last_modified: The newest provider time among them, in UTC; None if there is none.
        ingested_until: For a selector whose source `follows_changes`: the lake has every change that the provider made
            before this moment, in UTC. None if that is unknown.
    """

    row_count: int
    last_modified: dt.datetime | None
    ingested_until: dt.datetime | None = None

    @property
    def count(self) -> int:
        """The same as `row_count`."""
        return self.row_count


class DatasetCollection(Sequence[Dataset]):
    """Datasets that were read together.

    Args:
        datasets: In the order in which they came into the lake.
        metadata: That of all datasets that the filters name, which may be more than this page.
    """

    def __init__(self, datasets: Sequence[Dataset], metadata: CollectionMetadata) -> None:
        self._datasets = tuple(datasets)
        self._by_keys: dict[frozenset[str], dict[Identifier, list[Dataset]]] = {}
        self.metadata = metadata

    def first(self) -> Dataset | None:
        """Return the first dataset, or None if there is none."""
        return self._datasets[0] if self._datasets else None

    def get(self, identifier: Mapping[str, object] | None = None, **attributes: object) -> Dataset | None:
        """Return the dataset with that identifier, or the only one with these keys and values; or None.

        Example::

            dataset = engine.store.get_dataset_collection(season_id=106).get(match_id=3788741)

        Raises:
            ValueError: Several datasets have them; the message names two.
            TypeError: A value is given without its key.
        """
        given: object = identifier
        if given is not None and not isinstance(given, Mapping):
            key = next((list(dataset.identifier)[-1] for dataset in self._datasets[:1]), "match_id")
            raise TypeError(f"A dataset is looked for by its identifier, with its keys: get({key}={given!r}).")
        wanted = Identifier({**(identifier or {}), **attributes})
        found = self._with_keys(frozenset(wanted)).get(wanted, [])
        exact = [dataset for dataset in found if len(dataset.identifier) == len(wanted)]
        if len(exact or found) > 1:
            first, second, *_ = exact or found
            raise ValueError(
                f"{len(exact or found)} datasets have {wanted}, such as {first} and {second}; give more of the "
                f"identifier, or read with the provider and dataset type."
            )
        if not found:
            self._warn_of_unknown_keys(wanted)
        return next(iter(exact or found), None)

    def _warn_of_unknown_keys(self, wanted: Identifier) -> None:
        """Warn of a key that no dataset has: a misspelt key must not look like a missing dataset."""
        known = dict.fromkeys(key for dataset in self._datasets for key in dataset.identifier)
        unknown = next((key for key in wanted if known and key not in known), None)
        if unknown is not None:
            logger.warning(
                "None of the %d datasets has the identifier key '%s'%s The keys are %s.",
                len(self),
                unknown,
                did_you_mean(unknown, known) or ".",
                ", ".join(known),
            )

    def _with_keys(self, keys: frozenset[str]) -> Mapping[Identifier, Sequence[Dataset]]:
        """Return the datasets that have these keys, by the values of the keys."""
        known = self._by_keys.get(keys)
        if known is None:
            known = {}
            for dataset in self._datasets:
                if keys <= dataset.identifier.keys():
                    part = Identifier({key: dataset.identifier[key] for key in keys})
                    known.setdefault(part, []).append(dataset)
            self._by_keys[keys] = known
        return known

    def __len__(self) -> int:
        return len(self._datasets)

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self._datasets)

    @overload
    def __getitem__(self, index: int) -> Dataset: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Dataset]: ...

    def __getitem__(self, index: int | slice) -> Dataset | Sequence[Dataset]:
        return self._datasets[index]

    def to_polars(
        self, data_feed_key: str | None = None, data_spec_version: str | None = None, **options: Any
    ) -> pl.DataFrame:
        """Return a feed of all datasets as one polars DataFrame, or without a feed their table.

        Example::

            season = engine.store.get_dataset_collection(competition_id=43).to_polars("events")

        Args:
            data_feed_key: See `DatasetList.to_polars`.
            data_spec_version: None: of each dataset, the highest that is there.
            **options: `records`, `encoding`, `kloppy` and `progress` of `DatasetList.to_polars`.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: No dataset has the feed, it has another format, or the datasets are of no lake.
        """
        return self._as_table().to_polars(data_feed_key, data_spec_version, **options)

    def to_pandas(
        self, data_feed_key: str | None = None, data_spec_version: str | None = None, **options: Any
    ) -> pd.DataFrame:
        """Return a feed of all datasets, or their table, as a pandas DataFrame likewise. Needs the extra `pandas`."""
        return self._as_table().to_pandas(data_feed_key, data_spec_version, **options)

    def plot(self) -> Picture:
        """Return the coverage: how much of each feed of each season these datasets have."""
        from ingestify.domain.coverage import coverage_of  # only who looks at it needs it

        return coverage_of(self._datasets)

    def _as_table(self) -> DatasetTable:
        if not self._datasets:
            raise LoadError("There are no datasets in this collection, so there is no data frame of them.")
        return lake_of(self._datasets[0]).list_of(self._datasets)

    def __repr__(self) -> str:
        return f"DatasetCollection({len(self)} of {self.metadata.row_count} datasets)"

    def _repr_html_(self) -> str:
        table = html_table(repr(self), DATASET_COLUMNS, map(shown_of, self._datasets), len(self._datasets))
        from ingestify.domain.coverage import coverage_preview

        return coverage_preview(self._datasets) + table


DATASET_COLUMNS = ("dataset", "name", "state", "revision", "feeds", "changed by the provider (UTC)")
"""The columns of a table of datasets."""


def shown_of(dataset: Dataset) -> tuple[object, ...]:
    """Return a dataset's row in a table: a value for each of `DATASET_COLUMNS`."""
    return (
        str(dataset),
        dataset.name,
        dataset.state.value,
        dataset.revisions[-1].revision_id if dataset.revisions else None,
        ", ".join(file.data_feed_key for file in dataset.files.values()),
        dataset.last_modified_at,
    )
