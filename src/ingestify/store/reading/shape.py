"""The shape of JSON values: which types stand at which place, and what they become in a column of one type.

A column has one type. Values of several types become text: a text stays as it is, and any other value becomes JSON.
Whole numbers become floats beside fractions, if a float holds each of them exactly; otherwise they become text too.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["EXACT", "LONG", "NOTHING", "Kind", "Shape", "fitted", "loses", "shape_of", "united"]

EXACT = 2**53
"""A float holds every whole number up to this one."""

LONG = 2**63 - 1
"""The largest whole number of 64 bits."""

_LARGEST = 2**127 - 1
"""The largest whole number of a polars column."""

_TOO_LARGE = _LARGEST + 1
"""Stands for whole numbers that no column holds."""


class Kind(enum.Enum):
    """The type of the values at one place."""

    NULL = enum.auto()
    BOOL = enum.auto()
    INT = enum.auto()
    FLOAT = enum.auto()
    TEXT = enum.auto()
    MIXED = enum.auto()
    LIST = enum.auto()
    OBJECT = enum.auto()
    OTHER = enum.auto()


_OF_TYPE = {bool: Kind.BOOL, float: Kind.FLOAT, str: Kind.TEXT}


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """Which values stand at one place; any of them may be null, too.

    Attributes:
        kind: Their type; MIXED: they have several, and become text; OTHER: no type of JSON, such as a time.
        reach: Of whole numbers, how far from zero they may be: `EXACT`, `LONG`, or more. If no column holds them, they
            are text, or floats beside fractions.
        are_exact: Of whole numbers, whether a float holds each of them.
        items: Of lists, the shape of what is in them.
        fields: Of objects, their keys in the order of first appearance, each with the shape of its values.
    """

    kind: Kind
    reach: int = EXACT
    are_exact: bool = True
    items: Shape | None = None
    fields: Mapping[str, Shape] | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether values that are no text become text."""
        return self.kind is Kind.MIXED or self.reach == _TOO_LARGE


NOTHING = Shape(Kind.NULL)
"""No value at all."""

_MIXED = Shape(Kind.MIXED)


def shape_of(values: list[Any]) -> Shape:
    """Return the shape of JSON values, which stand at one place."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return NOTHING
    if kinds == {dict}:
        there = [value for value in values if value is not None]
        keys = dict.fromkeys(itertools.chain.from_iterable(there))
        return Shape(
            Kind.OBJECT, fields={key: shape_of([value[key] for value in there if key in value]) for key in keys}
        )
    if kinds == {list}:
        return Shape(Kind.LIST, items=shape_of([item for value in values if value is not None for item in value]))
    if kinds == {int}:
        return _whole_numbers([value for value in values if value is not None])
    if kinds == {int, float}:
        whole = _whole_numbers([value for value in values if type(value) is int])
        return Shape(Kind.FLOAT) if whole.are_exact else _MIXED
    return Shape(_OF_TYPE.get(kinds.pop(), Kind.OTHER)) if len(kinds) == 1 else _MIXED


def _whole_numbers(numbers: list[int]) -> Shape:
    least, most = min(numbers), max(numbers)
    if least >= -EXACT and most <= EXACT:
        return Shape(Kind.INT)
    reach = next((one for one in (LONG, _LARGEST) if -one - 1 <= least and most <= one), _TOO_LARGE)
    return Shape(Kind.INT, reach, all(map(_is_exact, numbers)))


def _is_exact(number: int) -> bool:
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def united(one: Shape, other: Shape, place: str = "", mixed: set[str] | None = None) -> Shape:
    """Return the shape of the values of both.

    Args:
        one: What comes first: its keys keep their order.
        other: What comes later.
        place: The dotted path of the values, for `mixed`.
        mixed: Takes the paths whose values become text, as the two shapes do not go together.
    """
    if one == other or other.kind is Kind.NULL:
        return one
    kinds = {one.kind, other.kind}
    if one.kind is Kind.NULL:
        return other
    if kinds == {Kind.OBJECT}:
        fields = dict(one.fields or {})
        for key, shape in (other.fields or {}).items():
            fields[key] = united(fields.get(key, NOTHING), shape, f"{place}.{key}" if place else key, mixed)
        return Shape(Kind.OBJECT, fields=fields)
    if kinds == {Kind.LIST}:
        return Shape(Kind.LIST, items=united(one.items or NOTHING, other.items or NOTHING, f"{place}[*]", mixed))
    if kinds == {Kind.INT}:
        both = Shape(Kind.INT, max(one.reach, other.reach), one.are_exact and other.are_exact)
        if mixed is not None and (loses(one, both) or loses(other, both)):
            mixed.add(place)
        return both
    if kinds == {Kind.INT, Kind.FLOAT} and one.are_exact and other.are_exact:
        return Shape(Kind.FLOAT)
    if mixed is not None and kinds - {Kind.TEXT, Kind.MIXED}:
        mixed.add(place)
    return _MIXED


def loses(old: Shape, new: Shape) -> bool:
    """Return whether values with an old shape become text in a new one that is united with it."""
    if new.is_mixed:
        return not old.is_mixed and old.kind not in (Kind.TEXT, Kind.NULL)
    if old.kind is not new.kind:
        return False
    if old.items is not None and new.items is not None:
        return loses(old.items, new.items)
    after = new.fields or {}
    return any(loses(shape, after[key]) for key, shape in (old.fields or {}).items())


def fitted(values: list[Any], shape: Shape) -> list[Any]:
    """Return JSON values as a column of that shape has them. The same list is returned if nothing has to change."""
    if shape.kind is Kind.OBJECT:
        return _fitted_objects(values, shape.fields or {})
    if shape.kind is Kind.LIST:
        items = [item for value in values if value is not None for item in value]
        settled = fitted(items, shape.items or NOTHING)
        if settled is items:
            return values
        left = iter(settled)
        return [None if value is None else list(itertools.islice(left, len(value))) for value in values]
    if shape.kind is Kind.FLOAT and int in set(map(type, values)):
        return [None if value is None else float(value) for value in values]
    if shape.is_mixed:
        return [value if value is None or isinstance(value, str) else _as_json(value) for value in values]
    return values


def _fitted_objects(values: list[Any], fields: Mapping[str, Shape]) -> list[Any]:
    there = [value for value in values if value is not None]
    changed: dict[str, Iterator[Any]] = {}
    for key, shape in fields.items():
        column = [value[key] for value in there if key in value]
        settled = fitted(column, shape)
        if settled is not column:
            changed[key] = iter(settled)
    if not changed:
        return values
    rebuilt = ({key: next(changed[key]) if key in changed else one for key, one in value.items()} for value in there)
    return [None if value is None else next(rebuilt) for value in values]


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
