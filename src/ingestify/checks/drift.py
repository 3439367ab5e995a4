"""A bundle check that compares new files with those of earlier: how many records, how large, which columns.

It compares a file with the dataset's own earlier revisions, and with the same file of the other datasets of the
competition. A value is reported if it is outside of all that was seen there, and far from the median.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from ingestify.domain.bundle_check import Bundle, BundleCheck
from ingestify.domain.profile import FileProfile
from ingestify.domain.wording import noun
from ingestify.errors import ConfigurationError

__all__ = ["Drift"]

FEWEST_OTHERS = 5
"""With fewer other datasets there is no usual value."""

FEWEST_RECORDS = 20
"""With fewer records, a share of them says nothing."""

RARE = 0.01
"""A column with a value in a smaller share of the records is there in some matches and not in others."""


class Drift(BundleCheck):
    """The new files have as many records, bytes, columns and values as before.

    Args:
        rows: By which share of the median the number of records may differ; 0.5: half.
        size: The same for the number of bytes, if the number of records is not reported.
        nulls: By how much the share of records without a value in a column may differ from the median; 0.2: 20 percent
            points.
        columns: Whether columns that come or go are reported.
        feeds: The feeds that are compared; None: all.

    Raises:
        ConfigurationError: A share is below 0.
    """

    mode = "warn"
    compares_new_files = True

    def __init__(
        self,
        rows: float = 0.5,
        size: float = 0.5,
        nulls: float = 0.2,
        columns: bool = True,
        feeds: Sequence[str] | None = None,
    ) -> None:
        super().__init__(rows=rows, size=size, nulls=nulls, columns=columns, feeds=feeds)
        for name, share in (("rows", rows), ("size", size), ("nulls", nulls)):
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not share >= 0:
                raise ConfigurationError(f"ingestify.drift: {name} is {share!r}; write a share such as 0.5.")
        self._rows, self._size, self._nulls, self._columns = rows, size, nulls, columns
        self._feeds = None if feeds is None else {feeds} if isinstance(feeds, str) else {*feeds}

    def find_problems(self, bundle: Bundle) -> Iterator[str]:
        """Yield how the new files differ from what is usual."""
        for file_id, file in bundle.files.items():
            feed = file.data_feed_key
            if not file.is_new or (self._feeds is not None and feed not in self._feeds):
                continue
            has_several = sum(one.data_feed_key == feed for one in bundle.files.values()) > 1
            title = file_id if has_several else feed
            profile = bundle.profile(file_id)
            earlier, others = bundle.earlier_profiles(file_id), bundle.other_profiles(file_id)
            if earlier:
                count = len(earlier)
                whose = "its earlier revision" if count == 1 else f"its {count} earlier revisions"
                yield from self._compare(title, profile, earlier, whose, is_one=count == 1)
            if len(others) >= FEWEST_OTHERS:
                count = len(others)
                whose = f"the {count} other {noun([bundle.dataset_type], count)} of the competition"
                yield from self._compare(title, profile, others, whose, is_one=False)

    def _compare(
        self, title: str, now: FileProfile, usual: Sequence[FileProfile], whose: str, *, is_one: bool
    ) -> Iterator[str]:
        has = "has" if is_one else "have"
        counted = [one for one in usual if one.rows is not None]
        if now.rows is not None and counted:
            seen = [one.rows or 0 for one in counted]
            if _is_unusual(now.rows, seen, self._rows * statistics.median(seen)):
                yield f"{title}: {now.rows:,} rows; {whose} {has} {_range(seen)}"
                return
            yield from self._compare_columns(title, now, counted, whose, has)
        sizes = [one.size for one in usual]
        if _is_unusual(now.size, sizes, self._size * statistics.median(sizes)):
            yield f"{title}: {now.size:,} bytes; {whose} {has} {_range(sizes)}"

    def _compare_columns(
        self, title: str, now: FileProfile, usual: Sequence[FileProfile], whose: str, has: str
    ) -> Iterator[str]:
        those = [one for one in usual if one.rows and one.nulls]
        if not now.rows or not now.nulls or not those:
            return
        for column in sorted({*now.nulls, *(name for one in those for name in one.nulls)}):
            rates = [one.nulls.get(column, one.rows or 0) / (one.rows or 1) for one in those]
            rate = now.nulls.get(column, now.rows) / now.rows
            had = sum(column in one.nulls for one in those)
            is_gone = had == len(those) and column not in now.nulls
            if is_gone or not had:
                usual_rate = statistics.median(rates) if is_gone else rate
                if self._columns and 1 - usual_rate >= RARE:
                    lacks = "does not have" if has == "has" else "do not have"
                    what, they = ("is gone", has) if is_gone else ("is new", lacks)
                    yield f"{title}: the column '{column}' {what}; {whose} {they} it"
            elif now.rows >= FEWEST_RECORDS and _is_unusual(rate, rates, self._nulls):
                yield (
                    f"{title}: the column '{column}' has no value in {rate:.0%} of the rows; {whose} {has} none in "
                    f"{_range_of_shares(rates)}"
                )


def _is_unusual(value: float, seen: Sequence[float], most: float) -> bool:
    """Whether a value is outside of all that was seen, and further from the median than that."""
    return not min(seen) <= value <= max(seen) and abs(value - statistics.median(seen)) > most


def _range(seen: Sequence[int]) -> str:
    least, most = min(seen), max(seen)
    if least == most:
        return f"{least:,}"
    return f"{least:,} to {most:,}, the median is {statistics.median(seen):,.0f}"


def _range_of_shares(seen: Sequence[float]) -> str:
    least, most = min(seen), max(seen)
    return f"{least:.0%}" if f"{least:.0%}" == f"{most:.0%}" else f"{least:.0%} to {most:.0%}"
