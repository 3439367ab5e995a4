"""Is a bundle of one moment? What the provider is asked for once more, before it is published.

The index is read first, then the files of a dataset are fetched side by side, and the provider may change it all
meanwhile. A bundle is of one moment if there is one at which the entry and every file were as they came. That is shown
by

- dates: by the provider's own clock each file changed for the last time before the index answered;
- a second look: every file is asked for once more after all have come, and none is another one by now;
- the entry, read once more after the files: it is as it was, with the same times. Of a file that names no version
  itself that is the provider's word that it has not changed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

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
"""What names no version can only be asked for in full; a larger file is not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Uncertain:
    """What is to be asked for, so that a bundle is shown to be of one moment.

    Attributes:
        files: The ids of files to ask for once more.
        entry: Whether the dataset's entry in the index is to be read once more, after that.
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
    """Return what does not show yet that a bundle is of one moment.

    Args:
        files: What the source announced.
        loaded: What became of each.
        index: How the index was read; None: it cannot be read again, or was not read by us.
        is_change: Whether the lake has the dataset already. Then dates are not enough: files that are unpacked or
            mirrored keep old ones, a correction is rare, and a mix of two moments is what must not be.
        has_changed: Whether a file or the entry was another one already when it was asked for once more. Then dates are
            not enough either, and a file that is the only one is not of the moment of its entry by itself.
        is_suspicious: Whether a check failed, so that a mix is likely.
    """
    there = {file_id: one for file_id, one in loaded.items() if one.is_there and files[file_id].json_content is None}
    by_url = {file_id: one for file_id, one in there.items() if files[file_id].url is not None}
    can_read_again = index is not None and index.responses > 0
    strict = is_change or has_changed or is_suspicious
    # That a file was not there belongs to the moment too.
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
    if last_change is not None and last_change < _first_answer(by_url):
        return Uncertain((), entry)
    asked = absent + [
        file_id
        for file_id, one in by_url.items()
        if one.feed.validators
        or (can_be_asked_again(one) and (strict or not (entry and _is_vouched_for(files[file_id], one))))
    ]
    return Uncertain(tuple(asked), entry)


def _is_vouched_for(file: FileResource, loaded: LoadedResource) -> bool:
    """Return whether an index that goes on announcing what it did shows that a file has not changed."""
    return file.announced is not None and loaded.feed.settled


def can_be_asked_again(loaded: LoadedResource) -> bool:
    """Return whether a file can be asked for once more: by what names its version, or in full if it is not large."""
    return bool(loaded.feed.validators) or loaded.size <= MOST_BYTES_IN_FULL


def is_announced_alike(before: DatasetResource, after: DatasetResource, *, with_more: bool = False) -> bool:
    """Return whether an entry of an index says the same as before, of the dataset and of each file.

    Args:
        with_more: Whether more files may be announced than before.

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
        and before.known_unchanged == after.known_unchanged
        and before.asked_for == after.asked_for
        and before.json_content == after.json_content
    )


def _last_change(loaded: Mapping[str, LoadedResource]) -> dt.datetime | None:
    """Return when any of some files last changed, by the provider's own clock; None if that is not known of each."""
    changed = [read_http_date(one.feed.validators.last_modified) for one in loaded.values()]
    answered = [read_http_date(one.date) for one in loaded.values()]
    if not changed or None in changed or None in answered:
        return None
    return max(moment for moment in changed if moment)


def _first_answer(loaded: Mapping[str, LoadedResource]) -> dt.datetime:
    return min(moment for one in loaded.values() if (moment := read_http_date(one.date)) is not None)
