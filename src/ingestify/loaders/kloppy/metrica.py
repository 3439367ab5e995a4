"""Loads Metrica's data, in the format that a game has: CSV in the first sample games, EPTS and JSON since then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ingestify.errors import LoadError
from ingestify.loaders.kloppy.by_format import FormatLoader
from ingestify.loaders.kloppy.files import FeedFiles
from ingestify.provider_formats.built_in import FORMATS

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

__all__ = ["load_match", "load_tracking"]


def load_match(files: FeedFiles, kwargs: Mapping[str, Any]) -> KloppyDataset:
    """Return an EventDataset.

    Raises:
        LoadError: The events are CSV, which kloppy does not read.
    """
    if files.find_file("metadata") is None and files.find_file("events") is not None:
        raise LoadError(
            "kloppy reads Metrica's events as JSON with a feed 'metadata', which this match lacks: its events are "
            "CSV. Use dataset.to_polars('events')."
        )
    return FormatLoader(FORMATS["metrica", "match"])(files, kwargs)


def load_tracking(files: FeedFiles, kwargs: Mapping[str, Any]) -> KloppyDataset:
    """Return a TrackingDataset."""
    is_csv = files.find_file("frames-home") is not None or files.find_file("frames-away") is not None
    return FormatLoader(FORMATS["metrica_csv" if is_csv else "metrica", "tracking"])(files, kwargs)
