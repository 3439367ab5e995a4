"""The lake that the pages show."""

from __future__ import annotations

import dataclasses
import hashlib

from ingestify.store.dataset_store import DatasetStore

__all__ = ["WebLake"]


@dataclasses.dataclass(frozen=True, slots=True)
class WebLake:
    """A lake, and what may be done with it.

    Attributes:
        store: Every method of it may be called from any thread.
        title: Where it is, for people; without secrets.
        is_read_only: Whether the pages change nothing.
    """

    store: DatasetStore
    title: str
    is_read_only: bool = False

    def change_marker(self) -> str:
        """Return a text that is another one after each change of the lake that a page shows."""
        catalogue = self.store.catalogue
        newest = catalogue.jobs.load(1, with_tasks=False)
        marker = (catalogue.event_log.get_last_position(), [(one.job_id, one.state, one.runs) for one in newest])
        return hashlib.sha256(repr(marker).encode()).hexdigest()[:16]
