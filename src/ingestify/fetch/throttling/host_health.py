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
    """Whether one host is down. Not safe to share between threads.

    A request that failed while others got through is a broken file; it says nothing of the host when it fails again.
    Indexes speak for themselves only: they often come from elsewhere than the files that they list.
    """

    def __init__(self) -> None:
        self._failing: dict[bool, set[str]] = {True: set(), False: set()}
        self._broken: set[str] = set()

    def answered(self, *, is_file: bool) -> None:
        """A request got through."""
        for failing in self._failing.values() if is_file else [self._failing[False]]:
            if len(failing) < _DIFFERENT and len(self._broken) < _MOST_KNOWN:
                self._broken |= failing
            failing.clear()

    def failed(self, what: str, *, is_file: bool) -> bool:
        """A request failed, and may be tried again. Returns whether the host is to be taken for down.

        Args:
            what: The same for all tries of one request.
        """
        if what in self._broken:
            return False
        failing = self._failing[is_file]
        failing.add(what)
        return len(failing) >= _DIFFERENT


class RareProbes:
    """Chooses the requests to a host that is left alone that are sent all the same, to see whether it is back.

    They become rarer with each that fails. Chance chooses them: files that are broken for ever and come first must not
    keep out all others in each run.
    """

    def __init__(self) -> None:
        self._distance = 2.0
        self._turned_away = 0
        self._next = 1

    def is_due(self) -> bool:
        """Whether this request is one of them; otherwise it is turned away."""
        self._turned_away += 1
        if self._turned_away < self._next:
            return False
        self._turned_away = 0
        self._next = random.randint(1, int(self._distance))  # noqa: S311 - no secret
        self._distance *= _RARER
        return True
