"""The datasets that a lock names, as a lake has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ingestify.domain.dataset import Dataset
from ingestify.domain.lock import Lock, LockedDataset, LockStatus
from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.domain.wording import filter_text
from ingestify.errors import ConfigurationError, LockError
from ingestify.progress.formatting import counted
from ingestify.progress.printable import PrintableLogger
from ingestify.store.reading.table_list import TableList

__all__ = ["CheckedDataset", "LockCheck", "check_lock", "iter_locked", "refuse_other_filters"]

logger = PrintableLogger(__name__)

_AT_ONCE = 1000
_SHOWN = 20


class CheckedDataset(NamedTuple):
    """What the lake has of a locked dataset.

    Attributes:
        dataset: As the lake has it; None: it does not have it.
        status: What that is.
        lacking: The ids of the locked files that the lake does not have.
    """

    locked: LockedDataset
    dataset: Dataset | None
    status: LockStatus
    lacking: list[str]

    @property
    def why(self) -> str:
        """What is not as in the lock, for people; empty if all is."""
        if self.dataset is None:
            return "the lake does not have this dataset"
        if self.lacking:
            files = itertools.chain.from_iterable(one.modified_files for one in self.dataset.revisions)
            there = {(file.data_feed_key, file.tag): file.file_id for file in files}
            named = {one: there.get((one.rpartition("__")[0], self.locked.files[one].sha256)) for one in self.lacking}
            told = (one if other is None else f"{one} (they are there as {other})" for one, other in named.items())
            return f"no revision has the locked bytes of {', '.join(told)}"
        if self.status is LockStatus.OTHER_REVISION:
            found = self.locked.find_in(self.dataset)
            assert found is not None, "every locked file is there"
            number, last = found.revisions[-1].revision_id, self.dataset.revisions[-1].revision_id
            if found == self.dataset.at(revision=number):
                return f"its bytes are those of revision {number}; the current one is {last}"
            came = sorted({file.revision_id for file in found.files.values()})
            return f"its bytes came with the revisions {', '.join(map(str, came))}, and no revision has just these"
        return ""


class LockCheck(TableList[CheckedDataset]):
    """What a lake has of the datasets of a lock, as a table."""

    columns = ("dataset", "status", "why")

    @property
    def is_readable(self) -> bool:
        """Whether the lake has all bytes of the lock, in whichever revisions."""
        return all(one.status.is_readable for one in self)

    @property
    def caption(self) -> str:
        """How many datasets have each status."""
        numbers = ((status, sum(one.status is status for one in self)) for status in LockStatus)
        return f"{counted(len(self), 'dataset')}: {', '.join(f'{number} {status}' for status, number in numbers)}"

    def iter_shown(self) -> Iterator[tuple[object, ...]]:
        """Yield the shown values of each dataset."""
        for one in self:
            yield str(one.locked), one.status.value, one.why

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each dataset."""
        return [
            {
                "provider": one.locked.provider,
                "dataset_type": one.locked.dataset_type,
                **one.locked.identifier,
                "status": one.status.value,
                "why": one.why,
            }
            for one in self
        ]


def refuse_other_filters(wanted: DatasetFilter) -> None:
    """Refuse filters that a lock cannot be narrowed by: it knows providers, types and identifiers.

    Raises:
        ConfigurationError: There is one.
    """
    if wanted.dataset_ids is not None or wanted.states or wanted.where is not None or wanted.as_of is not None:
        raise ConfigurationError(
            "A lock is narrowed by provider, dataset_type and identifier keys only: it has no dataset_id, state, where "
            "and as_of."
        )


def check_lock(catalogue: Catalogue, lock: Lock, wanted: DatasetFilter) -> LockCheck:
    """Return what the lake has of the datasets of a lock that a filter names.

    If the lock has none of them, a warning says so.
    """
    return LockCheck(_iter_checked(catalogue, lock, wanted))


def iter_locked(catalogue: Catalogue, lock: Lock, wanted: DatasetFilter) -> Iterator[Dataset]:
    """Yield the datasets of a lock that a filter names, each with exactly the locked files, in the order of the lock.

    If the lock has none of them, a warning says so.

    Raises:
        LockError: The lake lacks some of the locked bytes. Then nothing is yielded; the message lists what it lacks.
    """
    checked = _iter_checked(catalogue, lock, wanted)
    lacking = [f"{one.locked}: {one.why}" for one in checked if not one.status.is_readable]
    if lacking:
        raise LockError(_describe(lacking, len(lock)), lacking)
    for locked, dataset in _iter_pairs(catalogue, lock, wanted):
        found = None if dataset is None else locked.find_in(dataset)
        if found is None:  # deleted since it was looked for
            raise LockError(f"{locked} was deleted while the lock was read.", [str(locked)])
        yield found


def _iter_checked(catalogue: Catalogue, lock: Lock, wanted: DatasetFilter) -> Iterator[CheckedDataset]:
    is_empty = True
    for locked, dataset in _iter_pairs(catalogue, lock, wanted):
        is_empty = False
        status = locked.status_in(dataset)
        yield CheckedDataset(locked, dataset, status, [] if status.is_readable else locked.find_lacking(dataset))
    if is_empty:
        kind = {"provider": wanted.provider, "dataset_type": wanted.dataset_type}
        asked = filter_text({**{key: name for key, name in kind.items() if name is not None}, **wanted.selector})
        having = f" with {asked}; it has {counted(len(lock), 'dataset')}" if len(lock) else ""
        logger.warning("The lock has no dataset%s.", having)


def _iter_pairs(
    catalogue: Catalogue, lock: Iterable[LockedDataset], wanted: DatasetFilter
) -> Iterator[tuple[LockedDataset, Dataset | None]]:
    """Yield each locked dataset that a filter names, with the lake's, a thousand at a time."""
    named = (one for one in lock if wanted.names_identity(one.provider, one.dataset_type, one.identifier))
    for (provider, dataset_type), of_kind in itertools.groupby(named, key=lambda one: (one.provider, one.dataset_type)):
        while batch := list(itertools.islice(of_kind, _AT_ONCE)):
            known = catalogue.datasets.find_known(
                wanted.bucket, provider, dataset_type, [one.identifier for one in batch]
            )
            ids = {identifier.canonical: one.dataset_id for identifier, one in known.items()}
            there = {one.dataset_id: one for one in catalogue.datasets.get(list(ids.values()))}
            for locked in batch:
                yield locked, there.get(ids.get(locked.identifier.canonical, ""))


def _describe(lacking: list[str], number: int) -> str:
    shown = "".join(f"\n  {one}" for one in lacking[:_SHOWN])
    more = f"\n  and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    return f"The lake lacks locked bytes of {len(lacking)} of {counted(number, 'dataset')}:{shown}{more}"
