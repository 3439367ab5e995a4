"""The coverage of datasets: how much of each feed of each season is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ingestify.domain.file import File
from ingestify.pictures.coverage import CoverageCell, CoverageRow, coverage_matrix
from ingestify.pictures.picture import shown_in_notebook

if TYPE_CHECKING:
    from ingestify.pictures.picture import Picture

__all__ = ["coverage_of", "coverage_preview"]

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
