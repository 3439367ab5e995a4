"""Compares the files of two revisions of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ingestify.comparison.content import MOST_BYTES, TooLarge, Unreadable, can_be_compared, read_content
from ingestify.comparison.difference import FeedDifferences
from ingestify.comparison.records import compare_contents
from ingestify.comparison.references import find_strangers
from ingestify.domain.json_value import JsonValue
from ingestify.domain.readable_files import ReadableFile
from ingestify.domain.record_key import RecordKey, RecordKeys, record_key_of
from ingestify.progress.formatting import size

__all__ = ["compare_files"]


_Pair = tuple[ReadableFile | None, ReadableFile | None]


def compare_files(
    old: Iterable[ReadableFile],
    new: Iterable[ReadableFile],
    record_keys: RecordKeys,
    feeds: Collection[str] | None = None,
) -> list[FeedDifferences]:
    """Return what differs in the files of two revisions; nothing for a file that is the same.

    Args:
        old: The files of the old revision.
        new: The files of the new revision.
        record_keys: Feed to what its records are.
        feeds: Only these feeds; None: all.
    """
    pairs = list(_pair_files(list(old), list(new)))
    comparison = _FilesComparison(record_keys)
    return [
        found
        for one, other in pairs
        if feeds is None or _feed_of(one, other) in feeds
        if (found := comparison.compare(one, other, pairs)) is not None
    ]


def _pair_files(old: list[ReadableFile], new: list[ReadableFile]) -> Iterator[_Pair]:
    """Yield the files of both revisions: the same feed in the same version, else the only ones of a feed."""
    left = {file.file_id: file for file in new}
    unpaired = []
    for file in old:
        if file.file_id in left:
            yield file, left.pop(file.file_id)
        else:
            unpaired.append(file)
    for file in unpaired:
        others = [one for one in left.values() if one.data_feed_key == file.data_feed_key]
        is_only = sum(one.data_feed_key == file.data_feed_key for one in unpaired) == len(others) == 1
        yield file, left.pop(others[0].file_id) if is_only else None
    for file in left.values():
        yield None, file


def _feed_of(old: ReadableFile | None, new: ReadableFile | None) -> str:
    file = new or old
    assert file is not None
    return file.data_feed_key


class _FilesComparison:
    """Compares the files of two revisions one by one, and keeps the contents that others refer to."""

    def __init__(self, record_keys: RecordKeys) -> None:
        self._keys = {feed: record_key_of(key) for feed, key in record_keys.items()}
        self._contents: dict[str, JsonValue] = {}

    def compare(
        self, old: ReadableFile | None, new: ReadableFile | None, pairs: Iterable[_Pair]
    ) -> FeedDifferences | None:
        """Return what differs in a file; None: nothing."""
        feed = _feed_of(old, new)
        if old is None or new is None:
            return FeedDifferences(feed, _note_of_one(old, new))
        version = "" if old.file_id == new.file_id else f"version {old.data_spec_version} → {new.data_spec_version}"
        found = self._compare_content(old, new) if old.tag != new.tag else FeedDifferences(feed)
        found.strangers = list(self._find_strangers(feed, pairs))
        found.note = "; ".join(filter(None, (version, found.note)))
        is_same = old.tag == new.tag and not version and not any(one.old != one.new for one in found.strangers)
        return None if is_same else found

    def _compare_content(self, old: ReadableFile, new: ReadableFile) -> FeedDifferences:
        feed = new.data_feed_key
        forms = old.data_serialization_format, new.data_serialization_format
        sizes = f"{size(old.size)} → {size(new.size)}"
        if not (can_be_compared(forms[0]) and can_be_compared(forms[1])) or max(old.size, new.size) > MOST_BYTES:
            return FeedDifferences(feed, f"other bytes, {sizes}")
        if forms[0] != forms[1]:
            return FeedDifferences(feed, f"another format, {forms[0]} → {forms[1]}, {sizes}")
        contents: list[JsonValue] = []
        for file, when in ((old, "before"), (new, "now")):
            try:
                contents.append(self._read(file))
            except TooLarge:
                return FeedDifferences(feed, f"other bytes, {sizes}")
            except Unreadable as error:
                return FeedDifferences(feed, f"not compared, as {when} {error}; other bytes, {sizes}")
        noun = "row" if forms[0].startswith(("csv", "tsv")) else ""
        key = self._keys.get(feed) or RecordKey(noun=noun)
        try:
            return compare_contents(feed, contents[0], contents[1], key)
        except RecursionError:
            return FeedDifferences(feed, f"not compared, as it is nested too deeply; other bytes, {sizes}")

    def _read(self, file: ReadableFile) -> JsonValue:
        if file.tag not in self._contents:
            content = read_content(file.stream, file.data_serialization_format)
            if not self._is_referred_to(file.data_feed_key):
                return content
            self._contents[file.tag] = content
        return self._contents[file.tag]

    def _is_referred_to(self, feed: str) -> bool:
        return any(feed == one or feed in key.refers_to.values() for one, key in self._keys.items() if key.refers_to)

    def _find_strangers(self, feed: str, pairs: Iterable[_Pair]) -> Iterator[Any]:
        """Yield the records of a feed that refer to nothing, if any of the files changed."""
        key = self._keys.get(feed)
        if key is None or not key.refers_to:
            return
        wanted = {feed, *key.refers_to.values()}
        both = [pair for pair in pairs if _feed_of(*pair) in wanted]
        if all(old is not None and new is not None and old.tag == new.tag for old, new in both):
            return
        contents: tuple[dict[str, JsonValue], dict[str, JsonValue]] = ({}, {})
        for pair in both:
            for file, known in zip(pair, contents, strict=True):
                if file is None or file.size > MOST_BYTES or not can_be_compared(file.data_serialization_format):
                    continue
                try:
                    known.setdefault(file.data_feed_key, self._read(file))
                except (TooLarge, Unreadable):
                    continue
        keys: Mapping[str, RecordKey] = {one: self._keys.get(one) or RecordKey("id") for one in wanted}
        yield from find_strangers(feed, keys, *contents)


def _note_of_one(old: ReadableFile | None, new: ReadableFile | None) -> str:
    if new is not None:
        return f"is new ({size(new.size)})"
    assert old is not None
    return f"is gone ({size(old.size)})"
