"""Checks the files of a dataset by its format: each file is its feed, all are of one match, and no part is missing.

kloppy does not check this: with the line-ups of another match, or without a minute, it still returns an object.
"""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from ingestify.checks.problem import excerpt
from ingestify.domain.bundle_check import Bundle, BundleCheck, BundleFile
from ingestify.provider_formats.provider_format import FormatFeed, ProviderFormat

__all__ = ["FormatCheck"]

_FIRST_BYTES = 1 << 20
"""The length of a file's beginning, which mostly has the mark and the match."""

_MOST_BYTES = 1 << 26
"""The most bytes that are read. A larger file without the mark passes."""


class FormatCheck(BundleCheck):
    """Each file is its feed, all files are of one match, and no part is missing."""

    def __init__(self, provider_format: ProviderFormat) -> None:
        super().__init__()
        self._format = provider_format
        self.provider, self.dataset_type = provider_format.name, provider_format.dataset_type

    def find_problems(self, bundle: Bundle) -> Iterator[str]:
        """Yield each disagreement. A feed that the bundle lacks is not checked."""
        matches: dict[str, list[str]] = {}
        for feed in self._format.feeds:
            for name in feed.find_names(bundle.feeds):
                file = bundle.get_file(name)
                problem, match_id = _check_file(file, feed)
                if problem:
                    yield f"{file.file_id} is not what the feed '{feed.name}' of {self._format.name} is: {problem}"
                elif match_id:
                    matches.setdefault(match_id, []).append(file.file_id)
        if len(matches) > 1:
            of_each = "; ".join(f"{', '.join(names[:3])} of {match_id}" for match_id, names in matches.items())
            yield f"its files are of several matches: {of_each}"
        yield from self._check_parts(bundle)

    def _check_parts(self, bundle: Bundle) -> Iterator[str]:
        """Yield the missing parts: those that another feed has, and those between two parts."""
        of_feeds = {
            feed.name: {feed.part_of(name) for name in feed.find_names(bundle.feeds)}
            for feed in self._format.feeds
            if feed.has_parts
        }
        if not bundle.state.is_complete or not of_feeds:
            return  # an incomplete dataset may get more parts
        everything = set().union(*of_feeds.values())
        expected = everything | set(_between(everything))
        for name, parts in of_feeds.items():
            if missing := sorted(expected - parts):
                more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
                shown = ", ".join(f"{name}-{part}" if part else name for part in missing[:5])
                yield f"of the feed '{name}' there is no {shown}{more}"


def _between(parts: Iterable[str]) -> Iterator[str]:
    """Yield `1-2` where there are `1-1` and `1-3`."""
    numbers: dict[str, set[int]] = {}
    for part in parts:
        before, hyphen, number = part.rpartition("-")
        if number.isascii() and number.isdigit() and number == str(int(number)):
            numbers.setdefault(before + hyphen, set()).add(int(number))
    for before, there in numbers.items():
        if max(there) - min(there) < 1000:  # larger gaps mean that the numbers are no parts
            yield from (f"{before}{number}" for number in range(min(there), max(there)))


def _check_file(file: BundleFile, feed: FormatFeed) -> tuple[str, str]:
    """Return why a file is not this feed, and the match that it names; each empty if there is nothing."""
    if not feed.mark:
        return "", ""
    stream = file.stream
    content = stream.read(_FIRST_BYTES)
    if content.startswith((b"BZh", b"\xfd7zXZ")):
        return "", ""
    if content.startswith(b"\x1f\x8b"):  # kloppy decompresses it likewise
        stream.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        content = stream.read(_FIRST_BYTES)
    text = _text_of(content)
    if not re.search(feed.mark, text) and len(content) == _FIRST_BYTES:
        content += stream.read(_MOST_BYTES)
        text = _text_of(content)
    if not re.search(feed.mark, text):
        return ("", "") if len(content) > _MOST_BYTES else (f"it begins {excerpt(text)}", "")
    found = re.search(feed.match_id, text) if feed.match_id else None
    return "", "" if found is None else next(one for one in found.groups() if one)


def _text_of(content: bytes) -> str:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")
