"""Wyscout's match events, of the open data (v2) and of the API (v3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_match"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return an EventDataset."""
    from kloppy import wyscout  # heavy and optional

    return wyscout.load(event_data=files.get_file("events").stream, **kwargs)
