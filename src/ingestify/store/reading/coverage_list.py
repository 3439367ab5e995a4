"""Coverage and freshness as tables."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from ingestify.clock import now
from ingestify.domain.dataset import DatasetState
from ingestify.domain.overview import CompetitionCoverage, SelectorFreshness
from ingestify.store.reading.table_list import TableList

__all__ = ["CoverageList", "FreshnessList"]


class CoverageList(TableList[CompetitionCoverage]):
    """What the lake has of each competition in a season, as a table. The data frame has a column for each state."""

    columns = ("provider", "type", "competition", "season", "expected", "complete", "other", "quarantined", "failed")

    @property
    def caption(self) -> str:
        """How much of what is expected is complete."""
        return f"{sum(one.complete for one in self):,} of {sum(one.expected for one in self):,} datasets complete"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each competition in a season."""
        for one in self:
            names = (one.provider, one.dataset_type, one.name or one.competition_id, one.season_id)
            yield (*names, one.expected, one.complete, one.stored - one.complete, one.quarantined, one.failed)

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each competition in a season."""
        return [
            {
                "provider": one.provider,
                "dataset_type": one.dataset_type,
                "competition_id": one.competition_id,
                "season_id": one.season_id,
                "name": one.name,
                "expected": one.expected,
                **{state.value.lower(): one.states.get(state, 0) for state in DatasetState},
                "not_fetched": one.not_fetched,
                "quarantined": one.quarantined,
                "only_quarantined": one.only_quarantined,
                "failed": one.failed,
                "never_stored": one.never_stored,
                "feeds": dict(one.feeds),
                "newest_at": one.newest_at,
            }
            for one in self
        ]


class FreshnessList(TableList[SelectorFreshness]):
    """How old the lake is for each selector, as a table."""

    columns = ("source", "type", "selector", "complete at (UTC)", "age", "newest at (UTC)", "last state", "failed")

    @property
    def caption(self) -> str:
        """How many selectors there are."""
        return "1 selector" if len(self) == 1 else f"{len(self):,} selectors"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each selector."""
        moment = now()
        for one in self:
            age = one.age(moment)
            yield (
                *(one.source, one.dataset_type, one.text, one.complete_at),
                None if age is None else dt.timedelta(seconds=age // dt.timedelta(seconds=1)),
                *(one.newest_at, one.state and one.state.value, one.failed),
            )

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each selector."""
        return [{**dataclasses.asdict(one), "state": one.state and one.state.value} for one in self]
