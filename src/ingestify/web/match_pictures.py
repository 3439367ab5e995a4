"""The pictures of a match by the name that they have in an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import MatchValues
from ingestify.pictures.picture import Picture
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.xg_race import xg_race

__all__ = ["PICTURES"]


def _linked_shots(match: MatchValues) -> Picture:
    return shot_map(match, lambda event_id: f"#shot-{event_id}")


PICTURES: Mapping[str, tuple[str, Callable[[MatchValues], Picture]]] = {
    "shots": ("Shot map", _linked_shots),
    "xg": ("xG race", xg_race),
    "lineups": ("Line-ups", line_ups),
}
"""Name to the heading, and what draws the picture for the page of the match."""
