"""The coverage of a whole lake as its catalogue counts it, as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingestify.domain.overview import CompetitionCoverage
from ingestify.pictures.coverage import CoverageCell, CoverageRow, coverage_matrix

if TYPE_CHECKING:
    from ingestify.pictures.picture import Picture

__all__ = ["coverage_of_competitions"]


def coverage_of_competitions(found: Iterable[CompetitionCoverage]) -> Picture:
    """Return how much of each feed of each season is there, and what is in quarantine, failed or was only listed.

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
