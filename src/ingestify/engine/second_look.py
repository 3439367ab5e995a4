"""Is a bundle of one moment? Which of its files the provider is asked for once more, before it is published.

The files of a dataset are fetched side by side, and the provider may change some of them meanwhile. A bundle is of one
moment if every file was the same before and after that moment. That is known without a further request where the
provider says by Last-Modified that all were changed for the last time before the first of them was answered;
otherwise each is asked for once more, mostly to hear "not modified".
"""

from __future__ import annotations

import datetime as dt
import email.utils
import functools
from collections.abc import Mapping

from ingestify.domain.resource import FileResource
from ingestify.engine.loaded_file import FileKind, LoadedResource

__all__ = ["files_to_ask_again"]

MOST_BYTES_IN_FULL = 64 << 20
"""What has no ETag can only be asked for in full; a larger file is not."""


def files_to_ask_again(
    files: Mapping[str, FileResource],
    loaded: Mapping[str, LoadedResource],
    *,
    is_change: bool,
    suspicious: bool = False,
) -> list[str]:
    """Return the ids of the files to ask for once more.

    Args:
        files: What the source announced.
        loaded: What became of each.
        is_change: Whether the lake has the dataset already. Then a file without an ETag is asked for in full: a
            correction is rare, and a mix of two moments is what must not be. For a dataset that is new that would
            double what is downloaded of a whole season, for providers that name no versions.
        suspicious: Whether a check failed, so that a mix is likely.
    """
    by_url = [
        file_id
        for file_id, one in loaded.items()
        if files[file_id].url is not None and one.kind in (FileKind.NEW, FileKind.HELD, FileKind.UNCHANGED)
    ]
    in_full = is_change or suspicious
    # That a file was not there belongs to the moment too.
    absent = [
        file_id
        for file_id, one in loaded.items()
        if in_full and files[file_id].url is not None and one.kind in (FileKind.ABSENT, FileKind.GONE)
    ]
    if len(by_url) + len(absent) < 2 and not suspicious:
        return []
    if not in_full and _is_of_one_moment([loaded[file_id] for file_id in by_url]):
        return []
    return absent + [
        file_id
        for file_id in by_url
        if loaded[file_id].feed.validators.etag or (in_full and loaded[file_id].size <= MOST_BYTES_IN_FULL)
    ]


def _is_of_one_moment(loaded: list[LoadedResource]) -> bool:
    """Whether each file was changed for the last time before any of them was answered, by the provider's own clock."""
    changed = [_moment(one.feed.validators.last_modified) for one in loaded]
    answered = [_moment(one.date) for one in loaded]
    if None in changed or None in answered:
        return False
    # Both are whole seconds: within the same second nothing is known.
    return max(moment for moment in changed if moment) < min(moment for moment in answered if moment)


@functools.lru_cache(maxsize=4096)  # the files of a match have one date, and so have the answers of one second
def _moment(http_date: str | None) -> dt.datetime | None:
    if http_date is None:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(http_date)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
