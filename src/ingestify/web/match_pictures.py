"""The pictures of a match: by the name that they have in an address, and when a page can have them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping

from ingestify.domain.dataset import Dataset
from ingestify.loaders.kloppy.registry import find_loader
from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import MatchValues
from ingestify.pictures.picture import Picture
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.xg_race import xg_race
from ingestify.store.dataset_store import DatasetStore

__all__ = ["PICTURES", "is_drawn_later"]


def _linked_shots(match: MatchValues) -> Picture:
    return shot_map(match, lambda event_id: f"#shot-{event_id}")


PICTURES: Mapping[str, tuple[str, Callable[[MatchValues], Picture]]] = {
    "shots": ("Shot map", _linked_shots),
    "xg": ("xG race", xg_race),
    "lineups": ("Line-ups", line_ups),
}
"""Name to the heading, and what draws the picture for the page of the match."""


def is_drawn_later(store: DatasetStore, dataset: Dataset) -> bool:
    """Return whether kloppy can read a match, which takes seconds: a page loads such pictures after itself."""
    if dataset.dataset_type != "match" or not dataset.files or importlib.util.find_spec("kloppy") is None:
        return False
    return find_loader(store.loader_of(dataset) or dataset.loader, dataset.dataset_type) is not None
