"""A lock that somebody has."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["HeldLock"]


class HeldLock:
    """Implements `domain.ports.JobLock`.

    Args:
        release: Called by the first `release`: after that, another run may have the lock.
    """

    def __init__(self, release: Callable[[], None] = lambda: None) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Release the lock. Harmless when it is released already."""
        release, self._release = self._release, None
        if release is not None:
            release()
