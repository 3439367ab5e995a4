"""Finds out which record of a list is which of another one: by key, by what a new key left the same, or by content."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ingestify.comparison.values import canonical, digest, find_value, same
from ingestify.domain.json_value import JsonValue
from ingestify.domain.record_key import RecordKey

__all__ = ["Matching", "find_usual_key", "match_records"]

Pair = tuple[int, int]

_USUAL_KEYS = ("id", "uuid", "event_id")
"""The ways to a key that are tried where none is declared."""

_NEIGHBOURS = 8
"""How many records between two neighbours are looked at for one that was edited."""

_TEXT = re.compile(r'"([^"\\]+)"')


@dataclasses.dataclass(frozen=True, slots=True)
class Matching:
    """The records of two lists, by their places.

    Attributes:
        key: The way to the key that was used; empty: the content.
        pairs: Records under the same key, or of the same content or place; in the order of the old list.
        rekeyed: Records that are there under another key, likewise.
        removed: Places in the old list.
        added: Places in the new list.
        moved: The pairs, of either kind, that stand at another place among the others.
    """

    key: str
    pairs: list[Pair]
    rekeyed: list[Pair]
    removed: list[int]
    added: list[int]
    moved: list[Pair]


def match_records(old: Sequence[JsonValue], new: Sequence[JsonValue], key: RecordKey) -> Matching:
    """Match the records of two lists.

    Of several records with the same key or content, the first is the first, and so on.
    """
    way = _find_key(old, new, key)

    def name(record: JsonValue) -> Hashable:
        return canonical(find_value(record, way)) if way else digest(_without(record, key.counted_by))

    pairs, removed, added = _pair(enumerate(map(name, old)), enumerate(map(name, new)))
    rekeyed: list[Pair] = []
    if removed and added:
        if way:
            rekeyed, removed, added = _pair_without_key(old, new, way, key.pairs_by, removed, added)
        else:
            edited, removed, added = _pair_by_place(old, new, pairs, removed, added)
            pairs = sorted([*pairs, *edited])
    moved = _find_moved(sorted([*pairs, *rekeyed])) if key.is_ordered else []
    return Matching(way, pairs, rekeyed, removed, added, moved)


def _find_key(old: Sequence[JsonValue], new: Sequence[JsonValue], key: RecordKey) -> str:
    """Return the way to the key of the records; empty: they have none."""
    both = [*old, *new]
    if key.key:
        named = sum(find_value(one, key.key) is not None for one in both)
        return key.key if named * 2 >= len(both) else ""
    return find_usual_key(old, new)


def find_usual_key(old: Sequence[JsonValue], new: Sequence[JsonValue]) -> str:
    """Return the way to a key that is not declared, `id`, in lists whose entries all have one; empty: there is none."""
    if not all(isinstance(one, dict) for one in (*old, *new)):
        return ""
    return next((way for way in _USUAL_KEYS if _is_unique(old, way) and _is_unique(new, way)), "")


def _is_unique(records: Sequence[Any], way: str) -> bool:
    values = [record.get(way) for record in records]
    return all(isinstance(one, (str, int)) and one != "" for one in values) and len(set(values)) == len(values)


def _pair(
    old: Iterable[tuple[int, Hashable]], new: Iterable[tuple[int, Hashable]]
) -> tuple[list[Pair], list[int], list[int]]:
    """Return pairs of the same name, and the places without one."""
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, name in new:
        places[name].append(place)
    for found in places.values():
        found.reverse()
    pairs, removed = [], []
    for place, name in old:
        if found := places.get(name, []):
            pairs.append((place, found.pop()))
        else:
            removed.append(place)
    return pairs, removed, sorted(place for found in places.values() for place in found)


def _pair_without_key(
    old: Sequence[JsonValue],
    new: Sequence[JsonValue],
    way: str,
    pairs_by: Sequence[str],
    removed: list[int],
    added: list[int],
) -> tuple[list[Pair], list[int], list[int]]:
    """Return pairs of records that have in common what names them beside the key, or else all but the key."""
    rekeyed: list[Pair] = []
    namings: list[tuple[Callable[[JsonValue], Hashable], Callable[[JsonValue], Hashable]]] = []
    if pairs_by:

        def named(record: JsonValue) -> Hashable:
            values = [find_value(record, one) for one in pairs_by]
            return canonical(record) if all(value is None for value in values) else canonical(values)

        namings.append((named, named))
    namings.append((_masked(old, removed, way), _masked(new, added, way)))
    for name_old, name_new in namings:
        found, removed, added = _pair(
            ((place, name_old(old[place])) for place in removed), ((place, name_new(new[place])) for place in added)
        )
        rekeyed += found
    return sorted(rekeyed), removed, added


def _masked(records: Sequence[JsonValue], places: Iterable[int], way: str) -> Callable[[JsonValue], Hashable]:
    """Return a function that writes a record without its key, and without the keys of others in its fields."""
    keys = {find_value(records[place], way) for place in places if isinstance(find_value(records[place], way), str)}

    def text_of(record: JsonValue) -> Hashable:
        rest = _without(record, way) or record  # what is nothing but a key has nothing in common with others
        text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
        return _TEXT.sub(lambda found: '"?"' if found[1] in keys else found[0], text)

    return text_of


def _without(record: JsonValue, name: str) -> JsonValue:
    if not name or not isinstance(record, Mapping) or name not in record:
        return record
    return {one: value for one, value in record.items() if one != name}


def _pair_by_place(
    old: Sequence[JsonValue], new: Sequence[JsonValue], pairs: list[Pair], removed: list[int], added: list[int]
) -> tuple[list[Pair], list[int], list[int]]:
    """Return pairs of records between the same neighbours that differ in a quarter of their fields, or in one."""
    moved = set(_find_moved(pairs))
    still = [pair for pair in pairs if pair not in moved]
    gaps: defaultdict[int, deque[int]] = defaultdict(deque)
    for place in added:
        gaps[_gap(still, place, 1)].append(place)
    edited, left = [], []
    for place in removed:
        there = gaps[_gap(still, place, 0)]
        other = next((one for one in itertools.islice(there, _NEIGHBOURS) if _are_alike(old[place], new[one])), None)
        if other is None:
            left.append(place)
        else:
            there.remove(other)
            edited.append((place, other))
    return edited, left, sorted(place for there in gaps.values() for place in there)


def _gap(pairs: Sequence[Pair], place: int, side: int) -> int:
    return bisect.bisect(pairs, place, key=lambda pair: pair[side])


def _are_alike(old: JsonValue, new: JsonValue) -> bool:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    names = old.keys() | new.keys()
    most = max(1, len(names) // 4)
    differing = 0
    for name in names:
        differing += not (name in old and name in new and same(old[name], new[name]))
        if differing > most:
            return False
    return True


def _find_moved(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the fewest pairs without which the others stand in the same order in both lists."""
    ends: list[int] = []  # the least last place of a rising run of each length
    pair_at: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect.bisect_left(ends, place)
        ends[length : length + 1] = [place]
        pair_at[length : length + 1] = [number]
        before.append(pair_at[length - 1] if length else -1)
    still = set()
    number = pair_at[-1] if pair_at else -1
    while number >= 0:
        still.add(number)
        number = before[number]
    return [pair for number, pair in enumerate(pairs) if number not in still]
