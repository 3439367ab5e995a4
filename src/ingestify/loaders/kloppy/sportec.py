"""Sportec's match events and positions (DFL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_match", "load_tracking"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return an EventDataset."""
    from kloppy import sportec  # heavy and optional

    return sportec.load_event(
        event_data=files.get_file("events").stream, meta_data=files.get_file("match").stream, **kwargs
    )


def load_tracking(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return a TrackingDataset."""
    from kloppy import sportec  # heavy and optional

    return sportec.load_tracking(
        meta_data=files.get_file("metadata").stream, raw_data=files.get_file("frames").stream, **kwargs
    )
