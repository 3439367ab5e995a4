"""Lists in the form of an object by id: `{"101": {"home": "Ajax"}, "102": {…}}`."""

from __future__ import annotations

from typing import Any

__all__ = ["find_keyed_entries"]


def find_keyed_entries(value: Any) -> list[dict[str, Any]] | None:
    """Return the values of an object by id, each with its key as `id` unless it has an `id`.

    None if `value` is not an object whose values are all objects.
    """
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        return None
    return [each if "id" in each else {"id": key, **each} for key, each in value.items()]
