"""The lock of one job, as those have it who took it by its key."""

from __future__ import annotations

from typing import Protocol

__all__ = ["KeyedLock"]


class _Locks(Protocol):
    def release(self, key: str) -> None:
        """Let others have it."""


class KeyedLock:
    """Implements `domain.ports.JobLock` for locks that go by their keys."""

    def __init__(self, locks: _Locks, key: str) -> None:
        self._locks = locks
        self._key: str | None = key

    def release(self) -> None:
        """Let others have it. Harmless when that was done: by then the key may be somebody else's."""
        if self._key is not None:
            self._locks.release(self._key)
            self._key = None
