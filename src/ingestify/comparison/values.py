"""Compares two JSON values. The order of an object's keys is no difference, nor is that of an unordered list."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, cast

from ingestify.comparison.kind import ABSENT
from ingestify.domain.json_value import JsonValue

__all__ = ["FieldChange", "ValueComparison", "canonical", "digest", "find_first", "find_value", "same"]


_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclasses.dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with another value; `ABSENT` where there is none."""

    field: str
    old: JsonValue
    new: JsonValue


class ValueComparison:
    """Compares the values of two records.

    Args:
        unordered: The ways to lists whose order means nothing.
        compare_records: Called with the way to a list, and with the old and the new one; returns whether it compared
            them itself, record by record. None: nothing does.

    Attributes:
        changes: The fields that differ.
        reordered: The ways to unordered lists that stand in another order.
    """

    def __init__(
        self,
        unordered: frozenset[str] = frozenset(),
        compare_records: Callable[[str, list[Any], list[Any]], bool] | None = None,
    ) -> None:
        self._unordered = unordered
        self._compare_records = compare_records
        self.changes: list[FieldChange] = []
        self.reordered: list[str] = []

    def compare(self, old: JsonValue, new: JsonValue, way: str = "") -> None:
        """Compare two values at a way; the results are in the attributes."""
        if isinstance(old, dict) and isinstance(new, dict):
            for key in dict.fromkeys((*old, *new)):
                one, other = old.get(key, ABSENT), new.get(key, ABSENT)
                if not (type(one) is type(other) and type(one) in _PLAIN and one == other):  # most are the same
                    self.compare(one, other, _way_to(way, key))
        elif isinstance(old, list) and isinstance(new, list):
            self._compare_lists(old, new, way)
        elif not same(old, new):
            self.changes.append(FieldChange(way, old, new))

    def _compare_lists(self, old: list[Any], new: list[Any], way: str) -> None:
        if same(old, new):
            return
        if self._compare_records is not None and self._compare_records(way, old, new):
            return
        if way in self._unordered and Counter(map(canonical, old)) == Counter(map(canonical, new)):
            self.reordered.append(way)
        elif len(old) == len(new) and way not in self._unordered and all(map(_holds_values, (*old, *new))):
            for number, (one, other) in enumerate(zip(old, new, strict=True)):
                self.compare(one, other, f"{way}[{number}]")
        else:
            self.changes.append(FieldChange(way, old, new))


def _holds_values(value: JsonValue) -> bool:
    return isinstance(value, (dict, list))


def _way_to(way: str, key: str) -> str:
    if not key or any(one in key for one in ".[]'"):
        return f"{way}[{key!r}]"
    return f"{way}.{key}" if way else key


def find_value(record: JsonValue, way: str) -> JsonValue:
    """Return what a dotted way leads to; None: nothing."""
    for key in way.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return record


def find_first(record: JsonValue, ways: str) -> JsonValue:
    """Return what the first of the ways `one|another` leads to that leads to something; None: nothing."""
    found = (find_value(record, way) for way in ways.split("|") if way)
    return next((value for value in found if value not in (None, "")), None)


def same(old: JsonValue, new: JsonValue) -> bool:
    """Whether two JSON values are equal: 1 and 1.0 are, true and 1 are not."""
    if isinstance(old, dict):
        return isinstance(new, dict) and old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return bool(old == new) or (old != old and new != new)  # not a number


def canonical(value: JsonValue) -> Hashable:
    """Return something that is equal for two JSON values that are `same`, and that can be a key."""
    if isinstance(value, dict):
        return ("{", *((key, canonical(value[key])) for key in sorted(value)))
    if isinstance(value, list):
        return ("[", *map(canonical, value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("nan",) if value != value else int(value) if value.is_integer() else value
    return cast(Hashable, value)


def digest(value: JsonValue) -> bytes:
    """Return a short name of a JSON value, which is equal for two that are `same`."""
    return hashlib.blake2b(repr(canonical(value)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
