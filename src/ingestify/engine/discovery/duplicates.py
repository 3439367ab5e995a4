"""Duplicates: a dataset that one listing announces more than once. One announcement counts, once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ingestify.domain.wording import in_short
from ingestify.engine.discovery.discovered import Discovered
from ingestify.progress.printable import PrintableLogger

__all__ = ["Duplicates", "preferred"]

logger = PrintableLogger(__name__)

MOST_KEPT = 3000
"""The most duplicates that are remembered of one selector: 48 kB of text in the catalogue."""

_SHOWN = 5

_Mark = tuple[dt.datetime | None, int]
"""The newest announced time and a hash of the whole announcement. Valid in this process only."""


class Duplicates:
    """Removes duplicates from one listing, list by list. Used by one discovery thread.

    Of two announcements of a dataset, the one with the later announced time counts, else the later one in the listing.
    Within one list, `sift` chooses at once. Across lists, the run may already fetch the first announcement when the
    second one comes: if the second one counts, it follows at the end of the listing. From the next run on (`known`),
    all announcements of that dataset are held back until the end of the listing, so that no run stores first the one
    and then the other.

    Args:
        known: The `found` of the listing before this one.

    Attributes:
        replaced_count: How many announcements that were passed on already are replaced at the end of the listing.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.replaced_count = 0
        self._found: set[str] = set()
        self._known = frozenset(known)
        # The marks of the last list are computed only when another list comes: most sources have one list.
        self._last: Mapping[int, Discovered] = {}
        self._passed: dict[int, _Mark] = {}
        self._held: dict[int, Discovered] = {}
        self._told: dict[int, str] = {}

    @property
    def found(self) -> tuple[str, ...]:
        """Hashes of the datasets that had two different announcements."""
        return tuple(sorted(self._found)[:MOST_KEPT])

    def sift(self, batch: Sequence[Discovered]) -> list[Discovered]:
        """Return the datasets of a list that the run decides about now."""
        for number, one in self._last.items():
            self._passed[number] = _mark(one)
        chosen: dict[int, Discovered] = {}
        for discovered in batch:
            number = hash(discovered.key)
            if number in self._held:
                if self._choose(self._held, number, discovered):
                    self._found.add(_name(discovered))
            elif number in chosen:
                self._choose(chosen, number, discovered)
            elif self._known and _name(discovered) in self._known:
                self._held[number] = discovered
            elif number in self._passed:
                self._follow(self._passed[number], number, discovered)
            else:
                chosen[number] = discovered
        self._last = chosen
        return list(chosen.values())

    def _choose(self, announced: dict[int, Discovered], number: int, discovered: Discovered) -> bool:
        """Keep the announcement that counts. Returns whether the two differ."""
        self._tell(number, discovered)
        there = announced[number]
        if _mark(there) == _mark(discovered):
            return False
        announced[number] = msgspec.structs.replace(preferred(there, discovered), is_duplicate=there.is_duplicate)
        return True

    def _follow(self, passed: _Mark, number: int, discovered: Discovered) -> None:
        """Hold a second announcement back if it counts: the run already works on the first one."""
        self._tell(number, discovered)
        again = _mark(discovered)
        if passed == again:
            return
        self._found.add(_name(discovered))
        if not _is_later(passed[0], again[0]):
            self._held[number] = msgspec.structs.replace(discovered, is_duplicate=True)
            self.replaced_count += 1

    def end(self) -> list[Discovered]:
        """Return the datasets that were held back until the end of the listing."""
        self._last, self._passed = {}, {}
        held, self._held = list(self._held.values()), {}
        return held

    def warn(self, where: str) -> None:
        """Log one warning that names the duplicates, if there are any."""
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
        self._told.setdefault(number, in_short(discovered.identifier) or discovered.name)


def preferred(one: Discovered, other: Discovered) -> Discovered:
    """Return which of two announcements of a dataset counts; `other` is the later one in the listing."""
    return one if _is_later(_mark(one)[0], _mark(other)[0]) else other


def _is_later(moment: dt.datetime | None, other: dt.datetime | None) -> bool:
    """Whether `moment` is later. No time (an entry without files) is earlier than any time.

    No other code orders announced times: here a choice has to be made, elsewhere only a difference counts.
    """
    return moment is not None and (other is None or moment > other)


def _mark(discovered: Discovered) -> _Mark:
    """Return the mark of an announcement: two announcements with equal content have equal marks."""
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
    """Return a hash of the dataset's key that is the same in every process."""
    return hashlib.blake2b("\n".join(discovered.key).encode(), digest_size=8).hexdigest()
