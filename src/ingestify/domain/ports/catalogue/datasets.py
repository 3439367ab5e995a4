"""Reading the catalogue's datasets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState, DatasetSummary
from ingestify.domain.identifier import Identifier
from ingestify.domain.profile import FileProfile
from ingestify.domain.selector import Filters, identifier_matches

__all__ = [
    "DatasetDescription",
    "DatasetFilter",
    "DatasetIndexesPort",
    "DatasetsPort",
    "KnownDataset",
]


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetFilter:
    """A filter for datasets.

    Attributes:
        states: Empty: any.
        dataset_ids: Whole ids, of which any may match; none of them: no dataset. None: any.
        selector: Identifier key to value, or to a list of which any may match; compared by value.
        where: A further condition; None: there is none. It is not for the entries of the quarantine.
        as_of: Only what was in the lake at this moment, in UTC; None: what is there now. The other conditions are on
            what is known of a dataset today, but for `has_warnings`.
        has_warnings: Whether only datasets with warnings are wanted; with `as_of`, those that had warnings then.
        words: What the name contains, each of them somewhere, in any case.
    """

    bucket: str
    dataset_type: str | None = None
    provider: str | None = None
    dataset_ids: Sequence[str] | None = None
    states: tuple[DatasetState, ...] = ()
    selector: Filters = dataclasses.field(default_factory=dict)
    where: DatasetCondition | None = None
    as_of: dt.datetime | None = None
    has_warnings: bool = False
    words: tuple[str, ...] = ()

    def names(self, dataset: Dataset) -> bool:
        """Whether the filter names a dataset, apart from `where`."""
        return (
            dataset.bucket == self.bucket
            and self.names_identity(dataset.provider, dataset.dataset_type, dataset.identifier)
            and (self.dataset_ids is None or dataset.dataset_id in self.dataset_ids)
            and (not self.states or dataset.state in self.states)
            and (self.as_of is None or dataset.created_at <= self.as_of)
            and (not self.has_warnings or bool(self._of_then(dataset).warnings))
            and all(word.lower() in dataset.name.lower() for word in self.words)
        )

    def _of_then(self, dataset: Dataset) -> Dataset:
        return dataset if self.as_of is None else dataset.as_of(self.as_of)

    def names_identity(self, provider: str, dataset_type: str, identifier: Identifier) -> bool:
        """Whether the filter names datasets with this identity, in any lake and state."""
        return (
            self.dataset_type in (None, dataset_type)
            and self.provider in (None, provider)
            and identifier_matches(identifier, self.selector)
        )


class DatasetDescription(NamedTuple):
    """The name, identifier and metadata of a dataset, without its revisions and files.

    Attributes:
        identifier: The keys as they are stored; `key_type` is not applied.
    """

    dataset_id: str
    provider: str
    dataset_type: str
    identifier: Mapping[str, Any]
    name: str
    metadata: Mapping[str, Any]


class KnownDataset(NamedTuple):  # made for each dataset of a run, and a third as expensive as a frozen dataclass
    """The state of a discovered dataset in the lake, read by one set query.

    Attributes:
        metadata: The stored JSON text.
        summary: For the fetch policy's cheap check.
        missing_feeds: The same as `Dataset.missing_feeds`.
        may_have_problems: Whether one of its files may be broken or left out; False is certain.
        is_adopted: The same as `Dataset.is_adopted`.
    """

    dataset_id: str
    name: str
    state: DatasetState
    metadata: str
    summary: DatasetSummary
    missing_feeds: tuple[str, ...] = ()
    may_have_problems: bool = False
    is_adopted: bool = False


class DatasetsPort(Protocol):
    """The datasets of a catalogue."""

    def find_known(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> dict[Identifier, KnownDataset]:
        """Return those of `identifiers` that the lake has, with one set query for a thousand."""

    def get(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return datasets in full, in the order of the ids, without those that do not exist."""

    def find(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> Dataset | None:
        """Return one dataset in full, or None."""

    def iter_batches(
        self, dataset_filter: DatasetFilter, batch_size: int, offset: int = 0, limit: int | None = None
    ) -> Iterator[list[Dataset]]:
        """Yield datasets in full, in the order in which they came into the lake. Memory stays flat."""

    def find_newest(
        self, dataset_filter: DatasetFilter, limit: int, before: int | None = None
    ) -> tuple[list[Dataset], int | None]:
        """Return a page of datasets in full, those first that came into the lake last.

        Args:
            dataset_filter: It has no `where`.
            limit: The most datasets.
            before: Where the page begins, as the page before it said; None: it is the first one.

        Returns:
            The datasets, and where the next page begins; None: there is none.
        """

    def find_with_revisions(self, least: int) -> list[str]:
        """Return the ids of the datasets of all buckets that have so many revisions or more."""

    def iter_identities(self, dataset_filter: DatasetFilter) -> Iterator[tuple[str, str, DatasetState]]:
        """Yield (dataset id, canonical identifier, state) of datasets. Each page is read at one moment."""

    def iter_descriptions(self, dataset_filter: DatasetFilter) -> Iterator[DatasetDescription]:
        """Yield names and identifiers, in the order in which the datasets came. Each page is read at one moment."""

    def read_metadata(self, dataset_filter: DatasetFilter) -> CollectionMetadata:
        """Return how many datasets the filter names, and their newest provider time."""

    def count_by_kind(self, dataset_filter: DatasetFilter) -> Mapping[tuple[str, str, DatasetState], int]:
        """Count the datasets that the filter names by (provider, dataset type, state). It has no `where`."""

    def find_profiles(self, dataset_id: str, file_id: str, limit: int) -> Sequence[FileProfile]:
        """Return the profiles of a file in the last revisions of a dataset that have one, newest first."""

    def find_peer_profiles(self, peers: str, file_id: str, besides: str | None, limit: int) -> Sequence[FileProfile]:
        """Return the newest profile of a file of each of the last datasets that are compared with each other.

        Args:
            peers: Which datasets are compared with each other; see `domain.profile`.
            file_id: The file.
            besides: The id of a dataset that is left out; None: none is.
            limit: The most profiles that are read.
        """


class DatasetIndexesPort(Protocol):
    """The indexes of a catalogue on keys of identifiers."""

    def sync(self, wanted: Sequence[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
        """Make the indexes for (provider, dataset type, identifier key), and drop others that it made before.

        Returns:
            The names of the new indexes, and of the dropped ones.
        """
