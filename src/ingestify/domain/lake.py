"""Which lake something belongs to: its id, its epoch, and the marks that its writers leave in the storage."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["Lake", "LakeMark"]


@dataclasses.dataclass(frozen=True, slots=True)
class Lake:
    """What a catalogue knows of the lake that it belongs to.

    Attributes:
        lake_id: Given with the first thing that was written to it; empty: nothing was yet, and the epoch is 0.
        epoch: From 1. A new one begins when the catalogue or the storage was restored from a backup.
        epoch_started_at: When it began, in UTC.
        mark: The newest mark that the catalogue gave to a writer; None: nothing was written to the storage yet.
        storage: Where that writer's files went, without secrets; empty: not known.
    """

    lake_id: str
    epoch: int
    epoch_started_at: dt.datetime
    mark: str | None = None
    storage: str = ""

    def __str__(self) -> str:
        return f"lake {self.lake_id}, epoch {self.epoch}" if self.lake_id else "a lake without an id yet"


@dataclasses.dataclass(frozen=True, slots=True)
class LakeMark:
    """What a storage says of the lake whose objects it holds.

    Attributes:
        mark: That of the last writer. A catalogue that has never given it out is not the one that the writer wrote to.
    """

    lake_id: str
    epoch: int
    mark: str

    def __str__(self) -> str:
        return f"lake {self.lake_id}, epoch {self.epoch}"
