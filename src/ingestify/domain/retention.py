"""How long a lake keeps the history of its work: summaries of jobs, and events."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["Forgotten", "Retention"]


@dataclasses.dataclass(frozen=True, slots=True)
class Retention:
    """The age at which history is removed; None: never.

    An age is counted from the newest job or event of the lake, so a clock that is ahead removes nothing.

    Attributes:
        jobs: The age of job summaries. The last job of each selector is kept.
        live_revisions: Not an age: the time between two revisions of a match that stay of those that were committed
            while it was played; see `domain.thinning`.
        events: The age of events. An event that a reader of the event log has not read yet is kept.
    """

    jobs: dt.timedelta | None = None
    events: dt.timedelta | None = None
    live_revisions: dt.timedelta | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Forgotten:
    """What a retention removed from the catalogue, or would remove.

    Attributes:
        jobs: How many summaries of jobs.
        events: How many events.
        unread_events: How many old events are kept for a reader.
        slowest_reader: The reader for which they are kept; None: there is none.
    """

    jobs: int = 0
    events: int = 0
    unread_events: int = 0
    slowest_reader: str | None = None
