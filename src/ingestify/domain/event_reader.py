"""Readers of the event log: where each stands, and what it failed on."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Literal

__all__ = ["EventReaderState", "FailedEvent", "StartAt"]

StartAt = Literal["beginning", "now", "end"] | int | dt.datetime
"""Where a reader begins: at the log's beginning or end, behind a position, or with the first event since a moment."""


@dataclasses.dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event that a reader failed on.

    Attributes:
        position: Of the event.
        failures: How often.
        is_parked: Whether the reader left it behind and went on.
        error: What it raised the last time.
        failed_at: When that was, in UTC.
    """

    position: int
    failures: int
    is_parked: bool
    error: str
    failed_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class EventReaderState:
    """Where a reader stands.

    Attributes:
        position: That of the last event it is done with; 0: none.
        behind: How many events it has not had.
        failed: Those it failed on: the one that it is at, and those it left behind; by position.
        switched_off: Why it gets no more events until somebody switches it on; empty: it gets them.
    """

    name: str
    position: int
    behind: int
    failed: tuple[FailedEvent, ...] = ()
    switched_off: str = ""
