"""The coverage: what the lake has of each competition in a season, of what the provider listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ingestify.domain.dataset import DatasetState
from ingestify.domain.overview import CompetitionCoverage
from ingestify.web.page import Asked, NotShown, Page, Shown
from ingestify.web.rendering import with_query

__all__ = ["PAGE"]

_ON_A_PAGE = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of the bar of a row: the datasets with the same fate.

    Attributes:
        kind: The end of its class, which has its texture.
        x: Where it begins, in percent.
        width: In percent.
    """

    kind: str
    text: str
    number: int
    x: float
    width: float


def read(asked: Asked) -> Shown:
    """Return the coverage of one page of competitions."""
    found = asked.lake.store.overview.coverage()
    text = asked.first("page") or "1"
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not number:
        raise NotShown(400, f"'{text}' is no number of a page: write ?page=2.")
    shown = found[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
    document = {"rows": found.as_rows(), "caption": found.caption}
    view = {
        "rows": [(one, _url(one), _parts(one)) for one in shown],
        "feeds": sorted({feed for one in shown for feed in one.feeds}),
        "number": number,
        "is_last": number * _ON_A_PAGE >= len(found),
        "sums": _sums(found),
    }
    return Shown("Coverage", document, view)


def _url(one: CompetitionCoverage) -> str:
    """Return the list of the datasets of a row."""
    keys = {"competition_id": one.competition_id, "season_id": one.season_id}
    if one.provider == "impect":
        keys = {"iteration_id": one.competition_id}
    return with_query("/datasets", provider=one.provider, dataset_type=one.dataset_type, **keys)


def _fates(one: CompetitionCoverage) -> Mapping[str, int]:
    """Return how many datasets a row has with each fate. Each dataset counts once, and the sum is what is expected."""
    states = one.states
    return {
        "complete": one.complete,
        "partial": states.get(DatasetState.PARTIAL, 0),
        "scheduled": states.get(DatasetState.SCHEDULED, 0),
        "quarantined": one.only_quarantined,
        "failed": one.never_stored,
        "not fetched": one.not_fetched,
    }


def _parts(one: CompetitionCoverage) -> Sequence[Part]:
    fates = {kind: number for kind, number in _fates(one).items() if number}
    total = sum(fates.values()) or 1
    parts, x = [], 0.0
    for kind, number in fates.items():
        width = 100 * number / total
        parts.append(Part(kind.replace(" ", "-"), kind, number, round(x, 2), round(width, 2)))
        x += width
    return parts


def _sums(found: Sequence[CompetitionCoverage]) -> Mapping[str, int]:
    sums = {"expected": sum(one.expected for one in found)}
    for one in found:
        for kind, number in _fates(one).items():
            sums[kind] = sums.get(kind, 0) + number
    return sums


PAGE = Page("/coverage", "coverage.html", read, menu="Coverage")
