"""A location as it is listed: which files belong to which dataset, and what belongs to none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from ingestify.domain.delivery import DeliveredFile, Delivery, PassedOver
from ingestify.domain.resource import UnreadableEntry
from ingestify.sources.files import glob
from ingestify.sources.files.settings import FilesDeclaration, NamedPattern, spec_of

__all__ = ["DeliveredDataset", "Listing", "Matched", "Reader"]

Identity: TypeAlias = tuple[str | int, ...]

_SHOWN = 5

_HIDDEN = re.compile(r"(^|/)\.")
# What uploads, browsers, editors and office programs call a file that is not there yet, or no longer.
_TEMPORARY = re.compile(
    r"(\.(part|partial|filepart|tmp|temp|crdownload|download|swp|lock)|~)$|(^|/)(~\$|#)[^/]*$", re.IGNORECASE
)
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True)
class Matched:
    """A file that is of a pattern.

    Attributes:
        version: Its data_spec_version; None if nobody says.
        said: The pattern, with what it says besides.
    """

    file: DeliveredFile
    feed: str
    version: str | None
    form: str
    said: NamedPattern


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
        markers: The fields' texts of each file that says that a dataset is complete.
        unmatched: How many files are of no pattern.
        examples: The first of them.
        passed_over: What is not read, and why.
        unreadable: What would be of a dataset if its path were text that can be stored.
    """

    datasets: dict[Identity, DeliveredDataset] = dataclasses.field(default_factory=dict)
    markers: set[frozenset[tuple[str, str | int]]] = dataclasses.field(default_factory=set)
    unmatched: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)
    passed_over: list[PassedOver] = dataclasses.field(default_factory=list)
    unreadable: list[UnreadableEntry] = dataclasses.field(default_factory=list)

    @property
    def hidden(self) -> list[PassedOver]:
        """What may hide files, so that the listing is not whole."""
        return [one for one in self.passed_over if one.hides]

    @property
    def warnings(self) -> Iterator[str]:
        """What somebody should look at, a line each."""
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
        said: The configuration, of which all patterns are read here, once.
    """

    def __init__(self, said: FilesDeclaration) -> None:
        self.keys = said.identity_keys
        self._patterns = [(said.read(one.pattern), one) for one in said.all_patterns]
        self._marker = None if said.complete_when is None else said.read(said.complete_when)
        self._is_case_sensitive = said.case_sensitive
        self._ignore = said.ignore
        self._whole_numbers = {key for key, kind in said.types.items() if kind == "int"}

    @property
    def marker_keys(self) -> tuple[str, ...] | None:
        """The fields of the file that says that a dataset is complete; None if there is none such."""
        return None if self._marker is None else self._marker.fields

    def read(self, delivery: Delivery, selector: Mapping[str, object]) -> Listing:
        """List a location, and find out what each file is.

        Args:
            selector: Texts of fields that are wanted; folders that cannot have them are not listed.

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

    def _take(self, listing: Listing, found: DeliveredFile | PassedOver) -> None:
        if _HIDDEN.search(found.path) or _TEMPORARY.search(found.path):
            return
        if any(glob.matches(one, found.path) for one in self._ignore):
            return
        if isinstance(found, PassedOver):
            listing.passed_over.append(found)
            return
        if _NO_TEXT.search(found.path):
            why = "has a name with characters that are no text (UTF-8)"
            if any(pattern.match(_NO_TEXT.sub("?", found.path)) is not None for pattern, _ in self._patterns):
                listing.unreadable.append(UnreadableEntry(_shown(found.path), f"it {why}"))
            else:
                listing.passed_over.append(PassedOver(found.path, why))
            return
        # The same name may be spelt in two ways (é as one character, or as e with an accent): macOS does so.
        path = unicodedata.normalize("NFC", found.path)
        if self._marker is not None and (fields := self._marker.match(path)) is not None:
            listing.markers.add(frozenset((key, self._typed(key, text)) for key, text in fields.items()))
            return
        for pattern, said in self._patterns:
            fields = pattern.match(path)
            if fields is not None:
                try:
                    identity = tuple(self._typed(key, fields[key]) for key in self.keys)
                except ValueError as error:
                    listing.unreadable.append(UnreadableEntry(_shown(found.path), error))
                    return
                feed, version, form = spec_of(fields, said, path)
                feed = feed if self._is_case_sensitive else feed.lower()
                dataset = listing.datasets.setdefault(identity, DeliveredDataset(identity))
                dataset.files.append(Matched(found, feed, version, form, said))
                return
        listing.unmatched += 1
        if len(listing.examples) < _SHOWN:
            listing.examples.append(_shown(found.path))

    def _typed(self, key: str, text: str) -> str | int:
        return int(text) if key in self._whole_numbers else text


def _outermost(folders: set[str]) -> list[str]:
    """Return those folders that are not in another one of them."""
    return sorted(one for one in folders if not any(other != one and one.startswith(other) for other in folders))


def _shown(path: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in path)
