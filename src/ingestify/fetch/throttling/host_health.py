"""Whether a host answers at all, judged by what became of different requests to it."""

from __future__ import annotations

import random

__all__ = ["HostHealth", "RareProbes"]

_DIFFERENT = 10
"""If so many different requests fail in a row, the host is down, and not only single files are broken."""

_RARER = 1.6
"""The next probe is about so many times as far away as the last one."""

_MOST_KNOWN = 10_000


class HostHealth:
    """Judges whether one host is down. Not safe to share between threads.

    If a request fails while others succeed, its file is broken, and further failures of it do not count. An index that
    succeeds clears only the failures of indexes, as the files may come from another server of the host.
    """

    def __init__(self) -> None:
        self._failing: dict[bool, set[str]] = {True: set(), False: set()}
        self._broken: set[str] = set()

    def answered(self, *, is_file: bool) -> None:
        """Note that a request succeeded."""
        for failing in self._failing.values() if is_file else [self._failing[False]]:
            if failing and len(failing) < _DIFFERENT and len(self._broken) < _MOST_KNOWN:
                self._broken |= failing
            failing.clear()

    def failed(self, what: str, *, is_file: bool) -> bool:
        """Note that a request failed, and return whether the host is down.

        Args:
            what: Identifies the request; the same for all its tries.
            is_file: Whether the request was for a file, and not for an index.
        """
        if what in self._broken:
            return False
        failing = self._failing[is_file]
        failing.add(what)
        return len(failing) >= _DIFFERENT


class RareProbes:
    """Chooses the requests that are sent to a host that is down, to find out whether it is back.

    With each probe that fails, the next one is further away. The choice is random: otherwise, files that are always
    broken and come first would be the probes of each run.
    """

    def __init__(self) -> None:
        self._distance = 2.0
        self._turned_away = 0
        self._next = 1

    def is_due(self) -> bool:
        """Return whether this request is a probe; any other request is turned away."""
        self._turned_away += 1
        if self._turned_away < self._next:
            return False
        self._turned_away = 0
        self._next = random.randint(1, int(self._distance))  # noqa: S311 - no secret
        self._distance *= _RARER
        return True
