"""The waits that hosts asked for, kept between runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Protocol

__all__ = ["HostWait", "HostWaitsPort"]

_TOLERANCE = dt.timedelta(minutes=5)
"""How much the clocks of two machines may differ."""


@dataclasses.dataclass(frozen=True, slots=True)
class HostWait:
    """A wait that a host asked for.

    Attributes:
        host: Name and port.
        asked_at: When the host asked for it, in UTC, by our clock.
        until: When the wait ends, in UTC.
        status: The HTTP status of the response.
        is_cut: Whether the host asked for a longer wait than `until`.
    """

    host: str
    asked_at: dt.datetime
    until: dt.datetime
    status: int
    is_cut: bool = False

    def holds_at(self, moment: dt.datetime) -> bool:
        """Whether the wait is active at a moment.

        A clock that was set back, or was ahead, must not make a wait longer: then the wait is not active.
        """
        return self.asked_at - _TOLERANCE <= moment < self.until

    @property
    def reason(self) -> str:
        """Return the wait as a sentence, for people."""
        cut = ", for longer even, which is believed for a day at a time" if self.is_cut else ""
        return f"{self.host} asked to be left alone until {self.until:%Y-%m-%d %H:%M:%S} UTC ({self.status}{cut})"


class HostWaitsPort(Protocol):
    """The waits of hosts that runs share."""

    def find(self) -> Sequence[HostWait]:
        """Return all waits."""

    def save(self, wait: HostWait) -> None:
        """Save a wait in place of the host's last one, and remove those that are over."""

    def forget(self) -> None:
        """Remove all waits."""
