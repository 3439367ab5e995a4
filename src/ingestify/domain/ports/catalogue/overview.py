"""What a catalogue has in short, for people who look at the whole lake."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple, Protocol, TypedDict

from ingestify.domain.dataset import DatasetState
from ingestify.domain.overview import ChangeMark, CompetitionCoverage, FeedStorage, RequestDay, SelectorFreshness
from ingestify.domain.ports.catalogue.datasets import DatasetFilter

__all__ = ["CompetitionCount", "CoveragePort", "OverviewPort", "StorageTotals"]


class CompetitionCount(NamedTuple):
    """The datasets of one competition in a season that are in one state.

    Attributes:
        competition: Empty: the identifier names none.
        season: Empty: likewise.
        newest: When the newest of their current revisions was committed; None: they have none.
    """

    provider: str
    dataset_type: str
    competition: str
    season: str
    state: DatasetState
    number: int
    newest: dt.datetime | None


class StorageTotals(TypedDict):
    """What a bucket holds: `size_bytes` of the providers, which take `storage_bytes` in the storage."""

    datasets: int
    revisions: int
    files: int
    size_bytes: int
    storage_bytes: int


class OverviewPort(Protocol):
    """Whether a catalogue changed, and how much it holds."""

    def read_mark(self) -> ChangeMark:
        """Return two texts that stay the same until something changes. Cheap: a page may ask at each request."""

    def count_all(self, bucket: str) -> StorageTotals:
        """Count what a bucket holds. An object that several files share is stored once."""

    def read_storage(self, bucket: str) -> list[FeedStorage]:
        """Return what each feed of a bucket takes, the largest first. The sums are those of `count_all`."""

    def read_requests(self, since: dt.datetime) -> list[RequestDay]:
        """Return the requests of each day and source, of the jobs that began at a moment or later, newest day first."""


class CoveragePort(Protocol):
    """What a catalogue has of what the providers listed."""

    def read(self, bucket: str) -> list[CompetitionCoverage]:
        """Return what a bucket has of each competition in a season, by provider, type, competition and season."""

    def count(self, dataset_filter: DatasetFilter) -> list[CompetitionCount]:
        """Count the datasets that a filter names by competition, season and state. It has no `where`."""

    def read_freshness(self, bucket: str) -> list[SelectorFreshness]:
        """Return how old a bucket is for each selector that runs remember, by source and name."""
