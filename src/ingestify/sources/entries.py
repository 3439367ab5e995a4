"""Reads the entries of an index one by one, so that an unreadable entry costs no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import ConfigurationError, FatalError, SourceError, StopProcessing
from ingestify.masking import mask_text

__all__ = [
    "LONGEST_NAME",
    "Found",
    "Selectors",
    "are_alike",
    "distinct",
    "list_of",
    "read_each",
    "read_entries",
    "read_lists",
]

T = TypeVar("T")

MOST_UNREADABLE = 10_000
"""The most unreadable entries of one index. Each is reported and stored, and with more it is probably no index."""

Found = DatasetResource | UnreadableEntry
"""The result of `find_datasets` for one entry."""

Selectors = list[dict[str, Any] | UnreadableEntry]
"""The result of `discover_selectors`."""

_LIST_SIZE = 500
"""How many entries are in memory at once, a few times. A run looks up so many datasets in one query."""

LONGEST_NAME = 100
"""The most characters of an entry's name that is made of its values."""


def list_of(entries: object, where: str) -> list[Any]:
    """Return an index, which must be a list.

    Args:
        entries: The JSON value.
        where: Its URL or name, for the error.

    Raises:
        SourceError: It is no list.
    """
    return list(_sequence_of(entries, where))


def _sequence_of(entries: object, where: str) -> Sequence[Any]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
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
    unreadable: int = 0,
) -> list[T | UnreadableEntry]:
    """Return the result of `read` for each entry of an index, and an `UnreadableEntry` where `read` fails.

    Args:
        entries: The index, a list of objects.
        where: The index's name for people: its URL, or `season 90 of competition 11`.
        name: A template of an entry's name, such as `match {match_id}`.
        keys: The keys that each entry must have, with a value that is not null.
        read: Called with each wanted entry that has the keys. Its error fails that entry alone.
        wanted: Whether an entry is wanted. It is called first, and an unwanted entry may have any fault.
        number: The number of the first entry, where these entries are a part of an index.
        unreadable: How many entries before the first one cannot be read.

    Raises:
        SourceError: The index is no list.
        ConfigurationError: Raised by `read`: the settings are wrong, and not the entry.
    """

    def read_one(entry: Any) -> T | None:
        if not isinstance(entry, dict):
            raise SourceError(f"it is {'null' if entry is None else f'a JSON {type(entry).__name__}'}, and no object")
        if not wanted(entry):
            return None
        if missing := [key for key in keys if entry.get(key) is None]:
            raise SourceError(f"it has no {', '.join(missing)}")
        return read(entry)

    def name_of(at: int, entry: Any) -> str:
        return _name(name, entry) or f"entry {number + at} of {mask_text(where)}"

    return list(read_each(list_of(entries, where), read_one, name_of, unreadable))


def read_lists(
    entries: object,
    where: str,
    name: str,
    keys: Sequence[str],
    read: Callable[[dict[str, Any]], T],
    wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
    *,
    id_key: str,
    first: int,
) -> Iterator[list[T | UnreadableEntry]]:
    """Yield what `read_entries` returns in lists: first a few, then 500 at a time, so that memory stays flat.

    The first datasets are fetched while the others are made. A dataset that is listed twice needs one list, in which
    the run finds the duplicate, so there are no few first ones if one is among the first 500.

    Args:
        entries: The index, as a list or as `HttpClientPort.get_entries` returns it.
        where: See `read_entries`.
        name: See there.
        keys: See there.
        read: See there.
        wanted: See there.
        id_key: The key of an entry's id.
        first: How many entries the first list has.

    Raises:
        SourceError: See there.
        ConfigurationError: See there.
    """
    number = unreadable = 0
    for several in _lists_of(_sequence_of(entries, where), id_key, first):
        found = read_entries(several, where, name, keys, read, wanted, number=number, unreadable=unreadable)
        yield found
        unreadable += sum(isinstance(one, UnreadableEntry) for one in found)
        number += len(several)


def _lists_of(index: Sequence[Any], id_key: str, first: int) -> Iterator[Sequence[Any]]:
    """Yield an index in lists. Each entry is asked for once, as that may read it."""
    begin = list(index[:_LIST_SIZE])
    if begin and not are_alike(entry.get(id_key) for entry in begin if isinstance(entry, dict)):
        yield begin[:first]
        del begin[:first]
    if begin:
        yield begin
    for number in range(_LIST_SIZE, len(index), _LIST_SIZE):
        yield index[number : number + _LIST_SIZE]


def read_each(
    entries: Iterable[Any],
    read: Callable[[Any], T | None],
    name: Callable[[int, Any], str],
    unreadable: int = 0,
) -> Iterator[T | UnreadableEntry]:
    """Yield the result of `read` for each entry, without those that are None.

    Args:
        entries: The entries.
        read: Its error fails that entry alone.
        name: Called with the number (from 0) and an unreadable entry; returns its name for people.
        unreadable: How many entries of the same index before these cannot be read.

    Raises:
        SourceError: More than 10,000 entries cannot be read.
    """
    for number, entry in enumerate(entries):
        try:
            found = read(entry)
        except (ConfigurationError, FatalError, StopProcessing):
            raise
        except Exception as error:
            # A provider may send anything, and that must cost one entry only.
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
    """Return the selectors of a list of matches, each once.

    Unreadable matches are left out: the discovery of each selector reports them. They are kept if no match is readable.
    """
    readable: dict[str, dict[str, Any] | UnreadableEntry] = {}
    for one in selectors:
        if not isinstance(one, UnreadableEntry):
            readable.setdefault(repr([(key, one[key]) for key in one if not key.startswith("_")]), one)
    return list(readable.values()) or selectors


def are_alike(ids: Iterable[object]) -> bool:
    """Return whether two of these ids are the same. Then their entries must be yielded in one list."""
    texts = [str(one) for one in ids if one is not None]
    return len(set(texts)) < len(texts)


def _name(name: str, entry: object) -> str | None:
    """Return an entry's name by its values, if it has these."""
    if not isinstance(entry, Mapping):
        return None
    try:
        text = name.format_map(_Named(entry))
    except (KeyError, ValueError):
        return None
    return text if len(text) <= LONGEST_NAME else None


class _Named(dict[str, object]):
    """The values of an entry that can be part of its name: numbers and texts."""

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
            raise KeyError(key)
        return value
