"""Notices: a source that hears when something changes at its provider tells the watch, which looks at once."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias, runtime_checkable

__all__ = ["ChangeNotice", "TellNotice", "TellsOfChanges"]


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeNotice:
    """Something may have changed, so that the plans of a source are worth a look.

    Attributes:
        source: The name of the source whose plans are looked at.
        at: When to look, in UTC; not before.
        why: What was heard, as a sentence for people without a full stop.
        filters: What of it: keys of identifiers and their values, such as `{"match_id": 12}`. Empty: all of it.
        done: Called when all of it was looked at; it raises nothing. A notice that was not done may come again.
    """

    source: str
    at: dt.datetime
    why: str
    filters: Mapping[str, str | int] = dataclasses.field(default_factory=dict)
    done: Callable[[], object] = lambda: None


TellNotice: TypeAlias = Callable[[ChangeNotice], None]
"""Any thread calls it. It returns at once."""


@runtime_checkable
class TellsOfChanges(Protocol):
    """A source that hears of changes, and does not only look for them."""

    def describe_listening(self) -> str:
        """Return by what it hears of changes, such as `file events`; or `no file events: …`. Empty: by nothing."""

    def listening(self, tell: TellNotice) -> AbstractContextManager[None]:
        """Tell of changes while the block runs: also, at its beginning, of those that nobody listened to.

        What it cannot listen to is told once, in the log; then the schedule alone counts.

        Args:
            tell: Takes a notice.
        """
