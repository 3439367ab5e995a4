"""Rules that say whether the files of a bundle belong together, and what the provider has to be asked once more.

The run reads the index first, and then fetches the files of a dataset side by side. Meanwhile the provider may change
all of it. A bundle is consistent if there was one moment at which the entry and each file were as they came. This is
shown by

- dates: by the provider's own clock, each file last changed before the index was sent;
- a second request: each file is asked for once more after all have come, and none has changed;
- the entry, read once more after the files: it is the same, with the same times. For a file without a version of its
  own, this is the provider's word that the file has not changed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping

import msgspec

from ingestify.domain.announcement import read_http_date
from ingestify.domain.change import metadata_text
from ingestify.domain.ports import IndexReading
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.engine.bundle.loaded_file import LoadedResource

__all__ = [
    "MOST_BYTES_IN_FULL",
    "Uncertain",
    "can_be_asked_again",
    "find_uncertain",
    "is_announced_alike",
    "is_file_announced_alike",
]

MOST_BYTES_IN_FULL = 64 << 20
"""A file without a version can only be asked for in full. A larger one is not asked for again."""


class Uncertain(msgspec.Struct, frozen=True):
    """What the provider has to be asked once more, before a bundle is known to be consistent.

    Attributes:
        files: The ids of the files.
        entry: Whether the dataset's entry in the index has to be read once more, after the files.
    """

    files: tuple[str, ...] = ()
    entry: bool = False


def find_uncertain(
    files: Mapping[str, FileResource],
    loaded: Mapping[str, LoadedResource],
    index: IndexReading | None,
    *,
    is_change: bool,
    has_changed: bool = False,
    is_suspicious: bool = False,
) -> Uncertain:
    """Return what does not show yet that a bundle is consistent.

    Args:
        files: The files that the source announced.
        loaded: What came of each of them.
        index: How the index was read. None: it cannot be read again, or another process read it.
        is_change: Whether the lake has the dataset already. Then dates are not enough: files that are unpacked or
            mirrored keep old dates. A correction is rare, and two moments must never be mixed.
        has_changed: Whether a file or the entry had changed already when it was asked for once more. Then dates are not
            enough either, and even a single file may not belong to its entry.
        is_suspicious: Whether a check failed, so that a mix of two moments is likely.
    """
    there = {file_id: one for file_id, one in loaded.items() if one.is_there and files[file_id].json_content is None}
    # What has the content that the source announces is as old as the announcement, and only the entry may be older.
    by_url = {
        file_id: one
        for file_id, one in there.items()
        if files[file_id].url is not None and files[file_id].content_id is None
    }
    can_read_again = index is not None and index.responses > 0
    strict = is_change or has_changed or is_suspicious
    # A file that was absent belongs to the moment, too.
    absent = [
        file_id for file_id, one in loaded.items() if strict and files[file_id].url is not None and not one.is_there
    ]
    if not there and not absent:
        return Uncertain()
    last_change = None if strict or len(by_url) < len(there) else _last_change(by_url)
    entry = can_read_again
    if last_change is not None and index is not None:
        index_date = read_http_date(index.first_date)
        entry = can_read_again and not (index_date is not None and last_change < index_date)
    if len(by_url) + len(absent) < 2 and not (has_changed or is_suspicious):
        return Uncertain((), entry)
    if last_change is not None and last_change < _first_response(by_url):
        return Uncertain((), entry)
    asked = absent + [
        file_id
        for file_id, one in by_url.items()
        if one.feed.validators
        or (can_be_asked_again(one) and (strict or not (entry and _shows_in_index(files[file_id], one))))
    ]
    return Uncertain(tuple(asked), entry)


def _shows_in_index(file: FileResource, loaded: LoadedResource) -> bool:
    """Return whether an index that announces the same as before shows that a file has not changed."""
    return file.announced is not None and loaded.feed.settled


def can_be_asked_again(loaded: LoadedResource) -> bool:
    """Return whether a file can be asked for once more: by its version, or in full if it is not large."""
    return bool(loaded.feed.validators) or loaded.size <= MOST_BYTES_IN_FULL


def is_announced_alike(before: DatasetResource, after: DatasetResource, *, with_more: bool = False) -> bool:
    """Return whether an entry of an index says the same as before, of the dataset and of each file.

    Args:
        before: The entry as it was.
        after: The entry as it is.
        with_more: Whether the entry may announce more files than before.

    Raises:
        SourceError: The metadata is not JSON.
    """
    return (
        before.name == after.name
        and before.state is after.state
        and before.postponed == after.postponed
        and (before.files.keys() <= after.files.keys() if with_more else before.files.keys() == after.files.keys())
        and all(is_file_announced_alike(file, after.files[file_id]) for file_id, file in before.files.items())
        and metadata_text(before.metadata) == metadata_text(after.metadata)
    )


def is_file_announced_alike(before: FileResource, after: FileResource) -> bool:
    """Return whether an entry says the same of a file."""
    return (
        before.announced == after.announced
        and before.content_id == after.content_id
        and before.known_unchanged == after.known_unchanged
        and before.asked_for == after.asked_for
        and (before.json_content == after.json_content or _is_same_text(before.json_content, after.json_content))
    )


def _is_same_text(before: object, after: object) -> bool:
    """Return whether two JSON values have the same text: NaN is not equal to itself."""
    try:
        return json.dumps(before) == json.dumps(after)
    except (TypeError, ValueError):  # they are no JSON, and fail when they are written
        return False


def _last_change(loaded: Mapping[str, LoadedResource]) -> dt.datetime | None:
    """Return when the last one of some files changed, by the provider's clock; None: not known of each file."""
    changed = [read_http_date(one.feed.validators.last_modified) for one in loaded.values()]
    answered = [read_http_date(one.date) for one in loaded.values()]
    if not changed or None in changed or None in answered:
        return None
    return max(moment for moment in changed if moment)


def _first_response(loaded: Mapping[str, LoadedResource]) -> dt.datetime:
    return min(moment for one in loaded.values() if (moment := read_http_date(one.date)) is not None)
