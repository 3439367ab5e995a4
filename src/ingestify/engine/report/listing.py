"""What a source listed of a selector, and what it stopped listing."""

from __future__ import annotations

import array
import hashlib
import threading
from collections.abc import Iterable

from ingestify.domain.identifier import Identifier

__all__ = ["Listing", "digest_of", "number_of"]

_MODULUS = 1 << 64


class Listing:
    """The datasets of one job. Safe to use from any thread; of a hundred thousand it takes a megabyte.

    Attributes:
        is_whole: Whether all that the selector has was listed, so that what is not among it is missing.
        is_of_everything: Whether its source is one that lists all that a selector has, whatever came of it this time.
        doubles: What was listed twice, and not alike; see `engine.doubles`.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.is_of_everything = False
        self.duplicates: tuple[str, ...] = ()
        self._listed = array.array("Q")
        self._lock = threading.Lock()
        self._found_count = self._found_sum = 0
        self._came_count = self._came_sum = 0

    def add(self, identifier: Identifier) -> int:
        """The source listed it. Returns the number that stands for it here. The discovery thread."""
        number = number_of(identifier.canonical)
        self._listed.append(number)
        return number

    def found(self, *numbers: int) -> None:
        """The lake had them when the run looked. One thread at a time decides about the datasets of a job."""
        self._found_count += len(numbers)
        self._found_sum += sum(numbers)

    def came(self, number: int) -> None:
        """It came into the lake with this run. Any thread."""
        with self._lock:
            self._came_count += 1
            self._came_sum += number

    @property
    def digest(self) -> str:
        """Stands for the set of what was listed and is in the lake now."""
        with self._lock:
            return _digest(self._found_count + self._came_count, self._found_sum + self._came_sum)

    def holds_all_of(self, digest_before: str | None) -> bool:
        """Whether all that the listing before this one held is listed still, so that the lake need not be searched.

        It is if what the lake has of this listing is what it had of that one.
        """
        return digest_before == _digest(self._found_count, self._found_sum)

    @property
    def is_empty(self) -> bool:
        """Whether the source listed nothing at all."""
        return not self._listed

    @property
    def came_count(self) -> int:
        """How many datasets came into the lake with this run."""
        with self._lock:
            return self._came_count

    def numbers(self) -> set[int]:
        """Return the numbers of all that was listed."""
        return set(self._listed)


def digest_of(numbers: Iterable[int]) -> str:
    """Return a text for a set of datasets, by their numbers."""
    there = set(numbers)
    return _digest(len(there), sum(there))


def _digest(count: int, total: int) -> str:
    """Return a text for a set, in whatever order its members came."""
    return f"{count}/{total % _MODULUS:016x}"


def number_of(key: str) -> int:
    """Return the number that stands for a dataset, by its canonical identifier."""
    # The same in every process, which Python's own hash of a text is not.
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
