"""A dataset that a listing has more than once: one of them counts, once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ingestify.domain.wording import in_short
from ingestify.progress.printable import PrintableLogger

if TYPE_CHECKING:
    from ingestify.engine.discovery.discovery import Discovered

__all__ = ["Doubles", "preferred"]

logger = PrintableLogger(__name__)

MOST_KEPT = 3000
"""So many of a selector are remembered, of which a catalogue's text takes 48 kB."""

_SHOWN = 5

_Mark = tuple[dt.datetime | None, int]
"""Stands for what was announced, in this process: its newest time, and a hash of it all."""


class Doubles:
    """Sifts what one listing announces, list by list. One discovery thread uses it.

    Of a dataset that is listed twice, the one with the later announced time counts, else the last. Within one list that
    is settled at once. What was passed on before the listing came to its double is being fetched by then: if the double
    is preferred, it follows at the listing's end, and from then on (`known`) all of them are held back until then, so
    that the next run does not write first the one and then the other.

    Args:
        known: What was found twice, and not alike, in the listing before this one; as `found` says it.

    Attributes:
        passed_on_twice: How many of those that are held back had been passed on already.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.passed_on_twice = 0
        self._found: set[str] = set()
        self._known = frozenset(known)
        # What the last list announced is looked at when another one comes: of most sources there is only one.
        self._last: Mapping[int, Discovered] = {}
        self._passed: dict[int, _Mark] = {}
        self._held: dict[int, Discovered] = {}
        self._told: dict[int, str] = {}

    @property
    def found(self) -> tuple[str, ...]:
        """What stands for those that were found twice, and not alike."""
        return tuple(sorted(self._found)[:MOST_KEPT])

    def sift(self, batch: Sequence[Discovered]) -> list[Discovered]:
        """Return those of a list that are to be decided about now."""
        for number, one in self._last.items():
            self._passed[number] = _mark(one)
        chosen: dict[int, Discovered] = {}
        for discovered in batch:
            number = hash(discovered.key)
            there = self._held.get(number)
            if there is None:
                there = chosen.get(number)
            if there is not None:
                self._tell(number, discovered)
                if _mark(there) != _mark(discovered):
                    of_which = self._held if number in self._held else chosen
                    of_which[number] = dataclasses.replace(preferred(there, discovered), is_double=there.is_double)
                    if of_which is self._held:
                        self._found.add(_name(discovered))
            elif self._known and _name(discovered) in self._known:
                self._held[number] = discovered
            elif (mark := self._passed.get(number)) is not None:
                self._tell(number, discovered)
                again = _mark(discovered)
                if mark != again:
                    self._found.add(_name(discovered))
                    if not _is_later(mark[0], again[0]):
                        self._held[number] = dataclasses.replace(discovered, is_double=True)
                        self.passed_on_twice += 1
            else:
                chosen[number] = discovered
        self._last = chosen
        return list(chosen.values())

    def end(self) -> list[Discovered]:
        """Return what was held back: the listing has ended."""
        self._last, self._passed = {}, {}
        held, self._held = list(self._held.values()), {}
        return held

    def warn(self, where: str) -> None:
        """Say which were listed more than once, if any were."""
        if self._told:
            more = f" and {len(self._told) - _SHOWN} more" if len(self._told) > _SHOWN else ""
            what = "1 dataset is" if len(self._told) == 1 else f"{len(self._told)} datasets are"
            logger.warning(
                "%s: %s listed more than once, and the entry with the latest time counts, else the last: %s%s.",
                where,
                what,
                ", ".join(list(self._told.values())[:_SHOWN]),
                more,
            )

    def _tell(self, number: int, discovered: Discovered) -> None:
        self._told.setdefault(number, in_short(discovered.identifier))


def preferred(one: Discovered, other: Discovered) -> Discovered:
    """Return which of two announcements of a dataset counts; `other` is the later one in the listing."""
    return one if _is_later(_mark(one)[0], _mark(other)[0]) else other


def _is_later(moment: dt.datetime | None, other: dt.datetime | None) -> bool:
    """The only place where announced times are ordered: somehow a choice has to be made.

    What announces no time, as an entry without files, is the earlier one.
    """
    return moment is not None and (other is None or moment > other)


def _mark(discovered: Discovered) -> _Mark:
    """Return what is equal for two announcements of a dataset that are alike."""
    resource = discovered.resource
    newest: dt.datetime | None = None
    said: list[object] = [resource.name, resource.state, discovered.metadata, resource.postponed]
    for name, file in resource.files.items():
        moment = file.last_modified
        if moment is not None and (newest is None or moment > newest):
            newest = moment
        said += (name, moment, file.content_version, file.url)
    return newest, hash(tuple(said))


def _name(discovered: Discovered) -> str:
    """Return what stands for a dataset in every process."""
    return hashlib.blake2b("\n".join(discovered.key).encode(), digest_size=8).hexdigest()
