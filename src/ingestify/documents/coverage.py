"""The documents of `coverage`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.domain.json_value import JsonValue
from ingestify.domain.overview import CompetitionCoverage, SelectorFreshness
from ingestify.domain.run import RunState

__all__ = ["CoverageDocument", "FreshnessDocument", "coverage_document", "freshness_document"]


class CoverageDocument(TypedDict):
    """What the lake has of one competition in one season.

    Attributes:
        competition_id: As text; empty: the identifiers name none.
        season_id: Likewise.
        name: The name of its selector; empty: no job of it alone is known.
        expected: How many datasets there should be: those that the provider last listed, or those that are known of, if
            they are more.
        states: State to the number of datasets of the lake.
        not_fetched: Expected datasets that are nowhere, and did not fail.
        quarantined: Datasets with an open entry in the quarantine; `only_quarantined` of them are not in the lake.
        failed: Datasets that failed in the last job of their selector; `never_stored` of them are not in the lake.
        feeds: Feed to the number of datasets that have a current file of it.
        newest_at: The newest time of the provider; null: none is known.
    """

    event: Literal["coverage"]
    provider: str
    dataset_type: str
    competition_id: str
    season_id: str
    name: str
    expected: int
    states: Mapping[str, int]
    not_fetched: int
    quarantined: int
    only_quarantined: int
    failed: int
    never_stored: int
    feeds: Mapping[str, int]
    newest_at: dt.datetime | None


class FreshnessDocument(TypedDict):
    """How old the lake is for one selector.

    Attributes:
        name: For people; empty: no job of it is in the log any more.
        last_run_at: When its last job ended; null: no job of it is in the log any more.
        state: The state of that job; null: likewise.
        failed: How many datasets failed in that job.
        quarantined: How many are in quarantine since that job, or were before.
        complete_at: When a job of it last ended after which nothing was left to do; null: unknown.
        newest_at: The newest time of the provider; null: none is known.
    """

    event: Literal["freshness"]
    source: str
    provider: str
    dataset_type: str
    selector: Mapping[str, JsonValue]
    name: str
    last_run_at: dt.datetime | None
    state: RunState | None
    failed: int
    quarantined: int
    complete_at: dt.datetime | None
    newest_at: dt.datetime | None


def coverage_document(one: CompetitionCoverage) -> CoverageDocument:
    """Return what the lake has of one competition in one season."""
    return filled(CoverageDocument, one, event="coverage")


def freshness_document(one: SelectorFreshness) -> FreshnessDocument:
    """Return how old the lake is for one selector."""
    return filled(FreshnessDocument, one, event="freshness")
