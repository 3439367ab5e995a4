"""Fills the shape of a document, and returns a document with the types of JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from ingestify.domain.json_value import JsonValue

__all__ = ["as_json", "filled"]

_Shape = TypeVar("_Shape")

_HALF = re.compile("[\ud800-\udfff]")


def filled(shape: type[_Shape], value: object, /, **others: object) -> _Shape:
    """Return a document of a shape, with the keys in the order of the shape. `event` is always the first.

    The value of a key is that of `others`, or the attribute of `value` with this name.

    Args:
        shape: A `TypedDict`. A key that is not required is left out if there is no value for it.
        value: The object that the document is about.
        **others: The keys that are no attributes of it.

    Raises:
        AttributeError: There is no value for a required key.
    """
    described: Any = shape
    found = {
        key: others[key] if key in others else getattr(value, key)
        for key in sorted(described.__annotations__, key=lambda key: key != "event")
        if key in described.__required_keys__ or key in others or hasattr(value, key)
    }
    return cast(_Shape, found)


def as_json(value: object) -> JsonValue:
    """Return a document, or another value, with the types of JSON.

    A time becomes a text as in ISO 8601, bytes become hexadecimal digits, a decimal becomes a number, and a value of
    any other type its `str`. NaN and infinities become None. Half of a surrogate pair becomes U+FFFD, as strict parsers
    refuse it even as an escape.
    """
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): as_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    if isinstance(value, decimal.Decimal):
        return as_json(int(value) if value.is_finite() and value == value.to_integral_value() else float(value))
    if isinstance(value, bytes):
        return value.hex()
    return as_json(value.isoformat() if isinstance(value, dt.datetime) else str(value))


def _key(key: object) -> object:
    # Numbers, True and None are written as json.dumps does it; of other keys it knows only text.
    return key if isinstance(key, (bool, int)) or key is None else as_json(str(key))
