"""A dataset as a line: a match with its teams and its score."""

from __future__ import annotations

import dataclasses

from ingestify.domain.dataset import Dataset
from ingestify.domain.match_facts import match_facts
from ingestify.web.rendering import in_url

__all__ = ["MatchLine", "match_line"]


@dataclasses.dataclass(frozen=True, slots=True)
class MatchLine:
    """What a list shows of a dataset.

    Attributes:
        url: Its page.
        name: Its name.
        date: The day of the match; empty: unknown, as all texts here.
        home: The team at home; empty: it is no match, or the provider's list names no teams.
        score: Such as `2–1`; `v` if it is not played.
        competition: The competition's name.
        state: The dataset's state.
    """

    url: str
    name: str
    date: str
    home: str
    away: str
    score: str
    competition: str
    state: str
    provider: str


def match_line(dataset: Dataset) -> MatchLine:
    """Return a dataset as a line."""
    facts = {key: "" if value is None else str(value) for key, value in match_facts(dataset.metadata).items()}
    is_match = bool(facts["home_team"] and facts["away_team"])
    has_score = bool(facts["home_score"] and facts["away_score"])
    competition = dataset.metadata.get("competition")
    return MatchLine(
        url=f"/datasets/{in_url(dataset.dataset_id)}",
        name=dataset.name or str(dataset.identifier),
        date=facts["date"][:10],
        home=facts["home_team"] if is_match else "",
        away=facts["away_team"] if is_match else "",
        score=f"{facts['home_score']}–{facts['away_score']}" if has_score else "v",
        competition=competition if isinstance(competition, str) else "",
        state=dataset.state.value,
        provider=dataset.provider,
    )
