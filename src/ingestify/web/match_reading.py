"""A dataset becomes what pictures of a match need."""

from __future__ import annotations

from ingestify.domain.dataset import Dataset
from ingestify.domain.match_facts import match_facts
from ingestify.pictures.match_values import MatchValues
from ingestify.pictures.statsbomb import read_match
from ingestify.store.dataset_store import DatasetStore

__all__ = ["read_match_values"]

_LARGEST = 64 << 20
"""Bytes: no match has so many events, and a page must not fill the memory."""


def read_match_values(store: DatasetStore, dataset: Dataset) -> MatchValues | None:
    """Return a match with its shots and line-ups; None: it is no match with events that can be read.

    Raises:
        LoadError: The provider's files are not as they should be.
        IntegrityError: An object of the lake is missing or damaged.
    """
    if dataset.provider != "statsbomb":
        return None
    with store.load_files(dataset, ["events", "lineups"], lazy=True) as files:
        events, lineups = files.get_file("events"), files.get_file("lineups")
        if events is None or events.size > _LARGEST:
            return None
        facts = match_facts(dataset.metadata)
        home, away = (str(facts[key] or "") for key in ("home_team", "away_team"))
        return read_match(events.read(), None if lineups is None else lineups.read(), home, away)
