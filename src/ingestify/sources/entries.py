"""The entries of an index, each by itself: one that cannot be read takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import ConfigurationError, FatalError, SourceError, StopProcessing
from ingestify.masking import mask_text

__all__ = ["LONGEST_NAME", "Found", "Selectors", "are_alike", "distinct", "list_of", "read_each", "read_entries"]

T = TypeVar("T")

MOST_UNREADABLE = 10_000
"""Entries of an index that may fail each by itself: with more of them it is no index, and each is told of and kept."""

Found = DatasetResource | UnreadableEntry
"""What `find_datasets` yields for an entry."""

Selectors = list[dict[str, Any] | UnreadableEntry]
"""What `discover_selectors` returns."""

LONGEST_NAME = 100
"""Of an entry, by its values; what is longer is no name."""


def list_of(entries: object, where: str) -> list[Any]:
    """Return an index as it is.

    Raises:
        SourceError: It is no list.
    """
    if not isinstance(entries, list):
        raise SourceError(
            f"{where} is a JSON {type(entries).__name__}; a list was expected. Is base_url the data root?"
        )
    return entries


def read_entries(
    entries: object,
    where: str,
    name: str,
    keys: Sequence[str],
    read: Callable[[dict[str, Any]], T],
    wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
    *,
    number: int = 0,
) -> list[T | UnreadableEntry]:
    """Return what the entries of an index are read as, and an `UnreadableEntry` for each that cannot be read.

    Args:
        entries: The index, which is to be a list of objects.
        where: What it is, for people: its URL, or `season 90 of competition 11`.
        name: What an entry is called by its values, such as `match {match_id}`.
        keys: What each entry must have, and not as null.
        read: Reads an entry that has them. What it raises is of that entry.
        wanted: Whether an entry is asked for, looked at before anything else is asked of it.
        number: The first one's, where these are a part of an index.

    Raises:
        SourceError: The index is no list.
        ConfigurationError: `read` says that it is not the entry that is wrong.
    """

    def read_one(entry: Any) -> T | None:
        if not isinstance(entry, dict):
            raise SourceError(f"it is {'null' if entry is None else f'a JSON {type(entry).__name__}'}, and no object")
        if not wanted(entry):
            return None
        if missing := [key for key in keys if entry.get(key) is None]:
            raise SourceError(f"it has no {', '.join(missing)}")
        return read(entry)

    def call_it(at: int, entry: Any) -> str:
        return _name(name, entry) or f"entry {number + at} of {mask_text(where)}"

    return list(read_each(list_of(entries, where), read_one, call_it))


def read_each(
    entries: Iterable[Any], read: Callable[[Any], T | None], name: Callable[[int, Any], str]
) -> Iterator[T | UnreadableEntry]:
    """Yield what each entry is read as; None is left out, and what `read` raises is of that entry.

    Args:
        name: What to call an entry that cannot be read, by its number from 0, and itself.

    Raises:
        SourceError: More than 10,000 of them cannot be read.
    """
    unreadable = 0
    for number, entry in enumerate(entries):
        try:
            found = read(entry)
        except (ConfigurationError, FatalError, StopProcessing):
            raise
        except Exception as error:
            # A provider may send anything, and it is to cost one entry.
            unreadable += 1
            if unreadable > MOST_UNREADABLE:
                raise SourceError(
                    f"More than {MOST_UNREADABLE:,} entries of an index cannot be read, the last of them "
                    f"{name(number, entry)}: {error}. Is it the index, and does the source fit the provider's format?"
                ) from error
            yield UnreadableEntry(name(number, entry), error)
        else:
            if found is not None:
                yield found


def distinct(selectors: Selectors) -> Selectors:
    """Return the selectors that a list of matches shows, each once.

    What cannot be read of that list is told of by whoever lists a selector; here only if there is none.
    """
    readable: dict[str, dict[str, Any] | UnreadableEntry] = {}
    for one in selectors:
        if not isinstance(one, UnreadableEntry):
            readable.setdefault(repr([(key, one[key]) for key in one if not key.startswith("_")]), one)
    return list(readable.values()) or selectors


def are_alike(ids: Iterable[object]) -> bool:
    """Whether two of these ids are the same: then their entries belong into one list, of which one counts."""
    texts = [str(one) for one in ids if one is not None]
    return len(set(texts)) < len(texts)


def _name(name: str, entry: object) -> str | None:
    """Return what an entry is called by its values, if it has them."""
    if not isinstance(entry, Mapping):
        return None
    try:
        text = name.format_map(_Named(entry))
    except (KeyError, ValueError):
        return None
    return text if len(text) <= LONGEST_NAME else None


class _Named(dict[str, object]):
    """The values of an entry that can name it: numbers and texts."""

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
            raise KeyError(key)
        return value
