"""StatsBomb's match events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_match"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return an EventDataset, with freeze frames where there is a file of them."""
    from kloppy import statsbomb  # heavy and optional

    three_sixty = files.find_file("360-frames")
    return statsbomb.load(
        event_data=files.get_file("events").stream,
        lineup_data=files.get_file("lineups").stream,
        three_sixty_data=None if three_sixty is None else three_sixty.stream,
        **kwargs,
    )
