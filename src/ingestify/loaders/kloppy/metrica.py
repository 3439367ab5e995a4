"""Metrica's match events and tracking: CSV of its first sample games, EPTS and JSON since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.errors import LoadError
from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_match", "load_tracking"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return an EventDataset.

    Raises:
        LoadError: The events are CSV, which kloppy does not read.
    """
    from kloppy import metrica  # heavy and optional

    metadata = files.find_file("metadata")
    if metadata is None and files.find_file("events") is not None:
        raise LoadError(
            "kloppy reads Metrica's events as JSON with a feed 'metadata', which this match has not: its events are "
            "CSV. Use dataset.to_polars('events')."
        )
    return metrica.load_event(
        event_data=files.get_file("events").stream, meta_data=files.get_file("metadata").stream, **kwargs
    )


def load_tracking(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return a TrackingDataset."""
    from kloppy import metrica  # heavy and optional

    if files.find_file("frames-home") is not None or files.find_file("frames-away") is not None:
        return metrica.load_tracking_csv(
            home_data=files.get_file("frames-home").stream, away_data=files.get_file("frames-away").stream, **kwargs
        )
    return metrica.load_tracking_epts(
        meta_data=files.get_file("metadata").stream, raw_data=files.get_file("frames").stream, **kwargs
    )
