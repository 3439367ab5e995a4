"""The identity of a dataset, compared by value."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import json
import math
import numbers
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from ingestify.domain.text import is_storable
from ingestify.errors import SourceError

__all__ = ["Identifier", "Scalar", "canonical_text", "canonical_value"]

Scalar = str | int | float | bool | None
"""What an identifier's value can be, as JSON knows it. None is kept, and is the same identity as an empty text."""


_quoted = json.JSONEncoder(ensure_ascii=False).encode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


LONGEST_IDENTIFIER = 512
"""How many characters the canonical text of an identifier may have."""

_MOST_BYTES = 1536
"""And how many bytes, as an index of PostgreSQL takes 2,704 in all."""

MOST_DIGITS = 1000
"""A whole number has no more of them; Python itself writes down 4,300 at the most."""

_LARGEST = 10**MOST_DIGITS - 1
_SMALLEST = -_LARGEST


@functools.lru_cache(maxsize=1024)  # a run's datasets share their keys
def _check_keys(keys: tuple[object, ...]) -> None:
    for key in keys:
        if not isinstance(key, str) or not key or not is_storable(key):
            raise SourceError(f"An identifier's keys are non-empty strings without NUL; {key!r} is not.")


def _plain(key: str, value: object) -> Scalar:
    """Return the JSON scalar that `value` is stored as; its type is kept where JSON has one."""
    # The usual types first: a run makes an identifier for each of a hundred thousand datasets.
    if type(value) is str:
        return _checked_text(key, value)
    if type(value) is int:
        return _checked_number(key, value)
    return _unusual(key, value)


def _unusual(key: str, value: object) -> Scalar:
    if isinstance(value, enum.Enum):
        return _plain(key, value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _checked_text(key, str(value))
    if isinstance(value, numbers.Integral):
        return _checked_number(key, int(value))
    if isinstance(value, numbers.Real) and math.isfinite(number := float(value)):
        # pandas turns a column of ids into floats as soon as one is missing: 12.0 means match 12.
        return int(number) if number.is_integer() else number
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise SourceError(
        f"The identifier value {value!r} of '{key}' is a {type(value).__name__}: "
        f"use a string, an integer, a date, or another single value."
    )


def _checked_text(key: str, value: str) -> str:
    if not is_storable(value):
        raise SourceError(
            f"The identifier value {value!r} of '{key}' holds a NUL or half a character, which no database keeps."
        )
    return value


def _checked_number(key: str, value: int) -> int:
    if not _SMALLEST <= value <= _LARGEST:
        raise SourceError(f"The identifier value of '{key}' is a number of more than {MOST_DIGITS} digits.")
    return value


def canonical_value(value: object, key: str = "value") -> str:
    """Return the text by which identifier values are compared: 12 and "12" give "12", None gives an empty text.

    Raises:
        SourceError: The value is not finite, or not a single value.
    """
    plain = _plain(key, value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return "" if plain is None else str(plain)


def canonical_text(attributes: Mapping[str, object]) -> str:
    """Return the sorted JSON text of `attributes` with every value in its canonical form."""
    # Written by hand, as each of the hundred thousand datasets of a run needs one and they share their keys.
    parts = []
    for key, begin in _in_order(tuple(attributes)):
        value = attributes[key]
        parts.append(f'{begin}"{value}"' if type(value) is int else begin + _quoted(canonical_value(value, key)))
    return "{" + ",".join(parts) + "}"


@functools.lru_cache(maxsize=1024)
def _in_order(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return each key with the JSON text before its value, sorted by key."""
    return tuple((key, f"{_quoted(key)}:") for key in sorted(keys))


class Identifier(dict[str, Any]):
    """An immutable dict such as `{"competition_id": 11, "season_id": 90, "match_id": 3764440}`.

    Two identifiers are equal when they have the same keys, in any order, with the same values, where an
    integer and the string of its digits are the same value: a source that changes `12` to `"12"` does not
    make a second dataset. The keys keep the order in which they were given; that order makes the path. One without
    keys is that of the only dataset of its provider and type.

    Args:
        attributes: Key to single value. Dates and UUIDs become their text.
        **keys: The same as keyword arguments: `Identifier(competition_id=11, match_id=12)`.

    Raises:
        SourceError: An empty key, or a value that is not a single value.
    """

    __slots__ = ("_canonical", "_hash")

    def __init__(self, attributes: Mapping[str, object] | Iterable[tuple[str, object]] = (), /, **keys: object) -> None:
        super().__init__(attributes, **keys)
        _check_keys(tuple(self))
        for key, value in self.items():
            if type(value) is not int or not _SMALLEST <= value <= _LARGEST:  # mostly it is such a number
                dict.__setitem__(self, key, _plain(key, value))
        self._canonical: str | None = None
        self._hash: int | None = None

    @classmethod
    def stored(cls, attributes: dict[str, Scalar]) -> Identifier:
        """Return the identifier of what `to_json` wrote, which was looked at when it was made."""
        identifier = cls.__new__(cls)
        dict.update(identifier, attributes)
        identifier._canonical = None
        identifier._hash = None
        return identifier

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """Read what `str()` writes: `competition_id=11/match_id=12`.

        Raises:
            SourceError: A part is not `key=value`.
        """
        attributes: dict[str, object] = {}
        for part in text.split("/"):
            key, separator, value = part.partition("=")
            if not separator or not key:
                raise SourceError(f"'{text}' is not an identifier: write key=value/key=value.")
            attributes[key] = value
        return cls(attributes)

    @property
    def canonical(self) -> str:
        """The text that is unique per dataset within (bucket, provider, dataset type)."""
        if self._canonical is None:
            self._canonical = canonical_text(self)
        return self._canonical

    @property
    def key(self) -> str:
        """The same as `str()`: `competition_id=11/match_id=12`."""
        return str(self)

    def check_length(self) -> None:
        """Refuse what no catalogue keeps, as its indexes have an end.

        Raises:
            SourceError: It is too long.
        """
        text = self.canonical
        if len(text) > LONGEST_IDENTIFIER or (not text.isascii() and len(text.encode()) > _MOST_BYTES):
            raise SourceError(
                f"its identifier has {len(text):,} characters, and a catalogue keeps {LONGEST_IDENTIFIER}, in "
                f"{_MOST_BYTES:,} bytes"
            )

    def to_json(self) -> str:
        """Return the JSON text that keeps key order and value types."""
        return _encode(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Identifier):
            return self.canonical == other.canonical
        if isinstance(other, Mapping):
            try:
                return self.canonical == canonical_text(other)
            except (SourceError, TypeError):
                return False
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none, as it can be changed
        if self._hash is None:
            self._hash = hash(self.canonical)
        return self._hash

    def __str__(self) -> str:
        texts = [f"{key}={value if type(value) is int else canonical_value(value)}" for key, value in self.items()]
        return "/".join(texts)

    def __repr__(self) -> str:
        return f"Identifier({super().__repr__()})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Identifier.stored, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("An identifier cannot be changed; make another one: Identifier({**identifier, …}).")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
