"""Loads Impect's match events, of the open data and of the API, whose files have the content under `data`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ingestify.loaders.kloppy.files import FeedFiles, OpenedFile

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

__all__ = ["load_match"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> KloppyDataset:
    """Return an EventDataset, with the names of clubs and players if the dataset has files of them."""
    from kloppy import impect  # heavy and optional

    squads, players = files.find_file("squads"), files.find_file("players")
    return impect.load(
        event_data=_data_of(files.require_file("events")),
        lineup_data=_data_of(files.require_file("lineups")),
        squads_data=None if squads is None else _data_of(squads),
        players_data=None if players is None else _data_of(players),
        **kwargs,
    )


def _data_of(file: OpenedFile) -> Any:
    """Return the file's stream, or a stream of the content under `data`."""
    stream = file.stream
    begins_as_list = stream.read(64).lstrip().startswith(b"[")
    stream.seek(0)
    if begins_as_list:
        return stream
    content = json.load(stream)
    if isinstance(content, dict) and "data" in content:
        content = content["data"]
    return io.BytesIO(json.dumps(content).encode())
