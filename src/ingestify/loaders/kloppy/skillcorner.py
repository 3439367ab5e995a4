"""SkillCorner's broadcast tracking, of the current layout (JSONL) and of the one of 2020 (JSON)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles

__all__ = ["load_tracking"]


def load_tracking(files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
    """Return a TrackingDataset."""
    from kloppy import skillcorner  # heavy and optional

    return skillcorner.load(
        meta_data=files.get_file("metadata").stream, raw_data=files.get_file("frames").stream, **kwargs
    )
