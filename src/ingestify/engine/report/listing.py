"""Which datasets a source listed for one selector, in little memory."""

from __future__ import annotations

import array
import hashlib
import threading
from collections.abc import Iterable

__all__ = ["Listing", "digest_of", "number_of"]

_MODULUS = 1 << 64


class Listing:
    """The datasets that one job's source listed. Safe to use from any thread; a hundred thousand take a megabyte.

    Attributes:
        is_whole: Whether this listing named all datasets of the selector, so that every other dataset is missing.
        is_of_everything: Whether the source lists all datasets of a selector when nothing fails.
        duplicates: `Duplicates.found` of this listing.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.is_of_everything = False
        self.duplicates: tuple[str, ...] = ()
        self._listed = array.array("Q")
        self._lock = threading.Lock()
        self._found_count = self._found_sum = 0
        self._came_count = self._came_sum = 0

    def add(self, key: str) -> int:
        """Add a dataset that the source listed, by its canonical identifier. Called by the discovery thread.

        Returns:
            The dataset's number.
        """
        number = number_of(key)
        self._listed.append(number)
        return number

    def found(self, *numbers: int) -> None:
        """Count datasets that the lake had when the run decided. One thread at a time decides for a job."""
        self._found_count += len(numbers)
        self._found_sum += sum(numbers)

    def came(self, number: int) -> None:
        """Count a dataset that this run added to the lake. Called by any thread."""
        with self._lock:
            self._came_count += 1
            self._came_sum += number

    @property
    def digest(self) -> str:
        """A digest of the set of datasets that were listed and are in the lake now."""
        with self._lock:
            return _digest(self._found_count + self._came_count, self._found_sum + self._came_sum)

    def holds_all_of(self, digest_before: str | None) -> bool:
        """Whether every dataset of the listing before this one is listed again.

        Then nothing is missing, and the lake need not be searched. It holds if the lake has the same datasets of this
        listing as it had of that one.

        Args:
            digest_before: The `digest` of the listing before this one; None if there is none.
        """
        return digest_before == _digest(self._found_count, self._found_sum)

    @property
    def is_empty(self) -> bool:
        """Whether the source listed no dataset."""
        return not self._listed

    @property
    def came_count(self) -> int:
        """How many datasets this run added to the lake."""
        with self._lock:
            return self._came_count

    def numbers(self) -> set[int]:
        """Return the numbers of all listed datasets."""
        return set(self._listed)


def digest_of(numbers: Iterable[int]) -> str:
    """Return the digest of a set of datasets, given by their numbers."""
    there = set(numbers)
    return _digest(len(there), sum(there))


def _digest(count: int, total: int) -> str:
    """Return the digest of a set; the order of its members makes no difference."""
    return f"{count}/{total % _MODULUS:016x}"


def number_of(key: str) -> int:
    """Return the number of a dataset: 64 bits of a hash of its canonical identifier."""
    # The same in every process, which Python's own hash of a text is not.
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
