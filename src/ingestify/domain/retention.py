"""How long a lake keeps the history of its work: summaries of jobs, and events."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["Forgotten", "Retention"]


@dataclasses.dataclass(frozen=True, slots=True)
class Retention:
    """How old history may become; None: it is kept for ever.

    Ages count from the newest job or event of the lake, so that a clock that is ahead removes nothing.

    Attributes:
        jobs: Jobs that ended longer ago. The last job of each selector is kept.
        events: Events that occurred longer ago. What a reader of the event log has still to read is kept.
    """

    jobs: dt.timedelta | None = None
    events: dt.timedelta | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Forgotten:
    """What a retention removed from the catalogue, or would remove.

    Attributes:
        jobs: How many summaries of jobs.
        events: How many events.
        unread_events: How many events are old enough and kept for a reader.
        slowest_reader: The reader that they are kept for; None: there is none.
    """

    jobs: int = 0
    events: int = 0
    unread_events: int = 0
    slowest_reader: str | None = None
