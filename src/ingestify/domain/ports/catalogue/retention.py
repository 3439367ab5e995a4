"""The retention of jobs and events."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.retention import Forgotten, Retention

__all__ = ["RetentionPort"]


class RetentionPort(Protocol):
    """The removal of old jobs and events."""

    def enforce(self, retention: Retention, *, dry_run: bool) -> Forgotten:
        """Remove the jobs and events that are older than a retention allows.

        Args:
            retention: How old they may be.
            dry_run: Only count them.
        """
