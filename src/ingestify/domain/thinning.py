"""Which revisions of a match are provisional, as they were committed while it was played, and which of them go."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.match_times import GREATEST_LENGTH, read_match_times
from ingestify.domain.revision import RevisionState
from ingestify.domain.schedule import AFTER_THE_END, RECENT_FOR

__all__ = ["LIVE_FOR", "ChooseThinned", "Thinned", "choose_thinned", "find_live_time", "without_revisions"]

LIVE_FOR = GREATEST_LENGTH + AFTER_THE_END
"""From the kick-off of a match: for so long its revisions are provisional."""


@dataclasses.dataclass(frozen=True, slots=True)
class Thinned:
    """The revisions of a match that were thinned, or would be.

    Attributes:
        dataset: The match as it was before.
        revisions: Their numbers.
        files: The files that no revision has any more.
    """

    dataset: Dataset
    revisions: Sequence[int]
    files: Sequence[File]

    @property
    def after(self) -> Dataset:
        """The match as it is afterwards."""
        gone = set(self.files)
        revisions = tuple(
            dataclasses.replace(
                one,
                state=RevisionState.THINNED,
                modified_files=tuple(file for file in one.modified_files if file not in gone),
            )
            if one.revision_id in self.revisions
            else one
            for one in self.dataset.revisions
        )
        return dataclasses.replace(self.dataset, revisions=revisions)

    @property
    def size(self) -> int:
        """What the files take in the storage, in bytes."""
        return sum(file.storage_size for file in self.files)


ChooseThinned: TypeAlias = Callable[[Dataset, Collection[int]], Sequence[int]]
"""Returns the numbers of the revisions of a dataset that go; the second argument: of those that somebody needs."""


def find_live_time(dataset: Dataset, zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime] | None:
    """Return the time in which revisions of a match are provisional, in UTC; None: its kick-off is not known.

    No provider says when a match ended, so it is as long as a match can last, and half an hour.

    Args:
        dataset: The match.
        zone: The zone of a kick-off that has none.
    """
    times = read_match_times(dataset.name, dataset.metadata, zone)
    return None if times is None or times.is_whole_day else (times.kick_off, times.kick_off + LIVE_FOR)


def choose_thinned(
    dataset: Dataset, zone: dt.tzinfo, spacing: dt.timedelta, kept: Collection[int], now: dt.datetime
) -> list[int]:
    """Return the numbers of the revisions that go. What was chosen before does not change what is chosen now.

    The first provisional revision stays, then the next one that is at least `spacing` younger than it, and so on; and
    the last one. So each that goes has one before it that stays and is less than `spacing` older.

    Args:
        dataset: A match with all of its revisions.
        zone: The zone of a kick-off that has none.
        spacing: The time between two provisional revisions.
        kept: The numbers of revisions that somebody needs.
        now: In UTC. Nothing goes before the match has been over for two days.
    """
    live = find_live_time(dataset, zone)
    if live is None or now < live[1] + RECENT_FOR:
        return []
    provisional = [one for one in dataset.revisions if live[0] <= one.created_at < live[1]]
    chosen: list[int] = []
    last: dt.datetime | None = None
    for one in provisional[:-1]:
        if one.state is RevisionState.THINNED:
            continue
        if last is None or one.created_at - last >= spacing:
            last = one.created_at
        elif one.revision_id not in kept and one.revision_id != dataset.revisions[-1].revision_id:
            chosen.append(one.revision_id)
    return chosen


def without_revisions(dataset: Dataset, numbers: Collection[int]) -> list[File]:
    """Return the files that no other revision of a dataset has in its whole set.

    Args:
        dataset: The dataset with all of its revisions.
        numbers: The revisions that go.
    """
    left = [one.revision_id for one in dataset.revisions if one.revision_id not in numbers and not one.is_thinned]
    needed = {file for number in left for file in dataset.at(revision=number).files.values()}
    return [
        file
        for one in dataset.revisions
        if one.revision_id in numbers
        for file in one.modified_files
        if file not in needed
    ]
