"""What a source listed of a selector, and what it stopped listing."""

from __future__ import annotations

import array
import datetime as dt
import hashlib
import logging
import threading
from collections.abc import Sequence

from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.plan import Job
from ingestify.domain.resource import DatasetResource
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Listing"]

logger = logging.getLogger(__name__)

_MODULUS = 1 << 64


class Listing:
    """The datasets of one job. Safe to use from any thread; of a hundred thousand it takes a megabyte.

    Attributes:
        is_whole: Whether all that the selector has was listed, so that what is not among it is missing.
        newest: The newest time that was announced for a file; None if there was none.
        has_left: Whether `mark_missing` left some because another writer was at them meanwhile.
        doubles: What was listed twice, and not alike; see `engine.doubles`.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.has_left = False
        self.doubles: tuple[str, ...] = ()
        self.newest: dt.datetime | None = None
        self._listed = array.array("Q")
        self._lock = threading.Lock()
        self._found_count = self._found_sum = 0
        self._came_count = self._came_sum = 0

    def add(self, identifier: Identifier, resource: DatasetResource) -> int:
        """The source listed it. Returns the number that stands for it here. The discovery thread."""
        number = _hash(identifier.canonical)
        self._listed.append(number)
        for file in resource.files.values():
            if file.last_modified is not None and (self.newest is None or file.last_modified > self.newest):
                self.newest = file.last_modified
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

    def mark_missing(self, store: DatasetStore, job: Job, began_after: int, others: Sequence[Listing] = ()) -> int:
        """Mark what the lake has of the selector from this source, and the source lists no more. Returns how many.

        Args:
            began_after: The position of the newest event when the source was asked. What another writer brought or
                changed since then it may list by now.
            others: Of jobs of the same source whose selectors overlap with this one: what they list is listed.
        """
        wanted = job.dataset_filter(store.bucket)
        listed = set(self._listed).union(*(other._listed for other in others))
        absent = [
            dataset_id
            for dataset_id, key, state in store.catalogue.iter_identities(wanted)
            if state is not DatasetState.MISSING and _hash(key) not in listed
        ]
        # What another source of the same provider brought is for that source to list.
        theirs = [
            dataset
            for start in range(0, len(absent), 1000)
            for dataset in store.catalogue.get_datasets(absent[start : start + 1000])
            if not dataset.revisions or dataset.revisions[-1].source.get("source") == job.source_name
        ]
        touched = store.catalogue.find_touched([dataset.dataset_id for dataset in theirs], began_after)
        missing = [dataset.dataset_id for dataset in theirs if dataset.dataset_id not in touched]
        self.has_left = bool(touched)
        if not missing:
            return 0
        logger.warning(
            "%s: %s: %d datasets of the lake are no longer listed; they are kept, and marked MISSING.",
            job.source_name,
            job.selector.name,
            len(missing),
        )
        return store.mark_missing(missing)


def _digest(count: int, total: int) -> str:
    """Return a text for a set, in whatever order its members came."""
    return f"{count}/{total % _MODULUS:016x}"


def _hash(key: str) -> int:
    # The same in every process, which Python's own hash of a text is not.
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
