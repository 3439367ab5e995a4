"""What `watch` keeps between two of its looks, so that another process can go on, or can see that it goes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Protocol

__all__ = ["HEARTBEAT", "WatchMarksPort"]

HEARTBEAT = "heartbeat"
"""The mark of the last sign of life of a `watch`."""


class WatchMarksPort(Protocol):
    """The moments that a `watch` keeps by name."""

    def find(self) -> Mapping[str, dt.datetime]:
        """Return all marks: the moments are in UTC."""

    def save(self, name: str, moment: dt.datetime) -> None:
        """Save a mark in place of the last one of its name, and remove those that nobody has saved for long."""

    def forget(self, name: str) -> None:
        """Remove a mark."""
