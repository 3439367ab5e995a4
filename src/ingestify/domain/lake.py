"""The identity of a lake: its id, its epoch, and the marks that its writers leave in the storage."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["Lake", "LakeMark"]


@dataclasses.dataclass(frozen=True, slots=True)
class Lake:
    """The identity of a lake in its catalogue.

    Attributes:
        lake_id: The first write creates it; empty: nothing was written yet, and the epoch is 0.
        epoch: From 1; it is 0 also while a lake of the published package is adopted into this one. A new one begins
            when the catalogue or the storage was restored from a backup.
        epoch_started_at: When it began, in UTC.
        mark: The newest mark that the catalogue gave to a writer; None: nothing was written to the storage yet.
        storage: The storage that this writer wrote to, without secrets; empty: unknown.
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
    """The identity of a lake in its storage.

    Attributes:
        mark: The mark of the last writer. Only the catalogue of this storage has given it out.
    """

    lake_id: str
    epoch: int
    mark: str

    def __str__(self) -> str:
        return f"lake {self.lake_id}, epoch {self.epoch}"
