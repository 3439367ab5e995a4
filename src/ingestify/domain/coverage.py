"""The coverage of datasets: how much of each feed of each season is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ingestify.domain.file import File
from ingestify.domain.overview import CompetitionCoverage
from ingestify.pictures.coverage import CoverageCell, CoverageRow, coverage_matrix
from ingestify.pictures.picture import shown_in_notebook

if TYPE_CHECKING:
    from ingestify.pictures.picture import Picture

__all__ = ["coverage_of", "coverage_of_competitions", "coverage_preview"]

_OF_A_MATCH = ("match_id", "game_id", "matchweek", "match_week")
"""The keys of an identifier that say which match it is, and not of what."""

_MOST_SHOWN = 2_000
"""The most datasets whose coverage a notebook shows unasked."""


class Covered(Protocol):
    """What the coverage needs of a dataset."""

    @property
    def provider(self) -> str:
        """The provider."""

    @property
    def dataset_type(self) -> str:
        """The type."""

    @property
    def identifier(self) -> Mapping[str, Any]:
        """The provider's keys."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The source's description."""

    @property
    def files(self) -> Mapping[str, File]:
        """The current files."""

    @property
    def missing_feeds(self) -> tuple[str, ...]:
        """The feeds that it lacks."""


def coverage_of(datasets: Iterable[Covered]) -> Picture:
    """Return how much of each feed of each season is there.

    A season is what the datasets of one provider and type have in common: all of the identifier but the match.
    """
    counts: dict[str, dict[str, list[int]]] = {}
    names: dict[str, str] = {}
    for dataset in datasets:
        shared = (f"{key}={value}" for key, value in dataset.identifier.items() if key not in _OF_A_MATCH)
        key = "/".join([dataset.provider, dataset.dataset_type, *shared])
        if key not in counts:
            names[key] = _season_name(dataset, key)
        feeds = counts.setdefault(key, {})
        for feed in {file.data_feed_key: None for file in dataset.files.values()}:
            feeds.setdefault(feed, [0, 0])[0] += 1
        for feed in dataset.missing_feeds:
            feeds.setdefault(feed, [0, 0])[1] += 1
    return coverage_matrix(
        [
            CoverageRow(
                names[key], {feed: CoverageCell(there, missing=lack) for feed, (there, lack) in feeds.items()}, key
            )
            for key, feeds in counts.items()
        ]
    )


def coverage_of_competitions(found: Iterable[CompetitionCoverage]) -> Picture:
    """Return the same as the catalogue counts it, which also knows what failed, and what the provider listed.

    A dataset that the lake has and that lacks a feed is missing in it, also if the feed is optional.
    """
    return coverage_matrix([_row_of(one) for one in found])


def _row_of(one: CompetitionCoverage) -> CoverageRow:
    keys = (("competition_id", one.competition_id), ("season_id", one.season_id))
    key = "/".join([one.provider, one.dataset_type, *(f"{name}={value}" for name, value in keys if value)])
    away = one.only_quarantined + one.never_stored
    total = one.stored + away + one.not_fetched
    cells = {
        feed: CoverageCell(there, one.only_quarantined, one.never_stored, max(0, total - away - there))
        for feed, there in one.feeds.items()
        if there
    }
    return CoverageRow(f"{one.name} ({one.provider} {one.dataset_type})" if one.name else key, cells, key)


def coverage_preview(datasets: Collection[Covered]) -> str:
    """Return the coverage of datasets as HTML for a notebook; of very many, a sentence."""
    if not datasets:
        return ""
    if len(datasets) > _MOST_SHOWN:
        return f"<p>No picture: these are more than {_MOST_SHOWN:,} datasets; plot() draws it.</p>"
    return shown_in_notebook(lambda: coverage_of(datasets))


def _season_name(dataset: Covered, key: str) -> str:
    names = [dataset.metadata.get("competition"), dataset.metadata.get("season")]
    if not all(isinstance(name, str) and name.strip() for name in names):
        return key
    return f"{' '.join(map(str, names))} ({dataset.provider} {dataset.dataset_type})"
