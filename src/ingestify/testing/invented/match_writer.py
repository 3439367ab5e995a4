"""Writes match events one after another: ids, the clock, possessions, relations."""

from __future__ import annotations

import random

from ingestify.testing.invented.match_sheet import Side, Slot
from ingestify.testing.invented.vocabulary import Named

__all__ = ["MatchWriter"]


class MatchWriter:
    """The events of one match so far, in the order and the format of a StatsBomb events file.

    One thread uses it. Coordinates are yards on a 120 x 80 pitch, each team attacking towards x = 120.

    Args:
        rng: The random event ids; its state moves.
        attacking: Who has the ball first.
        pattern: How the first possession began.
    """

    def __init__(self, rng: random.Random, attacking: Side, pattern: Named) -> None:
        self.events: list[dict[str, object]] = []
        self.period = 1
        self.clock_ms = 0
        self._rng = rng
        self._possession = 1
        self._attacking = attacking
        self._pattern = pattern

    def start_period(self, period: int) -> None:
        """Set the clock back to 0 for a new half."""
        self.period = period
        self.clock_ms = 0

    def start_possession(self, side: Side, pattern: Named) -> None:
        """From here on, `side` has the ball."""
        self._possession += 1
        self._attacking = side
        self._pattern = pattern

    @property
    def minute_and_second(self) -> tuple[int, int]:
        """The match clock: the second half begins at 45:00, whatever the first half lasted."""
        seconds = self.clock_ms // 1000
        return seconds // 60 + 45 * (self.period - 1), seconds % 60

    @property
    def match_time(self) -> str:
        """The match clock as lineups write it, "mm:ss"."""
        return "{:02d}:{:02d}".format(*self.minute_and_second)

    def emit(
        self,
        kind: Named,
        side: Side,
        slot: Slot | None = None,
        x: float | None = None,
        y: float = 40.0,
        *,
        duration: float | None = 0.0,
        **detail: object,
    ) -> dict[str, object]:
        """Append an event at the clock's time.

        Args:
            kind: The event's type.
            side: Whose event it is.
            slot: Who did it; None for events of a team.
            x: Where, in yards; None for events without a place.
            y: Where across the pitch.
            duration: Seconds; None leaves it out. The clock does not move.
            **detail: Further keys of the event.

        Returns:
            The event, for relating it to others.
        """
        bits = f"{self._rng.getrandbits(128):032x}"
        minutes, milliseconds = divmod(self.clock_ms, 60_000)
        seconds, milliseconds = divmod(milliseconds, 1000)
        event: dict[str, object] = {
            # The digits 4 and 8 make it a UUID of version 4, variant 1, as the provider's are.
            "id": f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}",
            "index": len(self.events) + 1,
            "period": self.period,
            "timestamp": f"00:{minutes:02d}:{seconds:02d}.{milliseconds:03d}",
            "minute": minutes + 45 * (self.period - 1),
            "second": seconds,
            "type": kind,
            "possession": self._possession,
            "possession_team": self._attacking.ref,
            "play_pattern": self._pattern,
            "team": side.ref,
        }
        if slot is not None:
            event["player"] = slot.player
            event["position"] = slot.position
        if x is not None:
            event["location"] = [round(x, 1), round(y, 1)]
        if duration is not None:
            event["duration"] = round(duration, 6)
        event.update(detail)
        self.events.append(event)
        return event

    @staticmethod
    def relate(one: dict[str, object], other: dict[str, object]) -> None:
        """Note in each of two events that it belongs with the other."""
        for event, related in ((one, other), (other, one)):
            ids = event.setdefault("related_events", [])
            assert isinstance(ids, list)
            ids.append(related["id"])
