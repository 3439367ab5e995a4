"""What the catalogue remembers of hosts that asked to be left alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Protocol

__all__ = ["HostWait", "HostWaitsPort"]

_TOLERANCE = dt.timedelta(minutes=5)
"""The clocks of two machines may differ by that much."""


@dataclasses.dataclass(frozen=True, slots=True)
class HostWait:
    """A host asked to be left alone.

    Attributes:
        host: Name and port.
        asked_at: When it did, in UTC, by our clock.
        until: Until when it is left alone, in UTC.
        status: What it answered.
        is_cut: Whether it asked for longer than it is believed.
    """

    host: str
    asked_at: dt.datetime
    until: dt.datetime
    status: int
    is_cut: bool = False

    def holds_at(self, moment: dt.datetime) -> bool:
        """Whether it is to be left alone then.

        A clock that was set back, or was ahead when it asked, must not make a wait longer: then it is asked once more.
        """
        return self.asked_at - _TOLERANCE <= moment < self.until

    @property
    def reason(self) -> str:
        """Return who asked for what, for people."""
        cut = ", for longer even, which is believed for a day at a time" if self.is_cut else ""
        return f"{self.host} asked to be left alone until {self.until:%Y-%m-%d %H:%M:%S} UTC ({self.status}{cut})"


class HostWaitsPort(Protocol):
    """The waits of hosts."""

    def find(self) -> Sequence[HostWait]:
        """Return all that are kept."""

    def save(self, wait: HostWait) -> None:
        """Keep one, instead of the host's last; what is over is forgotten."""

    def forget(self) -> None:
        """Forget all of them."""
