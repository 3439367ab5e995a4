"""Impect's match events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_match"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return an EventDataset, with the names of clubs and players where there are files of them."""
    from kloppy import impect  # heavy and optional

    squads, players = files.find_file("squads"), files.find_file("players")
    return impect.load(
        event_data=files.get_file("events").stream,
        lineup_data=files.get_file("lineups").stream,
        squads_data=None if squads is None else squads.stream,
        players_data=None if players is None else players.stream,
        **kwargs,
    )
