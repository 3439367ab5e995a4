"""How a catalogue forgets what is too old to be asked for."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.retention import Forgotten, Retention

__all__ = ["RetentionPort"]


class RetentionPort(Protocol):
    """The history of a catalogue: jobs and events."""

    def enforce(self, retention: Retention, *, dry_run: bool) -> Forgotten:
        """Remove the jobs and events that are older than a retention allows.

        Args:
            dry_run: Only count them.
        """
