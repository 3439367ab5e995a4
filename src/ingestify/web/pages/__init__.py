"""The pages, a module each. Their order here is that of the menu."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.web.page import Action, Attachment, Page
from ingestify.web.pages import (
    changes,
    coverage,
    dataset,
    datasets,
    difference,
    file,
    freshness,
    home,
    picture,
    publishers,
    quarantine,
    runs,
    shot,
    storage,
    tables,
    tracking,
)

__all__ = ["ROUTES"]

ROUTES: Sequence[Page | Action | Attachment] = (
    home.PAGE,
    coverage.PAGE,
    datasets.PAGE,
    difference.PAGE,
    difference.CHOICE,
    file.FILE,
    picture.PICTURE,
    shot.PAGE,
    tracking.PAGE,
    *tracking.ATTACHMENTS,
    dataset.PAGE,
    *runs.ROUTES,
    *quarantine.ROUTES,
    storage.PAGE,
    tables.PAGE,
    freshness.PAGE,
    changes.PAGE,
    publishers.PAGE,
)
