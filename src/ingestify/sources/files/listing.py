"""The listing of a location: which files belong to which dataset, and which belong to none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from ingestify.domain.delivery import DeliveredFile, Delivery, SkippedEntry
from ingestify.domain.resource import UnreadableEntry
from ingestify.sources.files import glob
from ingestify.sources.files.settings import FilesDeclaration, NamedPattern, spec_of

__all__ = ["DeliveredDataset", "Listing", "Matched", "Reader"]

Identity: TypeAlias = tuple[str | int, ...]

_SHOWN = 5

_HIDDEN = re.compile(r"(^|/)\.")
# The names that uploads, browsers, editors and office programs give to unfinished and temporary files.
_TEMPORARY = re.compile(
    r"(\.(part|partial|filepart|tmp|temp|crdownload|download|swp|lock)|~)$|(^|/)(~\$|#)[^/]*$", re.IGNORECASE
)
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True)
class Matched:
    """A file whose path matches a pattern.

    Attributes:
        version: Its data_spec_version; None if neither the path nor the settings say it.
        format: Its data_serialization_format.
        pattern: The settings of the pattern.
    """

    file: DeliveredFile
    feed: str
    version: str | None
    format: str
    pattern: NamedPattern


@dataclasses.dataclass(slots=True)
class DeliveredDataset:
    """The files of one dataset."""

    identity: Identity
    files: list[Matched] = dataclasses.field(default_factory=list)

    @property
    def modified_at(self) -> dt.datetime:
        """When the newest of its files was written."""
        return max(matched.file.modified_at for matched in self.files)


@dataclasses.dataclass(slots=True)
class Listing:
    """What is in a location.

    Attributes:
        datasets: By their identity, in the order in which they were found.
        markers: Of each file that marks a dataset as complete: the keys and values of its path.
        unmatched: How many files match no pattern.
        examples: The first of them.
        passed_over: The files that are not read, and why.
        unreadable: The files that would belong to a dataset, but whose path cannot be stored.
    """

    datasets: dict[Identity, DeliveredDataset] = dataclasses.field(default_factory=dict)
    markers: set[frozenset[tuple[str, str | int]]] = dataclasses.field(default_factory=set)
    unmatched: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)
    passed_over: list[SkippedEntry] = dataclasses.field(default_factory=list)
    unreadable: list[UnreadableEntry] = dataclasses.field(default_factory=list)

    @property
    def hidden(self) -> list[SkippedEntry]:
        """The entries that may hide files, so that the listing may not be complete."""
        return [one for one in self.passed_over if one.hides]

    @property
    def warnings(self) -> Iterator[str]:
        """The warnings for people, one line each."""
        if self.unmatched:
            more = f" and {self.unmatched - len(self.examples)} more" if self.unmatched > len(self.examples) else ""
            what = "1 file is" if self.unmatched == 1 else f"{self.unmatched} files are"
            yield f"{what} of no pattern, and not read: {', '.join(self.examples)}{more}."
        by_reason: dict[str, list[str]] = {}
        for one in self.passed_over:
            by_reason.setdefault(one.reason, []).append(_shown(one.path))
        for reason, paths in by_reason.items():
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            yield f"{', '.join(paths[:_SHOWN])}{more}: {reason}."


class Reader:
    """Reads listings of one location. Any thread may use it.

    Args:
        settings: The configuration. Its patterns are parsed here, once.
    """

    def __init__(self, settings: FilesDeclaration) -> None:
        self.keys = settings.identity_keys
        self._patterns = [(settings.parse(one.pattern), one) for one in settings.all_patterns]
        self._marker = None if settings.complete_when is None else settings.parse(settings.complete_when)
        self._is_case_sensitive = settings.case_sensitive
        self._ignore = settings.ignore
        self._whole_numbers = {key for key, kind in settings.types.items() if kind == "int"}

    @property
    def marker_keys(self) -> tuple[str, ...] | None:
        """The fields in the path of the file that marks a dataset as complete; None if there is no such file."""
        return None if self._marker is None else self._marker.fields

    def read(self, delivery: Delivery, selector: Mapping[str, object]) -> Listing:
        """List a location, and find out to which dataset and feed each file belongs.

        Args:
            delivery: The location.
            selector: The wanted values of fields; a folder that cannot have such files is not listed.

        Raises:
            SourceError: The location cannot be read.
        """
        known = {name: str(value) for name, value in selector.items()}
        patterns = [pattern for pattern, _ in self._patterns] + ([self._marker] if self._marker is not None else [])
        listing = Listing()
        for folder in _outermost({pattern.folder_of(known) for pattern in patterns}):
            for found in delivery.iter_files(folder):
                self._take(listing, found)
        return listing

    def is_wanted(self, path: str) -> bool:
        """Whether a file with this path is looked at: it is not hidden, unfinished, or left out by the settings."""
        if _HIDDEN.search(path) or _TEMPORARY.search(path):
            return False
        return not any(glob.matches(one, path) for one in self._ignore)

    def _take(self, listing: Listing, found: DeliveredFile | SkippedEntry) -> None:
        if not self.is_wanted(found.path):
            return
        if isinstance(found, SkippedEntry):
            listing.passed_over.append(found)
        elif _NOT_TEXT.search(found.path):
            self._take_unreadable(listing, found.path)
        elif not self._take_marker(listing, found.path) and not self._take_matched(listing, found):
            listing.unmatched += 1
            if len(listing.examples) < _SHOWN:
                listing.examples.append(_shown(found.path))

    def _take_unreadable(self, listing: Listing, path: str) -> None:
        why = "has a name with characters that are no text (UTF-8)"
        if any(pattern.match(_NOT_TEXT.sub("?", path)) is not None for pattern, _ in self._patterns):
            listing.unreadable.append(UnreadableEntry(_shown(path), f"it {why}"))
        else:
            listing.passed_over.append(SkippedEntry(path, why))

    def _take_marker(self, listing: Listing, path: str) -> bool:
        """Return whether a file marks a dataset as complete."""
        fields = None if self._marker is None else self._marker.match(_composed(path))
        if fields is None:
            return False
        listing.markers.add(frozenset((key, self._typed(key, text)) for key, text in fields.items()))
        return True

    def _take_matched(self, listing: Listing, found: DeliveredFile) -> bool:
        """Return whether a file matches a pattern. The first such pattern counts."""
        path = _composed(found.path)
        for pattern, settings in self._patterns:
            fields = pattern.match(path)
            if fields is None:
                continue
            try:
                identity = tuple(self._typed(key, fields[key]) for key in self.keys)
            except ValueError as error:
                listing.unreadable.append(UnreadableEntry(_shown(found.path), error))
                return True
            feed, version, file_format = spec_of(fields, settings, path)
            feed = feed if self._is_case_sensitive else feed.lower()
            dataset = listing.datasets.setdefault(identity, DeliveredDataset(identity))
            dataset.files.append(Matched(found, feed, version, file_format, settings))
            return True
        return False

    def _typed(self, key: str, text: str) -> str | int:
        return int(text) if key in self._whole_numbers else text


def _composed(path: str) -> str:
    """Return a path in the one spelling that patterns have: macOS writes é as an e with an accent."""
    return unicodedata.normalize("NFC", path)


def _outermost(folders: set[str]) -> list[str]:
    """Return the folders that are not inside another of these folders."""
    return sorted(one for one in folders if not any(other != one and one.startswith(other) for other in folders))


def _shown(path: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in path)
