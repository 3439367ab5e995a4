"""Compares two lists of records, or two objects, by the description of their records."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from ingestify.comparison.difference import (
    Difference,
    FeedDifferences,
    Rekeying,
    Reordering,
)
from ingestify.comparison.kind import DifferenceKind
from ingestify.comparison.matching import Matching, find_usual_key, match_records
from ingestify.comparison.values import FieldChange, ValueComparison, find_first, find_value
from ingestify.domain.json_value import JsonValue
from ingestify.domain.record_key import RecordKey, record_key_of
from ingestify.domain.wording import in_short

__all__ = ["RecordChange", "RecordChanges", "compare_contents", "find_record_changes"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where records are: the keys of the records that they are in, and the way to their list, ending in `[*].`."""

    keys: tuple[JsonValue, ...]
    way: str


_NOWHERE = _Place((), "")

_MANY = 20
"""A list of so many objects without keys is compared by content; a shorter one, entry by entry."""

_MOST_DIGITS = 18

_NO_COUNTERPART = "(a record without a counterpart)"


def compare_contents(feed: str, old: JsonValue, new: JsonValue, key: RecordKey) -> FeedDifferences:
    """Return what differs in two contents of a feed.

    Args:
        feed: The feed's name.
        old: A list of records, or an object, as JSON values.
        new: The same of the later revision.
        key: What the records of the feed are.
    """
    comparison = _FeedComparison(FeedDifferences(feed))
    if isinstance(old, list) and isinstance(new, list):
        comparison.compare_lists(old, new, key, _NOWHERE)
    else:
        whole = RecordKey(lists={key.at: dataclasses.replace(key, at="")}) if key.at else key
        comparison.compare_records(old, new, whole, _NOWHERE, None)
    return comparison.end(key)


@dataclasses.dataclass(frozen=True, slots=True)
class RecordChange:
    """A record that came, went, or is another one now.

    Attributes:
        kind: ADDED, CHANGED or REMOVED.
        place: The place of the record in the new list, from 0; of one that was removed, in the old list.
        record: The record; as it last was, if it was removed.
        previous: The old record of one that changed, with the new keys of records; else None.
    """

    kind: DifferenceKind
    place: int
    record: JsonValue
    previous: JsonValue = None


@dataclasses.dataclass(frozen=True, slots=True)
class RecordChanges:
    """What became of the records of a list. What moved, and what only has another key, is no change.

    Attributes:
        new_keys: The old and the new key of each record that has another one.
        changes: Removed ones first, by their old places; then the others, by their places in the new list.
    """

    new_keys: list[tuple[JsonValue, JsonValue]]
    changes: list[RecordChange]


def find_record_changes(old: list[JsonValue], new: list[JsonValue], key: RecordKey) -> RecordChanges:
    """Return what became of whole records.

    Args:
        old: The records.
        new: Those of the later revision.
        key: What they are.
    """
    matching = match_records(old, new, key)
    differing = _FeedComparison(FeedDifferences("")).compare_pairs(old, new, key, _NOWHERE, matching)
    new_keys = [tuple(find_value(r, matching.key) for r in (old[one], new[other])) for one, other in matching.rekeyed]
    names = {was: now for was, now in new_keys if isinstance(was, str) and isinstance(now, str)}
    changed = [
        RecordChange(DifferenceKind.CHANGED, other, new[other], _renamed(old[one], names) if names else old[one])
        for one, other in differing
    ]
    added = [RecordChange(DifferenceKind.ADDED, place, new[place]) for place in matching.added]
    removed = [RecordChange(DifferenceKind.REMOVED, place, old[place]) for place in matching.removed]
    return RecordChanges(new_keys, removed + sorted([*changed, *added], key=lambda one: one.place))


class _FeedComparison:
    """Collects the differences of one feed. The lists in the records of a list are compared likewise, with their keys.

    Args:
        found: What was found, which it fills.
    """

    def __init__(self, found: FeedDifferences) -> None:
        self._found = found
        self._reordered: Counter[tuple[str, str]] = Counter()

    def end(self, key: RecordKey) -> FeedDifferences:
        """Return what was found."""
        self._found.noun = key.noun
        self._found.labels = dict(_labels(key))
        self._found.reorderings = [Reordering(*which, count) for which, count in self._reordered.items()]
        order = list(DifferenceKind)
        self._found.differences.sort(key=lambda one: order.index(one.kind))
        return self._found

    def compare_lists(self, old: list[Any], new: list[Any], key: RecordKey, within: _Place) -> None:
        """Compare two lists of records."""
        matching = match_records(old, new, key)
        differing = len(self.compare_pairs(old, new, key, within, matching) & set(matching.rekeyed))
        for one, other in matching.rekeyed:
            change = FieldChange(matching.key, *(find_value(r, matching.key) for r in (old[one], new[other])))
            self._add(DifferenceKind.REKEYED, new[other], key, _place_of(new[other], matching, within), other, change)
        for kind, record, place, change in _iter_whole(old, new, matching):
            self._add(kind, record, key, _place_of(record, matching, within), place, change)
        if matching.rekeyed:
            renamed = len(matching.rekeyed) + len(matching.added)
            self._found.rekeyings.append(
                Rekeying(
                    key.noun, matching.key, len(new), renamed, len(matching.rekeyed), differing, tuple(key.pairs_by)
                )
            )

    def compare_pairs(
        self, old: list[Any], new: list[Any], key: RecordKey, within: _Place, matching: Matching
    ) -> set[tuple[int, int]]:
        """Compare the records of two lists that are the same ones, and return the pairs that differ."""
        shift_old, shift_new = _shifts(matching.removed, len(old)), _shifts(matching.added, len(new))
        old_then, new_then = old, new
        if matching.rekeyed:
            old_then, new_then = _with_common_keys(old, new, matching)
        differing = set()
        for is_rekeyed, pairs in ((False, matching.pairs), (True, matching.rekeyed)):
            for one, other in pairs:
                ignored = {matching.key} if is_rekeyed else set()
                shift = shift_new[other] - shift_old[one]
                if key.counted_by and _is_shifted(old[one], new[other], key.counted_by, shift):
                    ignored.add(key.counted_by)
                there = _place_of(new[other], matching, within)
                if self.compare_records(old_then[one], new_then[other], key, there, other, ignored):
                    differing.add((one, other))
        return differing

    def compare_records(
        self,
        old: JsonValue,
        new: JsonValue,
        key: RecordKey,
        within: _Place,
        place: int | None,
        ignored: set[str] | frozenset[str] = frozenset(),
    ) -> bool:
        """Compare two records, and return whether they differ in more than the order of lists."""
        if old == new and repr(old) == repr(new):  # quick, and the usual case
            return False
        before = len(self._found.differences)

        def compare_inner(way: str, one: list[Any], other: list[Any]) -> bool:
            inner = _key_of_list(way, one, other, key)
            if inner is not None:
                self.compare_lists(one, other, inner, _Place(within.keys, f"{within.way}{way}[*]."))
            return inner is not None

        values = ValueComparison(frozenset(key.unordered), compare_inner)
        values.compare(old, new)
        for change in values.changes:
            if change.field not in ignored:
                self._add(DifferenceKind.CHANGED, new, key, within, place, change)
        self._reordered.update((_noun_of(new, key), way) for way in values.reordered)
        return len(self._found.differences) > before

    def _add(
        self,
        kind: DifferenceKind,
        record: JsonValue,
        key: RecordKey,
        within: _Place,
        place: int | None,
        change: FieldChange,
    ) -> None:
        who = find_first(record, key.who)
        minute = key.minute(record) if key.minute is not None and isinstance(record, Mapping) else None
        self._found.differences.append(
            Difference(
                self._found.feed,
                kind,
                within.keys,
                place,
                _noun_of(record, key),
                in_short(who) if isinstance(who, (str, int)) else "",
                minute or "",
                (within.way + change.field).rstrip("."),
                change.old,
                change.new,
            )
        )


def _place_of(record: JsonValue, matching: Matching, within: _Place) -> _Place:
    return _Place((*within.keys, find_value(record, matching.key)), within.way) if matching.key else within


def _iter_whole(
    old: list[Any], new: list[Any], matching: Matching
) -> Iterator[tuple[DifferenceKind, JsonValue, int, FieldChange]]:
    """Yield what became of whole records: kind, record, place, and what was and is there."""
    for one, other in matching.moved:
        yield DifferenceKind.MOVED, new[other], other, FieldChange("", one, other)
    for place in matching.removed:
        yield DifferenceKind.REMOVED, old[place], place, FieldChange("", old[place], None)
    for place in matching.added:
        yield DifferenceKind.ADDED, new[place], place, FieldChange("", None, new[place])


def _key_of_list(way: str, old: list[Any], new: list[Any], key: RecordKey) -> RecordKey | None:
    """Return what the entries of a list in a record are; None: no records."""
    if way in key.lists:
        return record_key_of(key.lists[way])
    if way in key.unordered or not (old and new and all(isinstance(one, dict) for one in (*old, *new))):
        return None
    if find_usual_key(old, new) or max(len(old), len(new)) >= _MANY:
        name = way.rpartition(".")[2]
        return RecordKey(noun=name.removesuffix("s").replace("_", " ").lower())
    return None


def _noun_of(record: JsonValue, key: RecordKey) -> str:
    kind = find_first(record, key.kind)
    return in_short(kind) if isinstance(kind, str) else key.noun


def _labels(key: RecordKey) -> Mapping[str, str]:
    """Return what people call the fields of records, and of the records in their lists."""
    labels: dict[str, str] = {}
    for inner in key.lists.values():
        labels.update(_labels(record_key_of(inner)))
    return {**labels, **key.names}


def _shifts(places: Sequence[int], count: int) -> list[int]:
    """Return for each place how many of some places are before it."""
    there = [0] * (count + 1)
    for place in places:
        there[place + 1] = 1
    return list(accumulate(there))


def _is_shifted(old: JsonValue, new: JsonValue, way: str, shift: int) -> bool:
    """Whether a number that counts records changed only because there are more or fewer records before it."""
    was, now = (str(find_value(record, way)) for record in (old, new))
    return all(one.isdecimal() and len(one) <= _MOST_DIGITS for one in (was, now)) and int(now) - int(was) == shift


def _with_common_keys(old: list[Any], new: list[Any], matching: Matching) -> tuple[list[Any], list[Any]]:
    """Return both lists with the new keys, wherever a record names another one. Of numbers, that is not known."""
    names: dict[str, str] = {}
    gone_new: dict[str, str] = {}
    for one, other in matching.rekeyed:
        was, now = find_value(old[one], matching.key), find_value(new[other], matching.key)
        if isinstance(was, str) and isinstance(now, str):
            names[was] = now
    for places, records, known in ((matching.removed, old, names), (matching.added, new, gone_new)):
        for place in places:
            gone = find_value(records[place], matching.key)
            if isinstance(gone, str):
                known[gone] = _NO_COUNTERPART
    return (_renamed(old, names) if names else old), (_renamed(new, gone_new) if gone_new else new)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _renamed(one, names) for key, one in value.items()}
    return value
