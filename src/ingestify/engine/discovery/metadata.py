"""The JSON text of announced metadata, quickly."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.change import metadata_text

__all__ = ["text_of_metadata"]

_KEYS = frozenset({str})
_VALUES = frozenset({str, int, bool, type(None), dict})


def text_of_metadata(metadata: Mapping[str, Any]) -> str:
    """Return the same text as `domain.change.metadata_text`, in a third of the time for the usual values.

    A run compares it with that of each dataset in the lake. msgspec writes texts, whole numbers, true, false and null
    like the standard library; other values, of which it writes some differently, are left to that.

    Raises:
        SourceError: See there.
    """
    if _is_plain(metadata):
        try:
            return _encoder()(metadata).decode()
        except (
            OverflowError,
            ValueError,
        ):  # a number of more than 64 bits, or of 5,000 digits; half of a surrogate pair
            pass
    return metadata_text(metadata)


def _is_plain(metadata: Mapping[str, Any]) -> bool:
    """Whether it is an object of texts, whole numbers, true, false and null, and of such objects, without others."""
    if type(metadata) is not dict:
        return False
    values = tuple(metadata.values())
    objects = _objects_among(tuple(map(type, metadata)), tuple(map(type, values)))
    if objects is None:
        return False
    for number in objects:
        one = values[number]
        if _objects_among(tuple(map(type, one)), tuple(map(type, one.values()))) != ():
            return False
    return True


@functools.lru_cache(maxsize=1024)  # the datasets of a run have the same few types
def _objects_among(keys: tuple[type, ...], values: tuple[type, ...]) -> tuple[int, ...] | None:
    """Return the numbers of the values that are objects; None: a key or another value is of a type that is not plain.

    Args:
        keys: The types of the keys of an object.
        values: The types of its values.
    """
    if not (_KEYS.issuperset(keys) and _VALUES.issuperset(values)):
        return None
    return tuple([number for number, one in enumerate(values) if one is dict])


@functools.cache
def _encoder() -> Callable[[object], bytes]:
    import msgspec  # it takes a while, and only a run needs it

    return msgspec.json.Encoder(order="sorted").encode
